package ledger

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	sweepEvery = time.Minute // no sweep comes sooner after another, but for new rules
	lookAgain  = time.Hour   // and none later while jobs grow old: the clock may have jumped
)

// Retainer prunes what a Retention does not keep, and gives back the room that any prune has left. It waits for what is due
// next, or for jobs to end, and does nothing otherwise.
type Retainer struct {
	ledger  *Ledger
	changed bell

	mu    sync.Mutex
	rules Retention
}

// NewRetainer makes a Retainer; Run works.
func (l *Ledger) NewRetainer(rules Retention) *Retainer {
	return &Retainer{ledger: l, changed: newBell(), rules: rules}
}

// Set has other rules hold from now on. The caller must not change them afterwards.
func (r *Retainer) Set(rules Retention) {
	r.mu.Lock()
	r.rules = rules
	r.mu.Unlock()
	r.changed.ring()
}

// Run works until ctx ends or the ledger is closed. A disk that fails is logged and tried again. It must be the only one of its ledger.
func (r *Retainer) Run(ctx context.Context) {
	for ctx.Err() == nil {
		r.mu.Lock()
		rules := r.rules
		r.mu.Unlock()
		next, err := r.sweep(ctx, rules)
		now := r.ledger.now()
		switch {
		case errors.Is(err, ErrClosed):
			return
		case err != nil && ctx.Err() == nil:
			r.ledger.log.Warn("jobs that are not to be kept could not be pruned; this is tried again", "error", err)
			next = now.Add(sweepEvery)
		}
		r.wait(ctx, rules, next, now)
	}
}

// sweep prunes once and returns when to do so again.
func (r *Retainer) sweep(ctx context.Context, rules Retention) (next time.Time, err error) {
	began := r.ledger.now()
	pruned, next, err := r.ledger.Sweep(ctx, rules)
	if pruned > 0 {
		r.ledger.log.Info("pruned jobs that are not to be kept any longer", "jobs", pruned, "took", r.ledger.now().Sub(began))
	}
	if err == nil {
		err = r.vacuum(ctx)
	}
	return next, err
}

// vacuum gives back what any prune has left.
func (r *Retainer) vacuum(ctx context.Context) error {
	select {
	case <-r.ledger.pruned:
		return r.ledger.Vacuum(ctx)
	default:
		return nil
	}
}

// wait returns when it is time for the next sweep, or ctx ends. next is when a job will be too old; swept is when the last sweep was over.
func (r *Retainer) wait(ctx context.Context, rules Retention, next, swept time.Time) {
	timer := time.NewTimer(lookAgain)
	defer timer.Stop()
	wake := func(at time.Time) {
		if soonest := swept.Add(sweepEvery); at.Before(soonest) {
			at = soonest
		}
		timer.Reset(min(at.Sub(r.ledger.now()), lookAgain))
	}
	if next.IsZero() {
		timer.Stop()
	} else {
		wake(next)
	}
	ended := r.ledger.writer.ended
	if rules.dueAfter(swept).IsZero() || !next.IsZero() && !rules.dueAfter(swept).Before(next) {
		ended = nil // nothing that ends from now on is due before next
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.changed:
			return
		case <-timer.C:
			return
		case <-ended:
			wake(earlier(next, rules.dueAfter(r.ledger.now())))
			ended = nil
		case <-r.ledger.pruned:
			if err := r.ledger.Vacuum(ctx); err != nil && ctx.Err() == nil {
				r.ledger.log.Warn("the ledger could not be shrunk", "error", err)
			}
		}
	}
}
