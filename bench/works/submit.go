package works

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/whipper-sidecar/whipper/bench/floor"
	"github.com/whipper-sidecar/whipper/bench/peers"
	"github.com/whipper-sidecar/whipper/bench/result"
	"github.com/whipper-sidecar/whipper/bench/sidecar"
	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

// submitDepth is how many single submits are under way at once.
const submitDepth = 64

// submit measures single submits, many under way and one at a time. The pool is paused, so that nothing else is done meanwhile.
func (b *Bench) submit(ctx context.Context) error {
	return errors.Join(b.manySubmits(ctx), b.oneSubmit(ctx))
}

func (b *Bench) manySubmits(ctx context.Context) error {
	n := b.sizes.submits
	w := b.report.Work("single submits", fmt.Sprintf("%d, %d under way on one connection of the Go client, each acknowledged when it is on disk; the pool is paused, and a peer gets %d jobs and has no worker",
		n, submitDepth, b.sizes.peerJobs))
	whippers := b.ours("whipper", b.node, 1, 1, func(ctx context.Context, s *sidecar.Supervisor) (result.Figures, error) {
		if err := pause(ctx, s); err != nil {
			return nil, err
		}
		rate, err := flood(n, submitDepth, func() error { return submitOne(ctx, s) })
		return result.Figures{result.Rate: rate}, err
	})
	statements := beneath(fmt.Sprintf("bare statements, %d in a transaction", submitDepth), func(ctx context.Context) (f result.Figures, err error) {
		_, rate, err := b.submissions(ctx, n, submitDepth)
		return result.Figures{result.Rate: rate}, err
	})
	others := b.others(ctx, "submit", peers.Settings{Jobs: b.sizes.peerJobs, Depth: submitDepth})
	if err := w.Take(ctx, b.sizes.slowTurns, append([]*result.Contender{whippers, statements}, others...)...); err != nil {
		return err
	}
	w.Hold(whippers.Name, result.Rate, 20_000)
	w.Compare(whippers.Name, result.Rate, statements.Name, 0)
	targets := map[string]float64{"BullMQ everysec": 1.2}
	for _, other := range others {
		w.Compare(whippers.Name, result.Rate, other.Name, targets[other.Name])
	}
	return nil
}

func (b *Bench) oneSubmit(ctx context.Context) error {
	n := b.sizes.trips
	w := b.report.Work("one submit at a time", fmt.Sprintf("%d of them by the Go client; the pool is paused; write+fsync appends 4 KiB to a file on the same disk", n))
	whippers := b.ours("whipper", b.node, 1, 1, func(ctx context.Context, s *sidecar.Supervisor) (result.Figures, error) {
		if err := pause(ctx, s); err != nil {
			return nil, err
		}
		times, err := trips(n, func() error { return submitOne(ctx, s) })
		if err != nil {
			return nil, err
		}
		return result.Trips(times), nil
	})
	synced := beneath("write+fsync", func(context.Context) (result.Figures, error) {
		times, err := floor.Sync(filepath.Join(b.dir, "fsync"), n)
		if err != nil {
			return nil, err
		}
		f := result.Trips(times)
		f[result.Rate] = 1 / f[result.P50]
		return f, nil
	})
	statements := beneath("bare statements", func(ctx context.Context) (result.Figures, error) {
		times, _, err := b.submissions(ctx, n, 1)
		if err != nil {
			return nil, err
		}
		return result.Trips(times), nil
	})
	if err := w.Take(ctx, b.sizes.turns, whippers, synced, statements); err != nil {
		return err
	}
	allowance := &result.Contender{Name: "2 × (write+fsync) + 0.1 ms", Kind: result.Floor}
	for _, turn := range synced.Turns {
		allowance.Turns = append(allowance.Turns, result.Figures{result.P50: 2*turn[result.P50] + 100e-6})
	}
	w.Contenders = append(w.Contenders, allowance)
	w.Compare(whippers.Name, result.P50, allowance.Name, 1)
	w.Compare(whippers.Name, result.P50, synced.Name, 0)
	w.Compare(whippers.Name, result.P99, synced.Name, 0)
	w.Compare(whippers.Name, result.P50, statements.Name, 0)
	w.Hold(synced.Name, result.Rate, 0)
	return nil
}

// submissions inserts n jobs by the bare statements, size in a transaction, and gives how long each transaction took and how many jobs a second that were.
func (b *Bench) submissions(ctx context.Context, n, size int) (times []time.Duration, rate float64, err error) {
	dir := filepath.Join(b.dir, "statements")
	s, err := floor.NewStatements(ctx, dir)
	if err != nil {
		return nil, 0, err
	}
	defer func() { err = errors.Join(err, s.Close(), os.RemoveAll(dir)) }()
	began, next := time.Now(), 1
	times, err = trips(n/size, func() error {
		next += size
		return s.Submit(next-size, next)
	})
	return times, float64(n/size*size) / time.Since(began).Seconds(), err
}

func pause(ctx context.Context, s *sidecar.Supervisor) error {
	_, err := s.Client.Pause(ctx, whipper.PauseParams{})
	return err
}

func submitOne(ctx context.Context, s *sidecar.Supervisor) error {
	_, err := s.Client.Submit(ctx, whipper.SubmitParams{Method: "echo", Params: json.RawMessage(`[1]`)})
	return err
}
