package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/term"

	"github.com/whipper-sidecar/whipper/bench/ledgers"
	"github.com/whipper-sidecar/whipper/bench/result"
	"github.com/whipper-sidecar/whipper/bench/works"
)

func main() {
	if ledgers.Leaving() { // started again, to be killed
		return
	}
	var o options
	flag.BoolVar(&o.quick, "quick", false, "small sizes and only the peers that are installed: shows in two minutes that all of it works")
	flag.StringVar(&o.parts, "part", "", "what to measure, by commas: "+works.Names()+" (default: all)")
	flag.IntVar(&o.turns, "turns", 0, "turns that each contender takes; medians are printed (default: 5, or 3 of what is slow)")
	flag.BoolVar(&o.peers, "peers", true, "measure the peers too")
	flag.BoolVar(&o.docs, "docs", false, "put the table into docs/benchmarks.md and the chart beside it")
	flag.StringVar(&o.from, "from", "", "show the `FILE` of an earlier run, as bench/results/bench.json, and measure nothing")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type options struct {
	parts, from        string
	turns              int
	quick, peers, docs bool
}

func run(ctx context.Context, o options) error {
	if o.from != "" {
		report, err := result.Read(o.from)
		if err != nil {
			return err
		}
		return publish(report, o.docs)
	}
	chosen, err := works.Choose(o.parts)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "whipper-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	s := works.Full
	if o.quick {
		s = works.Quick
	}
	if o.turns > 0 {
		s = s.WithTurns(o.turns)
	}
	report := &result.Report{
		Began: time.Now(), Source: result.Source(ctx), Size: s.Name, Machine: result.ThisMachine(dir), Progress: progress(),
	}
	b, err := works.New(ctx, dir, s, report)
	if err != nil {
		return err
	}
	if o.peers {
		if err := b.Gather(o.quick); err != nil {
			return err
		}
	}
	for _, p := range chosen {
		if err = p.Measure(b, ctx); err != nil {
			err = fmt.Errorf("-part %s: %w", p.Name, err)
			break
		}
	}
	report.Progress("")
	report.Versions = result.ProgramVersions(context.WithoutCancel(ctx)) // now that peers have brought theirs
	return errors.Join(err, publish(report, o.docs && err == nil))
}

// publish prints the table and leaves it in files.
func publish(r *result.Report, docs bool) error {
	table, err := r.Markdown()
	if err != nil {
		return err
	}
	chart, err := r.SVG()
	if err != nil {
		return err
	}
	fmt.Print(table)
	dir := filepath.Join("bench", "results")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	err = errors.Join(
		r.WriteJSON(filepath.Join(dir, "bench.json")),
		os.WriteFile(filepath.Join(dir, "bench.md"), []byte(table), 0o644),
		os.WriteFile(filepath.Join(dir, "bench.svg"), chart, 0o644))
	if err != nil || !docs {
		return err
	}
	return result.Publish(filepath.Join("docs", "benchmarks.md"), table, chart)
}

// progress tells on a terminal what is measured now, on one line, and nothing elsewhere.
func progress() func(string) {
	if !term.IsTerminal(int(os.Stderr.Fd())) {
		return func(string) {}
	}
	return func(text string) { fmt.Fprint(os.Stderr, "\r\x1b[K"+strings.TrimSpace(text)) }
}
