package supervisor

import (
	"testing"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
)

func TestAPausedPoolTakesInAndHandsOutNothingUntilItIsResumed(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *Options) { o.MaxWorkers = 2 }).ready()
	running := r.call("gate", `["in"]`)
	inside := r.gate.await("in")
	r.pool.Pause()
	inside.pass()
	if got := running.answer(); got.result != `"in"` {
		t.Errorf("the call that ran: %+v, %v", got.reply.Error, got.err)
	}
	waiting := r.call("echo", `[1]`)
	job := r.submit("echo", `[2]`, nil)
	alone := r.submit("echo", `[3]`, func(j *ledger.Job) { j.Alone = true })
	r.until(func() bool { return r.pool.invokes.Len() == 1 && r.pool.window.Len() == 2 })
	if s := r.pool.Status(); s.State != "paused" || s.Jobs["succeeded"] != 1 {
		t.Errorf("status %+v", s)
	}
	r.pool.Resume()
	if got := waiting.answer(); got.result != `[1]` {
		t.Errorf("the call that waited: %+v, %v", got.reply.Error, got.err)
	}
	for _, id := range []int64{job, alone} {
		if job, _ := r.wait(id); job.State != ledger.Succeeded {
			t.Errorf("job %d is %s", id, job.State)
		}
	}
}

func TestAPausedPoolDrainsAndSaysWhyItsCallersGetNothing(t *testing.T) {
	t.Parallel()
	r := start(t, nil).ready()
	r.pool.Pause()
	waiting := r.call("echo", `[1]`)
	job := r.submit("echo", `[2]`, nil)
	r.until(func() bool { return r.pool.invokes.Len() == 1 })
	r.drain()
	if waiting.code() != jsonrpc.CodeShuttingDown {
		t.Errorf("reply %+v, %v", waiting.reply.Error, waiting.err)
	}
	r.ended()
	if job, _ := r.get(job); job.State != ledger.Queued {
		t.Errorf("job is %s", job.State)
	}
}

// A client may be as quick as the pool: the socket is served as soon as there is a pool.
func TestAPoolIsResizedBeforeItRuns(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	if err := r.pool.Resize(2, 2); err != nil {
		t.Fatal(err)
	}
	r.run().until(func() bool { return r.pool.readyWorkers() == 2 })
	if s := r.pool.Stats(); s.WorkerCount != 2 {
		t.Errorf("%d workers, want 2", s.WorkerCount)
	}
}

func TestAPoolIsResizedUpAtOnceAndDownWhenItsWorkersHaveAnswered(t *testing.T) {
	t.Parallel()
	r := start(t, nil).ready()
	if err := r.pool.Resize(2, 4); err != nil {
		t.Fatal(err)
	}
	r.until(func() bool { return r.pool.readyWorkers() == 2 })
	var calls []*invocation
	var inside []*visitor
	for range 4 {
		calls = append(calls, r.call("gate", `["in"]`))
	}
	for range 4 {
		inside = append(inside, r.gate.await("in"))
	}
	if err := r.pool.Resize(1, 1); err != nil {
		t.Fatal(err)
	}
	if s := r.pool.Stats(); s.WorkerCount != 4 || s.AtCapacityWorkerCount != 4 {
		t.Errorf("calls in flight were not waited for: %+v", s)
	}
	for _, v := range inside {
		v.pass()
	}
	for _, c := range calls {
		if got := c.answer(); got.result != `"in"` {
			t.Errorf("%+v, %v", got.reply.Error, got.err)
		}
	}
	r.until(func() bool { return len(r.pool.seats) == 1 })
	if got := r.call("echo", `[1]`).answer(); got.result != `[1]` {
		t.Errorf("%+v, %v", got.reply.Error, got.err)
	}
	for _, bad := range [][2]int{{0, 1}, {2, 1}, {-1, -1}} {
		if err := r.pool.Resize(bad[0], bad[1]); jsonrpc.AsError(err).Code != jsonrpc.CodeInvalidArgument {
			t.Errorf("resized to %v: %v", bad, err)
		}
	}
}

func TestAPausedPoolTakesOnNoWorkersForWhatWaits(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *Options) { o.MinWorkers, o.MaxWorkers = 1, 4 }).ready()
	r.pool.Pause()
	var waiting []*invocation
	for range 8 {
		waiting = append(waiting, r.call("echo", `[1]`))
	}
	r.until(func() bool { return r.pool.invokes.Len() == len(waiting) })
	if s := r.pool.Stats(); s.WorkerCount != 1 {
		t.Errorf("%d workers for calls that must wait", s.WorkerCount)
	}
	r.pool.Resume()
	for _, c := range waiting {
		if got := c.answer(); got.result != `[1]` {
			t.Errorf("%+v, %v", got.reply.Error, got.err)
		}
	}
}

func TestAPoolThatDrainsCannotBePaused(t *testing.T) {
	t.Parallel()
	r := start(t, nil).ready()
	running := r.call("gate", `["in"]`)
	inside := r.gate.await("in")
	waiting := r.call("echo", `[1]`)
	r.until(func() bool { return r.pool.invokes.Len() == 1 })
	r.drain()
	r.until(func() bool { return r.pool.phase == poolDraining })
	r.pool.Pause()
	inside.pass()
	for c, want := range map[*invocation]string{running: `"in"`, waiting: `[1]`} {
		if got := c.answer(); got.result != want {
			t.Errorf("%+v, %v, want %s", got.reply.Error, got.err, want)
		}
	}
}
