package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// sabotage is a fault that is built into a whipper to see that the harness finds it: the text of one source file with a passage
// replaced. Only the build in the harness's own folder has it, by the compiler's -overlay.
type sabotage struct {
	name        string
	file        string
	old, broken string
}

var sabotages = []sabotage{
	{
		name: "acknowledge before commit", file: "ledger/batch.go",
		old: "	_, err := b.conn.exec(commitSQL)\n	return err\n",
		broken: `	for _, o := range ops {
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
		broken: `			p.tellOutcome(&job, outcome)
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
		old:    "	err = b.conn.query(abandonedCountSQL,",
		broken: "	if at > 0 {\n		return r, nil\n	}\n	err = b.conn.query(abandonedCountSQL,",
	},
}

// build makes a whipper with the fault in it.
func (s sabotage) build(ctx context.Context, from, dir, to string) error {
	path := filepath.Join(from, s.file)
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if n := strings.Count(string(text), s.old); n != 1 {
		return fmt.Errorf("sabotage %q: the passage to be replaced is %d times in %s, not once: bring internal/chaos/sabotage.go up to date", s.name, n, s.file)
	}
	broken := filepath.Join(dir, "broken.go")
	if err := os.WriteFile(broken, []byte(strings.Replace(string(text), s.old, s.broken, 1)), 0o600); err != nil {
		return err
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{path: broken}})
	if err != nil {
		return err
	}
	file := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(file, overlay, 0o600); err != nil {
		return err
	}
	return build(ctx, from, to, "chaos-broken", "-overlay", file)
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
		if err != nil || firstViolation(said) == "" {
			return fmt.Errorf("sabotage %q was not found: %w\n%s", s.name, cmp.Or(err, errNothing), said)
		}
		fmt.Fprintf(out, "sabotage %q was found after %s:\n%s", s.name, time.Since(began).Round(time.Second), firstViolation(said))
	}
	return nil
}

// see has chaos look at a whipper with the fault in it.
func (s sabotage) see(ctx context.Context, from string, seed uint64) (said string, err error) {
	dir, err := os.MkdirTemp("", "whipper-sabotage-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir) // nobody needs it
	binary := filepath.Join(dir, "whipper")
	if err := s.build(ctx, from, dir, binary); err != nil {
		return "", err
	}
	o := shortened(45*time.Second, seed)
	o.round, o.life, o.stuck, o.first = 9*time.Second, 3*time.Second, 10*time.Second, true
	o.pace, o.malice = 40*time.Millisecond, 150*time.Millisecond
	var out bytes.Buffer
	stages, err := newStages(ctx, from, dir, []string{binary}, o, &out)
	if err != nil {
		return "", err
	}
	run(ctx, stages[:1], o, &out)
	return out.String(), ctx.Err()
}

// firstViolation gives the line of the first; "": there is none.
func firstViolation(said string) string {
	for line := range strings.Lines(said) {
		if strings.HasPrefix(line, "VIOLATION") {
			return line
		}
	}
	return ""
}
