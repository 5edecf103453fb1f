package works

import (
	"context"
	"fmt"
	"time"

	"github.com/whipper-sidecar/whipper/bench/result"
	"github.com/whipper-sidecar/whipper/bench/sidecar"
)

// idle measures a supervisor whose workers have nothing to do.
func (b *Bench) idle(ctx context.Context) error {
	return b.idlers(ctx, "idle supervisor, 2 Python workers", b.python, 2, 40<<20, 0.001)
}

// idlers watches a supervisor with so many idle workers. Each turn is a new supervisor's, which is watched once what it does after its start is over.
func (b *Bench) idlers(ctx context.Context, name string, worker worker, workers int, memory, busy float64) error {
	w := b.report.Work(name, fmt.Sprintf("whipper itself, for %s, once a quarter of that has passed since its start; wake-ups are context switches of its threads", b.sizes.idle))
	ours := b.ours("whipper", worker, workers, 1, func(ctx context.Context, s *sidecar.Supervisor) (result.Figures, error) {
		if err := pass(ctx, b.sizes.idle/4); err != nil {
			return nil, err
		}
		before, err := sidecar.UsageOf(s.PID())
		if err != nil {
			return nil, err
		}
		if err := pass(ctx, b.sizes.idle); err != nil {
			return nil, err
		}
		after, err := sidecar.UsageOf(s.PID())
		span := b.sizes.idle.Seconds()
		return result.Figures{
			result.Memory:  float64(after.Memory),
			result.Busy:    (after.Processor - before.Processor).Seconds() / span,
			result.WakeUps: float64(after.Switches-before.Switches) / span,
		}, err
	})
	if err := w.Take(ctx, 1, ours); err != nil {
		return err
	}
	w.Hold(ours.Name, result.Memory, memory)
	w.Hold(ours.Name, result.Busy, busy)
	w.Hold(ours.Name, result.WakeUps, 0)
	return nil
}

// pass lets time pass: it is what is measured.
func pass(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
