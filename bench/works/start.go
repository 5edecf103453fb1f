package works

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/whipper-sidecar/whipper/bench/result"
	"github.com/whipper-sidecar/whipper/bench/sidecar"
)

// start measures processes: a supervisor until it has answered, and a client from its start to its end.
func (b *Bench) start(ctx context.Context) error {
	n := b.sizes.starts
	version := func() *result.Contender {
		return beneath("whipper version", func(ctx context.Context) (result.Figures, error) {
			return medianTook(n, func() (time.Duration, error) { return sidecar.Command(ctx, b.binary, "version") })
		})
	}
	first := b.report.Work("exec to first answered call", "one Go worker, on a new ledger; the call is the Go client's")
	exec := &result.Contender{Name: "whipper", Kind: result.Ours, Run: func(ctx context.Context) (result.Figures, error) {
		return medianTook(n, func() (time.Duration, error) { return b.firstAnswer(ctx) })
	}}
	floor := version()
	if err := first.Take(ctx, b.sizes.turns, exec, floor); err != nil {
		return err
	}
	first.Hold(exec.Name, result.Took, 0.1)
	first.Compare(exec.Name, result.Took, floor.Name, 0)

	call := b.report.Work("CLI call round trip", "the process `whipper call` from its start to its end, to a supervisor with one Go worker")
	cli := &result.Contender{Name: "whipper", Kind: result.Ours, Run: func(ctx context.Context) (result.Figures, error) {
		dir, err := os.MkdirTemp(b.dir, "")
		if err != nil {
			return nil, err
		}
		defer func() { _ = os.RemoveAll(dir) }()
		s, err := sidecar.Start(ctx, sidecar.Options{Binary: b.binary, Dir: dir, Workers: 1, Calls: 1, Worker: b.golang.whipper})
		if err != nil {
			return nil, err
		}
		f, err := medianTook(n, func() (time.Duration, error) {
			return sidecar.Command(ctx, b.binary, "call", "--dir", dir, "echo", "1")
		})
		return f, errors.Join(err, s.End())
	}}
	floor = version()
	if err := call.Take(ctx, b.sizes.turns, cli, floor); err != nil {
		return err
	}
	call.Hold(cli.Name, result.Took, 0.025)
	call.Compare(cli.Name, result.Took, floor.Name, 0)
	return nil
}

// firstAnswer is how long it takes from the start of whipper exec until a call has its answer.
func (b *Bench) firstAnswer(ctx context.Context) (took time.Duration, err error) {
	dir, err := os.MkdirTemp(b.dir, "")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	began := time.Now()
	s, err := sidecar.Start(ctx, sidecar.Options{Binary: b.binary, Dir: dir, Workers: 1, Calls: 1, Worker: b.golang.whipper})
	if err != nil {
		return 0, err
	}
	err = call(ctx, s.Client, "echo", json.RawMessage(`[1]`))
	return time.Since(began), errors.Join(err, s.End())
}

// medianTook does something n times, and gives the median of the times that it tells.
func medianTook(n int, one func() (time.Duration, error)) (result.Figures, error) {
	times := make([]time.Duration, n)
	for i := range times {
		var err error
		if times[i], err = one(); err != nil {
			return nil, fmt.Errorf("%d of %d: %w", i+1, n, err)
		}
	}
	return result.Figures{result.Took: result.Quantile(times, 0.5)}, nil
}
