package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// chaos runs all stages side by side and says what came of it.
func chaos(ctx context.Context, o options, out io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "whipper-chaos-")
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "chaos: %s, CHAOS_SEED=%d, folder %s\n", o.duration, o.seed, dir)
	from, err := root(ctx)
	if err != nil {
		return err
	}
	made, err := makeBuilds(ctx, from, dir, o.long)
	if err != nil {
		return errors.Join(err, os.RemoveAll(dir))
	}
	stages, err := newStages(ctx, from, dir, made, o, out)
	if err != nil {
		return err
	}
	violations := run(ctx, stages, o, out)
	if violations > 0 {
		return fmt.Errorf("%w: %s; ledgers, histories, effects and logs are in %s; CHAOS_SEED=%d makes the same choices again", errViolated,
			count(violations, "violation"), dir, o.seed)
	}
	if o.keep {
		return ctx.Err()
	}
	return errors.Join(ctx.Err(), os.RemoveAll(dir))
}

// builds are the whippers that a supervisor may be upgraded to.
type builds struct {
	usual []string
	jumps string // one whose clock jumps; "": there is none
}

func makeBuilds(ctx context.Context, from, dir string, long bool) (b builds, err error) {
	for _, version := range []string{"chaos-a", "chaos-b"} {
		to := filepath.Join(dir, version)
		if err := build(ctx, from, to, version); err != nil {
			return b, err
		}
		b.usual = append(b.usual, to)
	}
	if !long {
		return b, nil
	}
	old, err := buildBefore(ctx, from, dir)
	if err != nil {
		return b, err
	}
	if old != "" {
		b.usual = append(b.usual, old)
	}
	b.jumps = filepath.Join(dir, "chaos-jumps")
	return b, clockJumps.build(ctx, from, b.jumps)
}

// newStages gives the three: a pool alone, a fleet of pools, and an old supervisor.
func newStages(ctx context.Context, from, dir string, made builds, o options, out io.Writer) ([]*stage, error) {
	text, err := exec.CommandContext(ctx, "python3", "-c", "import sys; print(sys.executable)").Output()
	if err != nil {
		return nil, fmt.Errorf("look for Python: %w", err)
	}
	interpreter := strings.TrimSpace(string(text))
	kinds, err := writeWorkers(dir, interpreter)
	if err != nil {
		return nil, err
	}
	speak, err := writeClients(dir, from, interpreter)
	if err != nil {
		return nil, err
	}
	stages := []*stage{
		{name: "alone", workers: 4},
		{name: "fleet", workers: 2, kinds: []kind{kinds["python"], kinds["node"], kinds["bare"]}},
		{name: "old", workers: 2, kinds: []kind{kinds["python"], kinds["node"], kinds["go"]}, old: true},
	}
	for i, s := range stages {
		s.dir, s.binaries, s.o, s.stream = filepath.Join(dir, s.name), made.usual, o, uint64(i)+1
		s.books, s.languages, s.totals = newBooks(s.name, out), speak, totals{}
		if s.name == "fleet" && made.jumps != "" {
			s.binaries, s.jumps = append(slices.Clone(made.usual), made.jumps), true
		}
		if s.kinds == nil {
			s.kinds = []kind{kinds[[]string{"python", "node", "go", "bare"}[s.random().IntN(4)]]}
		}
	}
	return stages, nil
}

// run plays the stages, and gives the number of violations.
func run(ctx context.Context, stages []*stage, o options, out io.Writer) (violations int) {
	began := time.Now()
	over := showProgress(began, o.duration, stages)
	var all sync.WaitGroup
	for _, s := range stages {
		all.Go(func() { s.run(ctx, began.Add(o.duration), out) })
	}
	all.Wait()
	over()
	violations = report(out, stages)
	for _, s := range stages {
		if s.old {
			s.samples.report(out, s.name)
		}
	}
	fmt.Fprintf(out, "chaos: %s, CHAOS_SEED=%d: %s\n", time.Since(began).Round(time.Second), o.seed, glance(stages))
	return violations
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
