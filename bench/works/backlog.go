package works

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/whipper-sidecar/whipper/bench/result"
	"github.com/whipper-sidecar/whipper/bench/sidecar"
)

// backlog measures submission to a queue that gets long, and what the supervisor holds of it.
func (b *Bench) backlog(ctx context.Context) error {
	n := b.sizes.backlog
	tenth := n / 10
	w := b.report.Work("queued jobs", fmt.Sprintf("%d submitted in batches of %d by the Go client to a paused pool", n, batchJobs))
	first := &result.Contender{Name: "the first tenth", Kind: result.Floor}
	last := b.ours("the last tenth", b.node, 1, 1, func(ctx context.Context, s *sidecar.Supervisor) (result.Figures, error) {
		if err := pause(ctx, s); err != nil {
			return nil, err
		}
		var done atomic.Int64
		part := func(jobs int) (float64, error) {
			began := time.Now()
			err := submitBatches(ctx, s.Client, jobs, func(_ context.Context, ids []int64) error {
				done.Add(int64(len(ids)))
				return nil
			})
			return float64(jobs) / time.Since(began).Seconds(), err
		}
		begin, err := part(tenth)
		if err != nil {
			return nil, err
		}
		if _, err := part(n - 2*tenth); err != nil {
			return nil, err
		}
		end, err := part(tenth)
		if err != nil {
			return nil, err
		}
		if done.Load() != int64(n) {
			return nil, fmt.Errorf("%d of %d jobs were submitted", done.Load(), n)
		}
		usage, err := sidecar.UsageOf(s.PID())
		first.Turns = append(first.Turns, result.Figures{result.Rate: begin})
		return result.Figures{result.Rate: end, result.Memory: float64(usage.Memory)}, err
	})
	if err := w.Take(ctx, b.sizes.slowTurns, last); err != nil {
		return err
	}
	w.Contenders = append(w.Contenders, first)
	w.Compare(last.Name, result.Rate, first.Name, 0.9)
	w.Hold(last.Name, result.Memory, 150<<20)
	return nil
}
