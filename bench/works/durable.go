package works

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/whipper-sidecar/whipper/bench/floor"
	"github.com/whipper-sidecar/whipper/bench/peers"
	"github.com/whipper-sidecar/whipper/bench/result"
	"github.com/whipper-sidecar/whipper/bench/sidecar"
)

// group is how many jobs the bare statements write in a transaction where whipper's writer takes as many as wait, at most as many.
const group = 512

// durable measures jobs from their submission until their outcome is on disk.
func (b *Bench) durable(ctx context.Context) error {
	n := b.sizes.jobs
	w := b.report.Work("durable end to end", fmt.Sprintf("%d jobs in batches of %d by the Go client, which waits for their outcomes meanwhile; 2 workers × %d calls; a peer gets %d jobs",
		n, batchJobs, pipeline, b.sizes.peerJobs))
	rate := func(ctx context.Context, s *sidecar.Supervisor) (result.Figures, error) {
		began := time.Now()
		err := submitAndWait(ctx, s.Client, n)
		return result.Figures{result.Rate: float64(n) / time.Since(began).Seconds()}, err
	}
	node := b.ours("Node worker", b.node, 2, pipeline, rate)
	python := b.ours("Python worker", b.python, 2, pipeline, rate)
	pipes := beneath("bare pipes, Node, kept nowhere", func(ctx context.Context) (result.Figures, error) {
		rate, err := floor.Echo(ctx, b.node.bare, 2, n, pipeline)
		return result.Figures{result.Rate: rate}, err
	})
	statements := beneath(fmt.Sprintf("bare statements, %d in a transaction", group), func(ctx context.Context) (result.Figures, error) {
		return b.statements(ctx, n)
	})
	others := b.others(ctx, "durable", peers.Settings{Jobs: b.sizes.peerJobs, Workers: 2, Concurrency: pipeline})
	contenders := append([]*result.Contender{node, python, pipes, statements}, others...)
	if err := w.Take(ctx, b.sizes.slowTurns, contenders...); err != nil {
		return err
	}
	w.Hold(node.Name, result.Rate, 20_000)
	w.Hold(python.Name, result.Rate, 15_000)
	w.Compare(node.Name, result.Rate, pipes.Name, 0)
	w.Compare(node.Name, result.Rate, statements.Name, 0)
	targets := map[string]float64{"River": 5, "Huey": 8, "BullMQ everysec": 1.3}
	for _, other := range others {
		w.Compare(node.Name, result.Rate, other.Name, targets[other.Name])
	}
	return nil
}

// statements writes what the ledger writes for n jobs by its bare statements: all submissions, then all outcomes.
func (b *Bench) statements(ctx context.Context, n int) (f result.Figures, err error) {
	dir := filepath.Join(b.dir, "statements")
	s, err := floor.NewStatements(ctx, dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close(), os.RemoveAll(dir)) }()
	began := time.Now()
	for _, write := range []func(first, end int) error{s.Submit, s.Finish} {
		for from := 1; from <= n; from += group {
			if err := write(from, min(from+group, n+1)); err != nil {
				return nil, err
			}
		}
	}
	return result.Figures{result.Rate: float64(n) / time.Since(began).Seconds()}, nil
}
