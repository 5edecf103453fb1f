package supervisor

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/whipper-sidecar/whipper/ledger"
)

func TestAPoolGrowsOnDemandUpToItsMaximumAndNotBeyond(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *Options) { o.MaxWorkers = 3 }).ready()
	if s := r.pool.Stats(); s.WorkerCount != 1 || s.IdleWorkerCount != 1 {
		t.Errorf("stats %+v", s)
	}
	var calls []*invocation
	for range 3 {
		calls = append(calls, r.call("gate", `["in"]`))
	}
	for range 3 {
		r.submit("gate", `["in"]`, nil)
	}
	processes := map[int]bool{}
	var inside []*visitor
	for range 3 {
		v := r.gate.await("in")
		processes[v.pid] = true
		inside = append(inside, v)
	}
	if s := r.pool.Stats(); len(processes) != 3 || s.WorkerCount != 3 || s.AtCapacityWorkerCount != 3 || s.MaxSeenWorkerCount != 3 {
		t.Errorf("%d processes, stats %+v", len(processes), s)
	}
	for _, v := range inside {
		v.pass()
	}
	for range 3 {
		v := r.gate.await("in")
		if !processes[v.pid] {
			t.Errorf("process %d is a fourth", v.pid)
		}
		v.pass()
	}
	for _, c := range calls {
		c.answer()
	}
}

func TestAPoolForksNoMoreWorkersThanTheWaitingCallsNeed(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *Options) { o.Env, o.MaxWorkers = append(o.Env, envConcurrency+"=2"), 8 }).ready()
	for range 4 {
		r.submit("gate", `["in"]`, nil)
	}
	var inside []*visitor
	for range 4 {
		inside = append(inside, r.gate.await("in"))
	}
	if n := r.pool.Stats().WorkerCount; n != 2 {
		t.Errorf("%d workers for 4 calls, 2 at once", n)
	}
	for _, v := range inside {
		v.pass()
	}
}

func TestAnInactivePoolShrinksToItsMinimumAndNotBelow(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *Options) { o.MinWorkers, o.MaxWorkers, o.InactivityTimeout = 2, 4, 50*time.Millisecond })
	var inside []*visitor
	for range 4 {
		r.submit("gate", `["in"]`, nil)
	}
	for range 4 {
		inside = append(inside, r.gate.await("in"))
	}
	for _, v := range inside {
		v.pass()
	}
	r.gate.await("shutdown") // they are asked, not killed
	r.gate.await("shutdown")
	r.until(func() bool { return len(r.pool.seats) == 2 })
	time.Sleep(4 * r.pool.opts.InactivityTimeout) // that nothing happens has no event
	if s := r.pool.Stats(); s.WorkerCount != 2 || s.MaxSeenWorkerCount != 4 || s.Workers.CallsHandled != 4 || s.Workers.ForkCount != 4 {
		t.Errorf("stats %+v", s)
	}
	if job, _ := r.wait(r.submit("echo", `[1]`, nil)); job.State != ledger.Succeeded {
		t.Errorf("job is %s", job.State)
	}
}

func TestABusyWorkerDoesNotCountAsInactive(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *Options) { o.MaxWorkers, o.InactivityTimeout = 2, 20*time.Millisecond }).ready()
	a, b := r.call("gate", `["in"]`), r.call("gate", `["in"]`)
	first, second := r.gate.await("in"), r.gate.await("in")
	time.Sleep(4 * r.pool.opts.InactivityTimeout) // that nothing happens has no event
	first.pass()
	second.pass()
	if a.answer(); a.result != `"in"` {
		t.Errorf("result %q, %+v", a.result, a.reply.Error)
	}
	if b.answer(); b.result != `"in"` {
		t.Errorf("result %q, %+v", b.result, b.reply.Error)
	}
}

func TestAKilledIdleWorkerIsReplacedAtItsSeat(t *testing.T) {
	t.Parallel()
	r := start(t, nil).ready()
	var pid int
	if got := r.call("pid", `[]`).answer(); got.code() != 0 {
		t.Fatal(got.reply.Error)
	}
	pid = r.pool.Workers()[0].PID
	if err := unix.Kill(pid, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	r.until(func() bool { return r.pool.seats[0].seat.pid != pid && r.pool.seats[0].seat.slots > 0 })
	w := r.pool.Workers()[0]
	if w.ID != "w1" || w.State != "processing" || w.Stats.ForkCount != 2 || w.Stats.ResetCount != 1 || w.Stats.CallsHandled != 1 {
		t.Errorf("worker %+v", w)
	}
}
