package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// sabotage is a fault that is built into a whipper to see that the harness finds it.
type sabotage struct {
	mutation
	sign string // what a violation says that is due to it
}

var sabotages = []sabotage{
	{sign: "was acknowledged at", mutation: mutation{
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
	}},
	{sign: "and was run again at", mutation: mutation{
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
	}},
	{sign: "does not come to an end", mutation: mutation{
		name: "lose the requeue at start", file: "ledger/recover.go",
		old: "	err = b.conn.query(abandonedCountSQL,",
		new: "	if at > 0 {\n		return r, nil\n	}\n	err = b.conn.query(abandonedCountSQL,",
	}},
}

var errUnseen = errors.New("there was no violation that says so")

// seeSabotages builds each of the faults, or those whose names begin so, into a whipper of its own, and fails if one of them is not found.
func seeSabotages(ctx context.Context, seed uint64, only string, out io.Writer) error {
	from, err := root(ctx)
	if err != nil {
		return err
	}
	for _, s := range sabotages {
		if strings.HasPrefix(s.name, only) {
			if err := s.see(ctx, from, seed, out); err != nil {
				return fmt.Errorf("sabotage %q: %w", s.name, err)
			}
		}
	}
	return nil
}

// see has chaos look at a whipper with the fault in it, in a dense form of what it does otherwise.
func (s sabotage) see(ctx context.Context, from string, seed uint64, out io.Writer) error {
	dir, err := os.MkdirTemp("", "whipper-sabotage-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // nobody needs it
	began := time.Now()
	binary := filepath.Join(dir, "whipper")
	if err := s.build(ctx, from, binary); err != nil {
		return err
	}
	built := time.Now()
	o := shortened(time.Minute, seed)
	o.round, o.life, o.stuck, o.sign = 6*time.Second, 2*time.Second, 10*time.Second, s.sign
	o.pace, o.malice = 25*time.Millisecond, 60*time.Millisecond
	var said bytes.Buffer
	stages, err := newStages(ctx, from, dir, builds{usual: []string{binary}}, o, &said)
	if err != nil {
		return err
	}
	run(ctx, stages[:1], o, &said)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	violation := stages[0].books.said(s.sign)
	if violation == "" {
		return fmt.Errorf("%w: %q\n%s", errUnseen, s.sign, said.String())
	}
	_, err = fmt.Fprintf(out, "sabotage %q, built in %s, was found after %s:\n  %s\n", s.name, built.Sub(began).Round(time.Second),
		time.Since(built).Round(time.Second), violation)
	return err
}
