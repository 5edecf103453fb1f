package supervisor

import (
	"testing"
	"time"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
)

func TestACallerHearsOfATimeoutAtOnceAndTheSlotIsFreeOnlyWithTheAnswer(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *Options) { o.FlushTimeout = patience })
	call := r.callAs(Call{Method: "lingering", Params: []byte(`[]`), Timeout: 50 * time.Millisecond})
	r.gate.await("lingering")
	if code := call.code(); code != jsonrpc.CodeTimeout {
		t.Fatalf("code %d", code)
	}
	if call.reply.ErrorSource != ledger.FromWhipper || call.reply.Error.Message != "no answer within 50ms" {
		t.Errorf("reply %+v, error %+v", call.reply, call.reply.Error)
	}
	late := r.gate.await("let-go")
	next := r.call("echo", `["next"]`)
	if w := r.pool.Workers()[0]; w.Calls != 1 || w.WorkingStatus != "atCapacity" {
		t.Errorf("the slot is free: %+v", w)
	}
	late.pass() // the worker answers what nobody waits for any more
	if next.answer(); next.result != `["next"]` {
		t.Errorf("result %q, error %v", next.result, next.err)
	}
	job, attempts := r.wait(call.reply.Job)
	if job.State != ledger.Failed || len(job.Result) != 0 || len(attempts) != 1 || attempts[0].Outcome != ledger.OutcomeTimeout {
		t.Errorf("job %+v, attempts %+v", job, attempts)
	}
	if n := r.pool.Stats().Workers.ForkCount; n != 1 {
		t.Errorf("%d forks: a worker that gives up its call in time lives on", n)
	}
}

func TestAWorkerThatDoesNotGiveUpACallIsKilledAndItsNeighboursArePutBackUncharged(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *Options) { o.Env, o.FlushTimeout = append(o.Env, envConcurrency+"=2"), 50*time.Millisecond })
	neighbour := r.submit("gate", `["beside"]`, func(j *ledger.Job) { j.MaxAttempts = 1 })
	first := r.gate.await("beside")
	stuck := r.submit("hang", `[]`, func(j *ledger.Job) { j.MaxAttempts, j.Timeout = 1, 50*time.Millisecond })

	again := r.gate.await("beside")
	if first.pid == again.pid {
		t.Error("the process was not replaced")
	}
	again.pass()
	job, attempts := r.wait(neighbour)
	if job.State != ledger.Succeeded || job.Attempt != 1 || job.Runs != 2 || job.Crashes != 0 ||
		len(attempts) != 2 || attempts[0].Outcome != ledger.OutcomeInterrupted {
		t.Errorf("neighbour %+v, attempts %+v", job, attempts)
	}
	job, attempts = r.wait(stuck)
	if job.State != ledger.Failed || job.Attempt != 1 || len(attempts) != 1 || attempts[0].Outcome != ledger.OutcomeTimeout {
		t.Errorf("stuck %+v, attempts %+v", job, attempts)
	}
}

func TestATimedOutJobIsTriedAgainWhileItsOldRunStillHoldsItsSlot(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *Options) { o.MinWorkers, o.MaxWorkers = 2, 2 })
	id := r.submit("lingering", `[]`, func(j *ledger.Job) { j.MaxAttempts, j.Timeout = 2, 50*time.Millisecond })
	one, two := r.gate.await("let-go"), r.gate.await("let-go")
	if one.pid == two.pid {
		t.Error("both runs in one process of one slot")
	}
	job, attempts := r.wait(id)
	if job.State != ledger.Failed || job.Attempt != 2 || len(attempts) != 2 {
		t.Errorf("job %+v, attempts %+v", job, attempts)
	}
	one.pass()
	two.pass()
	if got := r.call("echo", `[1]`).answer(); got.result != `[1]` {
		t.Errorf("result %q", got.result)
	}
}

func TestAWorkerThatStopsReadingBlocksNobodyElse(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *Options) {
		o.MinWorkers, o.MaxWorkers, o.FlushTimeout, o.MaxMessageSize = 2, 2, 50*time.Millisecond, 1<<20
	})
	r.call("stop-reading", `[]`).answer()
	// More than a pipe holds: the worker that reads answers, the other is killed for its timeout.
	large := []byte(`["` + longLine(300<<10) + `"]`)
	var codes [2]int64
	calls := []*invocation{
		r.callAs(Call{Method: "echo", Params: large, Timeout: 100 * time.Millisecond}),
		r.callAs(Call{Method: "echo", Params: large, Timeout: 100 * time.Millisecond}),
	}
	for i, c := range calls {
		codes[i] = c.code()
	}
	if codes[0]+codes[1] == 0 {
		t.Errorf("codes %v: nobody timed out", codes)
	}
	for range 4 { // soon both workers are well again
		if got := r.callAs(Call{Method: "echo", Params: []byte(`[1]`)}).answer(); got.code() != 0 {
			t.Errorf("reply %+v", got.reply.Error)
		}
	}
}

func TestAnHourLongTimeoutIsNotCutShortByAShortOne(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *Options) { o.Env = append(o.Env, envConcurrency+"=2") })
	long := r.callAs(Call{Method: "gate", Params: []byte(`["long"]`), Timeout: time.Hour})
	v := r.gate.await("long")
	short := r.callAs(Call{Method: "slow", Params: []byte(`[]`), Timeout: 20 * time.Millisecond})
	if code := short.code(); code != jsonrpc.CodeTimeout {
		t.Errorf("code %d", code)
	}
	v.pass()
	if long.answer(); long.result != `"long"` {
		t.Errorf("result %q, %+v", long.result, long.reply.Error)
	}
}
