package supervisor

import (
	"testing"

	"github.com/whipper-sidecar/whipper/jsonrpc"
)

// checkCounters counts the workers anew: the counters say the same at every moment. The pool's lock is held.
func (r *rig) checkCounters() {
	r.Helper()
	p := r.pool
	var crowd census
	for _, w := range p.seats {
		crowd.add(1, w.seat.census())
	}
	if crowd != p.counters.crowd || crowd.workers != len(p.seats) {
		r.Errorf("the workers are %+v, and counted as %+v", crowd, p.counters.crowd)
	}
}

func TestWhatWorkersDidStaysCountedWhenTheyLeave(t *testing.T) {
	r := start(t, func(o *Options) { o.MinWorkers, o.MaxWorkers = 2, 2 }).ready()
	for range 3 {
		r.call("echo", `[1]`).answer()
	}
	if _, err := r.pool.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.call("echo", `[1]`).answer()
	r.until(func() bool { return len(r.pool.seats) == 2 })
	var done tally
	for _, w := range r.pool.Workers() {
		done.add(tally(w.Stats))
	}
	if s := r.pool.Stats(); s.Workers.CallsHandled != 4 || done.CallsHandled > 1 || s.Workers.ForkCount != 4 || s.Workers.ResetCount != 2 {
		t.Errorf("stats = %+v, of the workers that there are %+v", s, done)
	}
}

func TestTheVersionOfStatsIsAnotherOneAfterEachChange(t *testing.T) {
	p, w := quietPool(NewEvents())
	for _, change := range []struct {
		what string
		do   func()
	}{
		{"a worker", func() { p.recount(w) }},
		{"a call", func() { w.seat.taken++; p.tellStatus(w) }},
		{"its end", func() { w.seat.taken--; p.tellStatus(w) }},
		{"a count", func() { p.count(w, tally{CallsHandled: 1}) }},
		{"an event", func() { p.publish(jobProgress, eventType{}, &record{}) }},
		{"its retirement", func() { p.leave(w) }},
		{"the worker's end", func() { w.seat.left = true; p.recount(w) }},
	} {
		before, stats := p.StatsVersion(), p.Stats()
		next := p.StatsAfter(before)
		if closed(next) {
			t.Errorf("before %s: nothing has changed", change.what)
		}
		change.do()
		if p.StatsVersion() == before || !closed(next) || !closed(p.StatsAfter(before)) || closed(p.StatsAfter(p.StatsVersion())) {
			t.Errorf("%s is no change of %+v", change.what, stats)
		}
	}
	if s := p.Stats(); s != (jsonrpc.PoolStats{MaxSeenWorkerCount: 1, Workers: jsonrpc.WorkerStats{CallsHandled: 1}}) {
		t.Errorf("stats = %+v at the end", s)
	}
	version := p.StatsVersion()
	if p.recount(w); p.StatsVersion() != version {
		t.Error("what stays as it is is a change")
	}
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
