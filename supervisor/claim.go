package supervisor

import (
	"context"
	"maps"
	"time"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
)

const (
	windowAtLeast = 64
	windowBytes   = 64 << 20 // of params, about
	extraClaim    = 8        // beyond a full window, for jobs of a higher priority
	expireAtOnce  = 256
	claimRetry    = time.Second // after a read that failed, or while commits do
)

// claim is the claimer's goroutine: it keeps the window filled with jobs that are ready. It sleeps until there may be one: a
// submission, a retry, the time of a delayed job, room in the window, or a job that expires.
func (p *Pool) claim(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		due := false
		select {
		case <-ctx.Done():
			return
		case <-p.claimWake:
		case <-timer.C:
			due = true
		}
		next, err := p.claimOnce(ctx, due)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			p.log.Error("ledger cannot be read for ready jobs", "error", err)
			timer.Reset(claimRetry)
		case !next.IsZero():
			timer.Reset(max(0, time.Until(next)))
		}
	}
}

// claimOnce fetches ready jobs into the window and gives the time at which to look again whatever else happens, if one is
// known. due says that such a time has come. It may have come before the timer says so: a read that begins behind the jobs of that time would
// neither find them nor name their time again.
//
// Jobs that the pool has in memory are still queued on disk, so the read is told to leave them out. A job that the pool lets go
// of while the read goes on may look queued to it, though it is not any more; such are remembered in released.
func (p *Pool) claimOnce(ctx context.Context, due bool) (next time.Time, err error) {
	if err := p.lookUpLanes(ctx); err != nil {
		return next, err
	}
	if p.setback.happened(time.Now()) {
		n, err := p.ledger.Rebase(ctx, p.name)
		if err != nil {
			return next, err
		}
		p.setback.undone = false
		p.log.Warn("the system's clock was put back; jobs do not wait for it", "rebased", n)
		due = true
	}
	p.mu.Lock()
	now := time.Now()
	if due = due || !p.dueAt.IsZero() && !now.Before(p.dueAt); due {
		p.exhausted, p.seen = false, ledger.Position{}
	}
	n := 0
	if !p.exhausted {
		n = p.claimSize(due)
	}
	if n == 0 && len(p.lanes.due) == 0 || p.phase == poolDraining {
		p.mu.Unlock()
		return next, nil
	}
	if p.ledger.Err() != nil { // nothing new is begun whose outcome might not be kept
		p.mu.Unlock()
		return time.Now().Add(claimRetry), nil
	}
	reads := p.lanesToRead(p.windowSize() - p.window.Len())
	look := n > 0
	if look {
		p.exhausted = true // until somebody says otherwise, also during the read
	}
	p.claiming = true
	after := p.seen
	p.missed = ledger.LastPosition
	var held map[int64]struct{} // few jobs after what has been seen are
	if after == (ledger.Position{}) || len(reads) > 0 {
		held = maps.Clone(p.held)
	}
	p.mu.Unlock()

	for i := range reads {
		if r := &reads[i]; err == nil {
			r.jobs, r.skipped, r.more, err = p.ledger.InLane(ctx, p.name, r.name, r.limit, held)
		}
	}
	var expired, jobs []ledger.Job
	if err == nil && look {
		expired, err = p.ledger.Expired(ctx, p.name, now, expireAtOnce)
	}
	if err == nil && look {
		jobs, next, err = p.ledger.ReadyAfter(ctx, p.name, now, n, held, after)
	}

	p.mu.Lock()
	defer p.mu.Unlock()
	done := 0
	for i := range expired {
		if p.expireClaimed(expired[i]) {
			done++
		}
	}
	bytes, count := 0, len(jobs)
	for i := range reads {
		for j := range reads[i].jobs {
			bytes += len(reads[i].jobs[j].Params)
		}
		count += len(reads[i].jobs)
		p.fromLane(&reads[i], err)
	}
	for i := range jobs {
		bytes += len(jobs[i].Params)
		if c := p.adopt(jobs[i]); c != nil {
			p.enqueue(c)
		}
		if at := jobs[i].ExpiresAt; !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at // it may still wait then, also one that was there already
		}
	}
	if err == nil && look {
		p.dueAt = next
	}
	if count > 0 {
		p.jobBytes = bytes / count
	}
	if n := len(jobs); n > 0 {
		p.seen = jobs[n-1].Position()
	}
	p.claiming = false
	p.overlooked(p.missed)
	clear(p.released)
	if err == nil && look {
		if len(jobs) == n {
			p.exhausted = false
		}
		p.overdue = len(expired) == expireAtOnce
		if done > 0 {
			p.expireMore()
		}
	}
	p.trim()
	p.dispatch()
	return next, err
}

// adopt takes a job from the ledger into memory, unless it is there, or was until just now; mu is held. An invoke that was put
// back for later finds its caller again; one without a caller is cancelled.
func (p *Pool) adopt(job ledger.Job) *call {
	if _, there := p.held[job.ID]; there {
		return nil
	}
	if _, there := p.released[job.ID]; there {
		return nil
	}
	p.tellClaimed(&job)
	c := &call{job: job, method: job.Method, onRecord: true}
	if before := p.invoked[job.ID]; before != nil {
		c.caller = before.caller
		p.invoked[job.ID] = c
	}
	p.remember(c)
	if job.Origin == ledger.FromInvoke && c.caller == nil {
		p.finishWaiting(c, ledger.Cancelled, jsonrpc.Errorf(jsonrpc.CodeCancelled, "the caller is gone"))
		return nil
	}
	return c
}

// expireClaimed fails a job that the ledger says has expired. False: a worker has it, or its outcome waits for the disk, so that the ledger will say
// so again; mu is held.
func (p *Pool) expireClaimed(job ledger.Job) bool {
	c := p.current[job.ID]
	switch _, held := p.held[job.ID]; {
	case c == nil && held:
		return false
	case c == nil:
		c = p.adopt(job) // nil: its outcome has come to the disk since it was read
	case c.worker != nil || c.queue == nil || c.caller != nil:
		return false
	default:
		p.window.remove(c)
	}
	if c != nil {
		p.expire(c)
	}
	return true
}

// expire fails a job whose time to start has passed; mu is held.
func (p *Pool) expire(c *call) {
	p.finishWaiting(c, ledger.Failed, jsonrpc.Errorf(jsonrpc.CodeExpired, "the job had not started by %s",
		c.job.ExpiresAt.UTC().Format(time.RFC3339)))
}

// expireMore has the claimer look for more that have expired, however full the window is; mu is held.
func (p *Pool) expireMore() {
	if p.overdue {
		p.overdue, p.exhausted, p.urgent = false, false, true
		p.wakeClaimer()
	}
}

// claimSize is how many jobs to fetch: enough to fill the window, and a few beyond if some may be more urgent than those in it;
// mu is held.
func (p *Pool) claimSize(due bool) int {
	missing := p.windowSize() - p.window.Len()
	if missing <= 0 && (p.urgent || due) {
		missing = extraClaim
	}
	p.urgent = false
	return max(missing, 0)
}

// trim leaves the least urgent jobs to a later claim where the window holds too many; mu is held.
func (p *Pool) trim() {
	for most := p.windowSize() + extraClaim; p.window.Len() > most; {
		p.forget(p.window.takeLast())
		p.exhausted = false
	}
}

// windowSize is how many jobs the window should hold: enough that no slot waits for a read; mu is held.
func (p *Pool) windowSize() int {
	size := windowAtLeast + 2*p.slots*p.opts.MaxWorkers
	if p.jobBytes > 0 {
		size = min(size, windowBytes/p.jobBytes)
	}
	return max(size, p.slots)
}

// overlooked takes note that a job at a position may be ready that the claimer has not seen. A claim that is under way may come past it
// without finding it; mu is held.
func (p *Pool) overlooked(at ledger.Position) {
	if at.Compare(p.seen) <= 0 {
		p.seen = ledger.Position{}
	}
	if p.claiming && at.Compare(p.missed) < 0 {
		p.missed = at
	}
}

// lookAgain wakes the claimer because the ledger may have jobs of up to this priority that it has not seen, wherever they stand; mu is
// held.
func (p *Pool) lookAgain(priority int) {
	p.overlooked(ledger.Position{})
	p.lookFurther(priority)
}

// lookFurther is lookAgain for jobs of which the claimer knows where they stand. Where the window is full of jobs that are as urgent, they
// can wait; mu is held.
func (p *Pool) lookFurther(priority int) {
	p.exhausted = false
	if p.window.Len() >= p.windowSize() {
		if last := p.window.last(); priority <= last.job.Priority {
			return
		}
		p.urgent = true
	}
	p.wakeClaimer()
}
