package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// sabotages are faults that are built into a whipper to see that the harness finds them.
var sabotages = []mutation{
	{
		name: "acknowledge before commit", file: "ledger/batch.go",
		old: "	_, err := b.conn.exec(commitSQL)\n	return err\n",
		new: `	for _, o := range ops {
		if o.kind == opCall && o.err == nil {
			o.answer(nil)
			o.done = nil
		}
	}
	_, err := b.conn.exec(commitSQL)
	return err
`,
	},
	{
		name: "run again after success", file: "supervisor/finish.go",
		old: "			p.tellOutcome(&job, outcome)\n		} else {\n",
		new: `			p.tellOutcome(&job, outcome)
			if job.State == ledger.Succeeded && job.Origin == ledger.FromSubmit && job.ID%16 == 0 {
				job.State = ledger.Queued
				p.letGo(job.ID)
				if c := p.adopt(job); c != nil {
					p.enqueue(c)
					p.dispatch()
				}
				return
			}
		} else {
`,
	},
	{
		name: "lose the requeue at start", file: "ledger/recover.go",
		old: "	err = b.conn.query(abandonedCountSQL,",
		new: "	if at > 0 {\n		return r, nil\n	}\n	err = b.conn.query(abandonedCountSQL,",
	},
}

var errNothing = errors.New("there was no violation")

// seeSabotages builds each of the faults, or those whose names begin so, into a whipper of its own, and fails if one of them is not found.
func seeSabotages(ctx context.Context, seed uint64, only string, out io.Writer) error {
	from, err := root(ctx)
	if err != nil {
		return err
	}
	for _, s := range sabotages {
		if !strings.HasPrefix(s.name, only) {
			continue
		}
		began := time.Now()
		said, err := s.see(ctx, from, seed)
		if err != nil || firstViolations(said) == "" {
			return fmt.Errorf("sabotage %q was not found: %w\n%s", s.name, cmp.Or(err, errNothing), said)
		}
		fmt.Fprintf(out, "sabotage %q was found after %s:\n%s", s.name, time.Since(began).Round(time.Second), firstViolations(said))
	}
	return nil
}

// see has chaos look at a whipper with the fault in it.
func (m mutation) see(ctx context.Context, from string, seed uint64) (said string, err error) {
	dir, err := os.MkdirTemp("", "whipper-sabotage-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(dir) }() // nobody needs it
	binary := filepath.Join(dir, "whipper")
	if err := m.build(ctx, from, binary); err != nil {
		return "", err
	}
	o := shortened(45*time.Second, seed)
	o.round, o.life, o.stuck, o.first = 9*time.Second, 3*time.Second, 10*time.Second, true
	o.pace, o.malice = 40*time.Millisecond, 150*time.Millisecond
	var out bytes.Buffer
	stages, err := newStages(ctx, from, dir, builds{usual: []string{binary}}, o, &out)
	if err != nil {
		return "", err
	}
	run(ctx, stages[:1], o, &out)
	return out.String(), ctx.Err()
}

// firstViolations gives the lines of some; "": there is none.
func firstViolations(said string) string {
	var lines strings.Builder
	n := 0
	for line := range strings.Lines(said) {
		if n < 5 && strings.HasPrefix(line, "VIOLATION") {
			lines.WriteString("  " + line)
			n++
		}
	}
	return lines.String()
}
