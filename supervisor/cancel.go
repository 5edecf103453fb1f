package supervisor

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
)

// Cancel ends queued jobs of this pool and asks workers to give up running ones. It returns how many jobs that were; jobs that
// have ended already do not count.
func (p *Pool) Cancel(ctx context.Context, ids []int64) (int, error) {
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	count := 0
	for {
		inMemory, onDisk, between := p.cancelKnown(ids)
		count += inMemory
		cancelled, err := p.cancelOnDisk(ctx, onDisk)
		count += cancelled
		if err != nil || len(between) == 0 {
			return count, err
		}
		// How these ended is on its way to the disk; some may be queued again then.
		if err := p.settleDown(ctx); err != nil {
			return count, err
		}
		ids = between
	}
}

// settleDown waits until what was handed to the ledger is on disk, but not for a ledger that cannot be written.
func (p *Pool) settleDown(ctx context.Context) error {
	if err := p.ledger.Err(); err != nil {
		return jsonrpc.Errorf(jsonrpc.CodeLedger, "the ledger cannot be written: %v", err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, cancelAtMost, jsonrpc.Errorf(jsonrpc.CodeLedger, "the ledger was not written within %s", cancelAtMost))
	defer cancel()
	if err := p.ledger.Flush(ctx); err != nil {
		return errors.Join(context.Cause(ctx), err)
	}
	return nil
}

// cancelKnown cancels the jobs that the pool has in memory, and sorts out the others. Those on disk are kept from the claimer.
func (p *Pool) cancelKnown(ids []int64) (count int, onDisk, between []int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, id := range ids {
		if c := p.current[id]; c != nil {
			p.cancelCall(c)
			count++
		} else if _, held := p.held[id]; held {
			between = append(between, id)
		} else {
			p.held[id] = struct{}{}
			onDisk = append(onDisk, id)
		}
	}
	if count > 0 {
		p.dispatch()
	}
	return count, onDisk, between
}

// cancelOnDisk cancels those of the jobs that are queued. Among them may be an invoke that was put back for later.
func (p *Pool) cancelOnDisk(ctx context.Context, ids []int64) (int, error) {
	if len(ids) == 0 {
		return 0, nil
	}
	now, e := time.Now(), errorJSON(cancelledError())
	cancelled, err := p.ledger.CancelQueued(ctx, ids, now, e)
	p.tellCancelled(ctx, cancelled, now, e)
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, id := range cancelled {
		p.unkeep(id)
		if c := p.invoked[id]; c != nil {
			c.job = ledger.EndWaiting(c.job, ledger.Cancelled, now, e)
			p.answer(c)
		}
	}
	for _, id := range ids {
		p.letGo(id)
	}
	p.lookAgain(ledger.MaxPriority)
	return len(cancelled), err
}

func cancelledError() *jsonrpc.Error {
	return jsonrpc.Errorf(jsonrpc.CodeCancelled, "the job was cancelled")
}

// cancelCall ends a call that waits, or asks its worker to give it up; mu is held.
func (p *Pool) cancelCall(c *call) {
	if c.cancelled {
		return
	}
	c.cancelled = true
	if c.worker != nil {
		c.worker.hand(command{kind: cancel, call: c})
		return
	}
	if c.queue != nil {
		c.queue.remove(c)
	} else {
		for _, w := range p.seats {
			if w.seat.reserved == c {
				w.seat.reserved = nil
			}
		}
	}
	p.finishWaiting(c, ledger.Cancelled, cancelledError())
}
