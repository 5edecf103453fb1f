package works

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"time"

	"github.com/whipper-sidecar/whipper/bench/floor"
	"github.com/whipper-sidecar/whipper/bench/result"
	"github.com/whipper-sidecar/whipper/bench/sidecar"
	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

// supervision measures what supervision itself costs: a replacement, a rolling restart, and idle workers.
func (b *Bench) supervision(ctx context.Context) error {
	if err := b.replacement(ctx); err != nil {
		return err
	}
	if err := b.restart(ctx); err != nil {
		return err
	}
	for _, workers := range b.sizes.idlers {
		if err := b.idlers(ctx, fmt.Sprintf("idle supervisor, %d Node workers", workers), b.node, workers, 0, 0); err != nil {
			return err
		}
	}
	return nil
}

// replacement measures how long it takes from a worker's SIGKILL until another process has answered a call.
func (b *Bench) replacement(ctx context.Context) error {
	w := b.report.Work("a killed worker's replacement", "from a Node worker's SIGKILL to the first answer of its successor; beside a worker on bare pipes from its start to its first answer")
	ours := b.ours("whipper", b.node, 1, 1, func(ctx context.Context, s *sidecar.Supervisor) (result.Figures, error) {
		one := func() error { return call(ctx, s.Client, "echo", json.RawMessage(`[1]`)) }
		if err := one(); err != nil { // it has proven itself
			return nil, err
		}
		pids, err := s.Serving(ctx)
		if err != nil || len(pids) != 1 {
			return nil, errors.Join(err, fmt.Errorf("%d workers serve", len(pids)))
		}
		began := time.Now()
		if err := syscall.Kill(pids[0], syscall.SIGKILL); err != nil {
			return nil, err
		}
		for {
			err := one()
			var crashed *whipper.Error
			if errors.As(err, &crashed) && crashed.Code == whipper.CodeWorkerCrashed { // it was handed to the one that was killed
				continue
			}
			return result.Figures{result.Took: time.Since(began).Seconds()}, err
		}
	})
	birth := beneath("bare pipes", func(ctx context.Context) (result.Figures, error) {
		began := time.Now()
		p, err := floor.StartPipe(ctx, b.node.bare, 0)
		if err != nil {
			return nil, err
		}
		defer p.End()
		_, err = p.PingPong(1)
		return result.Figures{result.Took: time.Since(began).Seconds()}, err
	})
	if err := w.Take(ctx, b.sizes.turns, ours, birth); err != nil {
		return err
	}
	w.Compare(ours.Name, result.Took, birth.Name, 0)
	return nil
}

// restart measures what callers feel of a rolling restart: they call one after the other, for two seconds and then for as long as it takes. No call may fail.
func (b *Bench) restart(ctx context.Context) error {
	const workers, callers = 4, 8
	w := b.report.Work("calls during a rolling restart", fmt.Sprintf("%d Node workers, %d callers, none of whose calls may fail; beside the same before it", workers, callers))
	calm := &result.Contender{Name: "before it", Kind: result.Floor}
	rolling := b.ours("whipper", b.node, workers, 1, func(ctx context.Context, s *sidecar.Supervisor) (result.Figures, error) {
		before, err := callWhile(ctx, s.Client, callers, func() error { return pass(ctx, b.sizes.idle/10) })
		if err != nil {
			return nil, err
		}
		during, err := callWhile(ctx, s.Client, callers, func() error {
			_, err := s.Client.Restart(ctx, whipper.PoolParams{})
			return err
		})
		if err != nil {
			return nil, err
		}
		calm.Turns = append(calm.Turns, result.Trips(before))
		return result.Trips(during), nil
	})
	if err := w.Take(ctx, b.sizes.slowTurns, rolling); err != nil {
		return err
	}
	w.Contenders = append(w.Contenders, calm)
	w.Compare(rolling.Name, result.P50, calm.Name, 0)
	w.Compare(rolling.Name, result.P99, calm.Name, 0)
	return nil
}

// callWhile has callers call one after the other for as long as wait takes, and gives how long each call took.
func callWhile(ctx context.Context, c *whipper.Client, callers int, wait func() error) ([]time.Duration, error) {
	over, end := context.WithCancel(ctx)
	defer end()
	var mu sync.Mutex
	var times []time.Duration
	var failed error
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for over.Err() == nil {
				began := time.Now()
				err := call(ctx, c, "echo", json.RawMessage(`[1]`))
				took := time.Since(began)
				mu.Lock()
				times, failed = append(times, took), errors.Join(failed, err)
				mu.Unlock()
				if err != nil {
					return
				}
			}
		})
	}
	err := wait()
	end()
	all.Wait()
	return times, errors.Join(err, failed)
}
