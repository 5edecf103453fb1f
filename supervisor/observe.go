package supervisor

import (
	"context"
	"time"

	"github.com/whipper-sidecar/whipper/internal/telemetry/signals"
	"github.com/whipper-sidecar/whipper/ledger"
)

// What queued jobs are told apart by in the metrics.
const (
	queuedInvoked   = "invoked"   // somebody waits for it
	queuedSubmitted = "submitted" // the ledger has it
)

// Observe says how things stand, for the metrics. It reads a few rows of the ledger; where that fails it tells of the workers alone, and of nothing
// where ctx ends before it has the pool's lock.
func (p *Pool) Observe(ctx context.Context) signals.ObservedPool {
	o := signals.ObservedPool{Pool: p.name}
	counts, err := p.ledger.Counts(ctx, p.name)
	var since time.Time
	now := time.Now()
	if err == nil {
		since, err = p.ledger.ReadySince(ctx, p.name, now)
	}
	if err != nil {
		p.log.Error("jobs cannot be counted for the metrics", "error", err)
	}
	if !since.IsZero() {
		o.Oldest = now.Sub(since)
	}
	if !p.lockBefore(ctx) {
		p.log.Error("workers cannot be counted for the metrics: the pool's lock is held")
		return o
	}
	defer p.mu.Unlock()
	o.Workers = make(map[string]int64, len(states))
	for _, s := range states {
		o.Workers[string(s)] = 0
	}
	for _, w := range p.seats {
		o.Workers[string(w.seat.state)]++
		o.Active += int64(w.seat.taken)
	}
	if err == nil {
		invoked := int64(p.invokes.Len() + p.lanes.invokes())
		o.Queued = map[string]int64{queuedInvoked: invoked, queuedSubmitted: max(0, counts[ledger.Queued]-invoked)}
	}
	return o
}
