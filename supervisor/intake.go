package supervisor

import (
	"context"
	"time"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
)

// Submit puts jobs into the ledger, all or none, and returns once they are on disk. Their Pool is set to this one. While the
// pool drains the error is a *jsonrpc.Error; the ledger's own errors pass through.
func (p *Pool) Submit(ctx context.Context, jobs []ledger.Job) ([]ledger.Submitted, error) {
	if err := p.open(); err != nil {
		return nil, err
	}
	for i := range jobs {
		jobs[i].Pool = p.opts.Pool
	}
	submitted, err := p.ledger.Submit(ctx, jobs)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	p.lookAgain()
	p.mu.Unlock()
	return submitted, nil
}

// Invoke runs a call for a caller who waits. The error is a *jsonrpc.Error if the call was not admitted, and ctx's if that
// ended first: then a waiting call is cancelled and a running one is asked to be.
func (p *Pool) Invoke(ctx context.Context, c Call) (Reply, error) {
	if err := p.open(); err != nil {
		return Reply{}, err
	}
	id, err := p.ledger.NextID(ctx)
	if err != nil {
		return Reply{}, err
	}
	now := time.Now()
	k := &call{
		reply: make(chan Reply, 1),
		index: -1,
		job: ledger.Job{
			ID: id, Pool: p.opts.Pool, Method: c.Method, Params: c.Params, State: ledger.Queued, Priority: c.Priority,
			MaxAttempts: 1, Backoff: ledger.DefaultBackoff, Timeout: c.Timeout, Delivery: ledger.AtLeastOnce,
			Origin: ledger.FromInvoke, Trace: c.Trace, CreatedAt: now, RunAt: now,
		},
	}
	if err := p.admit(k); err != nil {
		return Reply{}, err
	}
	select {
	case r := <-k.reply:
		return r, nil
	case <-ctx.Done():
		p.mu.Lock()
		p.cancelCall(k)
		p.mu.Unlock()
		return Reply{}, ctx.Err()
	}
}

// open says why nothing new is taken in, if so.
func (p *Pool) open() error {
	if err := p.ledger.Err(); err != nil {
		return jsonrpc.Errorf(jsonrpc.CodeLedger, "the ledger cannot be written: %v", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.phase == poolDraining {
		return shuttingDown(p.opts.Pool)
	}
	return nil
}

func shuttingDown(pool string) *jsonrpc.Error {
	return jsonrpc.Errorf(jsonrpc.CodeShuttingDown, "pool %q is shutting down", pool)
}

// admit queues an invoke and dispatches it if a slot is free. One that has to wait is put on record as queued.
func (p *Pool) admit(k *call) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.phase == poolDraining {
		return shuttingDown(p.opts.Pool)
	}
	if n := p.invokes.Len(); n >= p.opts.MaxQueueSize && p.freeWorker() == nil {
		return jsonrpc.Errorf(jsonrpc.CodeQueueFull, "%d calls wait already, as many as --max-queue-size allows", n)
	}
	p.remember(k)
	p.invoked[k.job.ID] = k
	p.enqueue(k)
	p.dispatch()
	if k.worker == nil {
		k.onRecord = true
		p.ledger.Insert(k.job, func(err error) {
			if err != nil {
				p.log.Error("queued call was not recorded", "job", k.job.ID, "error", err)
			}
		})
	}
	return nil
}

// remember has the claimer leave a job alone that is in memory; mu is held.
func (p *Pool) remember(c *call) {
	p.held[c.job.ID] = struct{}{}
	p.current[c.job.ID] = c
}

// Cancel ends queued jobs and asks workers to give up running ones. It returns how many jobs that were; jobs that have ended
// already do not count.
func (p *Pool) Cancel(ctx context.Context, ids []int64) (int, error) {
	var onDisk []int64
	count := 0
	p.mu.Lock()
	for _, id := range ids {
		if c := p.current[id]; c != nil {
			p.cancelCall(c)
			count++
		} else if _, held := p.held[id]; !held { // a held one is just being recorded as ended
			onDisk = append(onDisk, id)
			p.held[id] = struct{}{} // a claim that begins from now on leaves it alone
			p.forgotten[id] = struct{}{}
		}
	}
	p.mu.Unlock()
	if len(onDisk) == 0 {
		return count, nil
	}
	e := errorJSON(cancelledError())
	cancelled, err := p.ledger.CancelQueued(ctx, onDisk, time.Now(), e)
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, id := range onDisk {
		delete(p.held, id)
		if !p.claiming {
			delete(p.forgotten, id)
		}
	}
	p.lookAgain()
	return count + len(cancelled), err
}

func cancelledError() *jsonrpc.Error {
	return jsonrpc.Errorf(jsonrpc.CodeCancelled, "the job was cancelled")
}

// cancelCall ends a call that waits, or asks its worker to give it up; mu is held.
func (p *Pool) cancelCall(c *call) {
	if p.current[c.job.ID] != c || c.cancelled {
		return
	}
	c.cancelled = true
	if c.worker != nil {
		c.worker.tell(command{kind: cancel, call: c})
		return
	}
	switch {
	case c.index < 0:
		for _, w := range p.seats {
			if w.seat.reserved == c {
				w.seat.reserved = nil
			}
		}
	case c.reply != nil:
		p.invokes.remove(c)
	default:
		p.window.remove(c)
	}
	p.finishWaiting(c, ledger.Cancelled, cancelledError())
	p.dispatch()
}
