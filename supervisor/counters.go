package supervisor

import (
	"sync"
	"sync/atomic"

	"github.com/whipper-sidecar/whipper/jsonrpc"
)

// counters are a pool's stats. They are kept up with each change, so that reading them costs the same whatever the number of workers,
// and asking whether they have changed takes no lock. The pool's lock guards them, but for what says otherwise.
type counters struct {
	done    tally        // by all workers, those that have left too; but for StrayLines
	crowd   census       // how the workers are
	maxSeen int          // workers
	strays  atomic.Int64 // lines; counted by the readers of the workers' connections

	version atomic.Uint64 // another one after each change
	mu      sync.Mutex
	next    chan struct{} // closed with the next change; nil: nobody waits for it
}

// changed says that something is another than before. It comes before the lock is let go of that guards it.
func (c *counters) changed() {
	c.version.Add(1)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.next != nil {
		close(c.next)
		c.next = nil
	}
}

// after gives a channel that is closed when the version is another one than that.
func (c *counters) after(version uint64) <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.next == nil {
		c.next = make(chan struct{})
	}
	next := c.next
	if c.version.Load() != version { // looked at last: a change from now on finds the channel
		close(c.next)
		c.next = nil
	}
	return next
}

// tally sums up what workers have done.
type tally jsonrpc.WorkerStats

func (t *tally) add(s tally) {
	t.CallsHandled += s.CallsHandled
	t.ErrorCount += s.ErrorCount
	t.ForkCount += s.ForkCount
	t.ExitCount += s.ExitCount
	t.ResetCount += s.ResetCount
	t.StrayLines += s.StrayLines
	t.MaxSeenConcurrentCalls = max(t.MaxSeenConcurrentCalls, s.MaxSeenConcurrentCalls)
}

// count adds to what a worker has done; mu is held.
func (p *Pool) count(w *worker, done tally) {
	w.seat.done.add(done)
	p.counters.done.add(done)
	p.counters.changed()
}

// census is how many workers there are, with a process, and of each working status among those that take calls.
type census struct{ workers, processes, idle, busy, atCapacity int }

// add counts what another one has n times.
func (c *census) add(n int, of census) {
	c.workers += n * of.workers
	c.processes += n * of.processes
	c.idle += n * of.idle
	c.busy += n * of.busy
	c.atCapacity += n * of.atCapacity
}

// census is the seat's share of the pool's.
func (s *seat) census() census {
	if s.left {
		return census{}
	}
	c := census{workers: 1}
	if s.pid != 0 {
		c.processes = 1
	}
	switch s.workingStatus() {
	case idle:
		if s.slots > 0 && !s.retiring { // else it takes no calls
			c.idle = 1
		}
	case busy:
		c.busy = 1
	case atCapacity:
		c.atCapacity = 1
	}
	return c
}

// recount follows a change of a worker's slots, calls, process or retirement; mu is held.
func (p *Pool) recount(w *worker) {
	now := w.seat.census()
	if now == w.seat.counted {
		return
	}
	p.counters.crowd.add(-1, w.seat.counted)
	p.counters.crowd.add(1, now)
	p.counters.maxSeen = max(p.counters.maxSeen, p.counters.crowd.workers)
	w.seat.counted = now
	p.counters.changed()
}

// Stats counts what the pool has done since Run began.
func (p *Pool) Stats() jsonrpc.PoolStats {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := &p.counters
	done := jsonrpc.WorkerStats(c.done)
	done.StrayLines = c.strays.Load()
	return jsonrpc.PoolStats{
		WorkerCount: c.crowd.workers, ProcessCount: c.crowd.processes, IdleWorkerCount: c.crowd.idle, BusyWorkerCount: c.crowd.busy,
		AtCapacityWorkerCount: c.crowd.atCapacity, MaxSeenWorkerCount: c.maxSeen, Workers: done,
	}
}

// StatsVersion is another number once Stats may have changed. Who has an answer or an event finds that those that count it have
// another one; a version read before Stats is that of these stats or an older one.
func (p *Pool) StatsVersion() uint64 { return p.counters.version.Load() }

// StatsAfter gives a channel that is closed when StatsVersion is another one than that.
func (p *Pool) StatsAfter(version uint64) <-chan struct{} { return p.counters.after(version) }
