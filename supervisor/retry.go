package supervisor

import (
	"context"

	"github.com/whipper-sidecar/whipper/ledger"
)

// Retry queues jobs of this pool again that have failed, or were cancelled or dropped; see ledger.Retry. It returns how many that were.
// Whoever follows events hears of each that it is queued before anything else of it.
func (p *Pool) Retry(ctx context.Context, ids []int64) (int, error) {
	if err := p.open(); err != nil {
		return 0, err
	}
	if p.anyHeld(ids) { // how these ended may be on its way to the disk
		if err := p.settleDown(ctx); err != nil {
			return 0, err
		}
	}
	kept := p.keepFromClaimer(ids)
	retried, err := p.ledger.Retry(ctx, ids, p.tellRetried)
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, id := range kept {
		p.letGo(id)
	}
	if len(kept) > 0 || len(retried) > 0 || err != nil { // a commit that fails may have reached the disk all the same
		p.lookAgain(ledger.MaxPriority)
	}
	return len(retried), err
}

// tellRetried publishes that jobs are queued again. An invoke's id may be one that tellClaimed would take for a new job's.
func (p *Pool) tellRetried(jobs []ledger.Job) {
	if !p.events.wants(jobQueued.bit) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range jobs {
		if jobs[i].ID > p.lastTold.Load() {
			p.toldEarly[jobs[i].ID] = struct{}{}
		}
		p.jobEvent(jobQueued, &jobs[i], "")
	}
}

// anyHeld says whether the pool has one of the jobs in memory, or has not let go of it yet.
func (p *Pool) anyHeld(ids []int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, id := range ids {
		if _, held := p.held[id]; held {
			return true
		}
	}
	return false
}

// keepFromClaimer has the claimer leave jobs alone that it does not do so already, and says which.
func (p *Pool) keepFromClaimer(ids []int64) (kept []int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, id := range ids {
		if _, held := p.held[id]; !held {
			p.held[id] = struct{}{}
			kept = append(kept, id)
		}
	}
	return kept
}
