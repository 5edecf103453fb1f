package supervisor

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
)

// cancel cancels jobs and gives how many that were.
func (r *rig) cancel(ids ...int64) int {
	r.Helper()
	n, err := r.pool.Cancel(context.Background(), ids)
	if err != nil {
		r.Fatal(err)
	}
	return n
}

func TestAQueuedJobIsCancelledWhereverItWaits(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	r.submit("gate", `["in"]`, nil)
	v := r.gate.await("in")
	inWindow := r.submit("echo", `[1]`, nil)
	r.until(func() bool { return r.pool.window.Len() == 1 })
	onDisk := r.submit("echo", `[1]`, func(j *ledger.Job) { j.RunAt = time.Now().Add(time.Hour) })
	if n := r.cancel(inWindow, onDisk, inWindow, 4711); n != 2 {
		t.Errorf("%d cancelled", n)
	}
	for _, id := range []int64{inWindow, onDisk} {
		if job, attempts := r.wait(id); job.State != ledger.Cancelled || len(attempts) != 0 || errorOf(t, job).Code != jsonrpc.CodeCancelled {
			t.Errorf("job %+v", job)
		}
	}
	v.pass()
	if n := r.cancel(inWindow, onDisk); n != 0 {
		t.Errorf("%d cancelled that had ended", n)
	}
}

func TestARunningJobIsAskedToGiveUp(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	id := r.submit("slow", `[]`, nil)
	r.gate.await("slow")
	if n := r.cancel(id); n != 1 {
		t.Errorf("%d cancelled", n)
	}
	job, attempts := r.wait(id)
	if job.State != ledger.Cancelled || len(attempts) != 1 || attempts[0].Outcome != ledger.OutcomeCancelled || errorOf(t, job).Code != jsonrpc.CodeCancelled || job.ErrorSource != ledger.FromWhipper {
		t.Errorf("job %+v, attempts %+v", job, attempts)
	}
}

func TestAJobThatFinishesInSpiteOfItsCancellationHasSucceeded(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	id := r.submit("late", `[]`, nil)
	r.gate.await("late")
	r.cancel(id)
	if job, _ := r.wait(id); job.State != ledger.Succeeded || string(job.Result) != `"late"` {
		t.Errorf("job %+v", job)
	}
}

func TestAJobThatIgnoresItsCancellationIsCancelledAndItsWorkerKilled(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *Options) { o.FlushTimeout = 50 * time.Millisecond })
	id := r.submit("hang", `[]`, nil)
	pid := r.gate.await("hang").pid
	r.cancel(id)
	if job, attempts := r.wait(id); job.State != ledger.Cancelled || len(attempts) != 1 {
		t.Errorf("job %+v", job)
	}
	if got := r.call("echo", `[1]`).answer(); got.result != `[1]` || alive(pid) {
		t.Errorf("result %q, old process alive: %t", got.result, alive(pid))
	}
}

func TestACancelledJobDoesNotRunAgainWhenItsWorkerDiesFirst(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	id := r.submit("hang", `[]`, nil)
	pid := r.gate.await("hang").pid
	r.pool.mu.Lock()
	r.pool.current[id].cancelled = true // what cancelCall does first; its command comes too late for this worker
	r.pool.mu.Unlock()
	_ = unix.Kill(pid, unix.SIGKILL)
	if job, attempts := r.wait(id); job.State != ledger.Cancelled || len(attempts) != 1 {
		t.Errorf("job %+v, attempts %+v", job, attempts)
	}
}

func TestAJobThatIsBeingPutBackIsCancelledAllTheSame(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	for range 50 {
		id := r.submit("fail", `[1]`, func(j *ledger.Job) {
			j.MaxAttempts, j.Backoff = 1000, ledger.Backoff{Base: time.Microsecond, Factor: 1}
		})
		r.until(func() bool { return r.pool.current[id] == nil }) // not taken in yet, or between two attempts
		for r.cancel(id) == 0 {
			if job, _ := r.get(id); job.State.Terminal() {
				break
			}
		}
		if job, _ := r.wait(id); job.State != ledger.Cancelled {
			t.Fatalf("job is %s after %d attempts", job.State, job.Attempt)
		}
	}
}

func TestJobsThatAreCancelledWhileTheyAreClaimedRunOnceOrNeverAndEndOnce(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *Options) { o.MinWorkers, o.MaxWorkers = 2, 2 })
	for range 10 {
		jobs := make([]ledger.Job, 40)
		for i := range jobs {
			jobs[i] = ledger.Job{Method: "echo", Params: []byte(`[]`)}
		}
		submitted, err := r.pool.Submit(t.Context(), jobs)
		if err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		for _, s := range submitted {
			all.Go(func() { _, _ = r.pool.Cancel(context.Background(), []int64{s.ID}) })
		}
		all.Wait()
		for _, s := range submitted {
			job, attempts := r.wait(s.ID)
			ran := len(attempts) == 1
			if len(attempts) > 1 || job.State == ledger.Succeeded && !ran || job.State != ledger.Succeeded && job.State != ledger.Cancelled {
				t.Errorf("job %+v, attempts %+v", job, attempts)
			}
		}
	}
	if n := countLines(r.log.String(), "not recorded"); n != 0 {
		t.Errorf("%d outcomes were refused by the ledger:\n%s", n, r.log)
	}
}

func TestACallerWhoGoesAwayTakesHisCallAlong(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	running := r.call("slow", `[]`)
	r.gate.await("slow")
	waiting := r.call("echo", `[1]`)
	r.until(func() bool { return r.pool.invokes.Len() == 1 })
	waiting.leave()
	running.leave()
	for _, c := range []*invocation{waiting, running} {
		if c.answer(); !errors.Is(c.err, context.Canceled) {
			t.Errorf("error %v", c.err)
		}
	}
	r.gate.await("cancel")
	r.until(func() bool { return len(r.pool.held) == 0 })
	jobs, _, err := r.ledger.List(t.Context(), ledger.Filter{})
	if err != nil || len(jobs) != 2 {
		t.Fatalf("jobs %+v, %v", jobs, err)
	}
	for _, job := range jobs {
		if job.State != ledger.Cancelled {
			t.Errorf("job %+v", job)
		}
	}
}

func TestASnoozingInvokeEndsWithItsCallerOrItsCancellation(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	for name, end := range map[string]func(*invocation, int64){
		"the caller goes away": func(i *invocation, _ int64) { i.leave() },
		"it is cancelled": func(i *invocation, id int64) {
			if n := r.cancel(id); n != 1 {
				t.Errorf("%d cancelled", n)
			}
			if i.code() != jsonrpc.CodeCancelled {
				t.Errorf("the caller heard %v, %v", i.err, i.reply.Error)
			}
		},
	} {
		call := r.call("fail", `[1, {"snoozeMs":3600000}]`)
		r.until(func() bool { return len(r.pool.invoked) == 1 && len(r.pool.current) == 0 && len(r.pool.held) == 0 })
		var id int64
		r.until(func() bool {
			for id = range r.pool.invoked {
			}
			return true
		})
		end(call, id)
		call.answer()
		if job, _ := r.wait(id); job.State != ledger.Cancelled {
			t.Errorf("%s: job %+v", name, job)
		}
		r.until(func() bool { return len(r.pool.invoked) == 0 })
	}
}

func TestAReservedJobCanBeCancelledAndItsWorkerIsFreeAgain(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *Options) { o.Env = append(o.Env, envConcurrency+"=2") })
	r.submit("gate", `["in"]`, nil)
	v := r.gate.await("in")
	alone := r.submit("echo", `[1]`, func(j *ledger.Job) { j.Alone = true })
	r.until(func() bool { return r.pool.seats[0].seat.reserved != nil })
	beside := r.submit("echo", `[2]`, nil)
	r.until(func() bool { return r.pool.window.Len() == 1 })
	if n := r.cancel(alone); n != 1 {
		t.Errorf("%d cancelled", n)
	}
	if job, _ := r.wait(beside); job.State != ledger.Succeeded {
		t.Errorf("job %+v", job)
	}
	if job, _ := r.wait(alone); job.State != ledger.Cancelled {
		t.Errorf("job %+v", job)
	}
	v.pass()
}
