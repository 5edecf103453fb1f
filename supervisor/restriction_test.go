package supervisor

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
)

func TestAMethodRunsAsOftenAtOnceAsItMayInAllWorkers(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *Options) {
		crowd(o)
		o.MinWorkers, o.MaxWorkers, o.MethodConcurrency = 2, 2, map[string]int{"gate": 3}
	}).ready()
	call := r.call("gate", `["in"]`)
	r.gate.await("in").pass()
	call.answer()
	var ids []int64
	for range 4 {
		ids = append(ids, r.submit("gate", `["in"]`, nil))
	}
	var calls []*invocation
	for range 4 {
		calls = append(calls, r.call("gate", `["in"]`))
	}
	inside := []*visitor{r.gate.await("in"), r.gate.await("in"), r.gate.await("in")}
	r.until(func() bool {
		l := r.pool.lanes.methods["gate"]
		return l.running == 3 && l.parking == 0
	})
	r.nobodyAt("in")
	if s := r.pool.Status().Restrictions; !slices.Equal(s, []jsonrpc.Restriction{{Method: "gate", Limit: 3, Running: 3}}) {
		t.Errorf("restrictions %+v", s)
	}
	for range 5 {
		inside[0].pass()
		inside = append(inside[1:], r.gate.await("in"))
		r.nobodyAt("in")
	}
	for _, v := range inside {
		v.pass()
	}
	for _, c := range calls {
		if c.answer().result != `"in"` {
			t.Errorf("%+v, %v", c.reply, c.err)
		}
	}
	for _, id := range ids {
		if job, _ := r.wait(id); job.State != ledger.Succeeded {
			t.Errorf("job %d is %s", id, job.State)
		}
	}
}

func TestACallThatWaitsForItsMethodIsNeitherDroppedNorRefusedUntilTheQueueIsFull(t *testing.T) {
	t.Parallel()
	for strategy, code := range map[string]int64{AtCapacityQueue: jsonrpc.CodeQueueFull, AtCapacityError: jsonrpc.CodeQueueFull, AtCapacityDrop: 0} {
		t.Run(strategy, func(t *testing.T) {
			t.Parallel()
			r := start(t, func(o *Options) {
				crowd(o)
				o.AtCapacity, o.MaxQueueSize, o.MethodConcurrency = strategy, 1, map[string]int{"gate": 1}
			}).ready()
			first := r.call("gate", `["in"]`)
			inside := r.gate.await("in")
			second := r.call("gate", `["in"]`)
			r.until(func() bool { return r.pool.lanes.invokes() == 1 })
			if third := r.call("gate", `["in"]`).answer(); third.code() != code || third.reply.Dropped != (strategy == AtCapacityDrop) {
				t.Errorf("reply %+v, %v", third.reply, third.err)
			}
			if other := r.call("echo", `[1]`).answer(); other.result != `[1]` {
				t.Errorf("another method's call: %+v, %v", other.reply, other.err)
			}
			inside.pass()
			r.gate.await("in").pass()
			if first.answer().result != `"in"` || second.answer().result != `"in"` {
				t.Errorf("%+v, %+v", first.reply, second.reply)
			}
		})
	}
}

func TestAPausedMethodWaitsAndOthersDoNotAlsoAfterARestart(t *testing.T) {
	t.Parallel()
	r := start(t, crowd).ready()
	running := r.call("gate", `["in"]`)
	inside := r.gate.await("in")
	if err := r.pool.PauseMethod(t.Context(), "gate"); err != nil {
		t.Fatal(err)
	}
	ids := []int64{r.submit("gate", `["in"]`, nil), r.submit("gate", `["in"]`, keyed("a"))}
	waiting := r.call("gate", `["in"]`)
	r.until(func() bool { return r.pool.lanes.invokes() == 1 })
	inside.pass()
	if running.answer().result != `"in"` {
		t.Errorf("the call that ran: %+v, %v", running.reply, running.err)
	}
	r.nobodyAt("in")
	if key := r.submit("echo", `[1]`, keyed("a")); key > 0 { // a key is not kept for a job that may wait for ever
		r.wait(key)
	}
	r.drain()
	if waiting.code() != jsonrpc.CodeShuttingDown || !strings.Contains(waiting.reply.Error.Message, "its method was paused") {
		t.Errorf("the call that waited: %+v, %v", waiting.reply, waiting.err)
	}
	r.ended()

	r.pool = r.newPool(crowd)
	r.ran = make(chan struct{})
	r.run().ready()
	r.nobodyAt("in")
	if s := r.pool.Status().Restrictions; !slices.Equal(s, []jsonrpc.Restriction{{Method: "gate", Paused: true}}) {
		t.Errorf("restrictions %+v", s)
	}
	if err := r.pool.ResumeMethod(t.Context(), "gate"); err != nil {
		t.Fatal(err)
	}
	for range ids {
		r.gate.await("in").pass()
	}
	for _, id := range ids {
		if job, _ := r.wait(id); job.State != ledger.Succeeded {
			t.Errorf("job %d is %s", id, job.State)
		}
	}
	r.until(func() bool { return len(r.pool.lanes.methods) == 0 })
}

func TestALimitThatIsChangedHoldsAtOnceAlsoForWhatRuns(t *testing.T) {
	t.Parallel()
	r := start(t, crowd).ready()
	limit := func(most int) {
		o := *r.pool.options()
		o.MethodConcurrency = map[string]int{"gate": most}
		if most == 0 {
			o.MethodConcurrency = nil
		}
		if err := r.pool.Reconfigure(o); err != nil {
			t.Fatal(err)
		}
	}
	var ids []int64
	add := func() { ids = append(ids, r.submit("gate", `["in"]`, nil)) }
	add()
	add()
	inside := []*visitor{r.gate.await("in"), r.gate.await("in")}
	limit(2)
	add()
	add()
	add()
	r.nobodyAt("in")
	limit(3)
	inside = append(inside, r.gate.await("in"))
	r.nobodyAt("in")
	limit(0)
	inside = append(inside, r.gate.await("in"), r.gate.await("in"))
	for _, v := range inside {
		v.pass()
	}
	for _, id := range ids {
		r.wait(id)
	}
	r.until(func() bool { return len(r.pool.lanes.methods) == 0 })
}

func TestAPauseHoldsAlsoForWhatWaitsForAWorkerAlready(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*ledger.Job){
		"a job":             nil,
		"one with a key":    keyed("a"),
		"one to be alone":   func(j *ledger.Job) { j.Alone = true },
		"one that was next": func(j *ledger.Job) { j.Priority = 9 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := start(t, func(o *Options) { o.MethodConcurrency = map[string]int{"other": 1} }).ready()
			busy := r.submit("gate", `["busy"]`, nil) // the only slot
			inside := r.gate.await("busy")
			id, err := r.ledger.NextID(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			job := ledger.Job{
				ID: id, Pool: "default", Method: "gate", Params: []byte(`["in"]`), State: ledger.Queued, MaxAttempts: 1,
				Delivery: ledger.AtLeastOnce, Origin: ledger.FromSubmit, CreatedAt: time.Now(), RunAt: time.Now(),
			}
			if change != nil {
				change(&job)
			}
			r.ledger.Insert(job, func(error) { r.pool.lookFor(job.Priority) })
			r.until(func() bool { c := r.pool.current[id]; return c != nil && c.letIn })
			if err := r.pool.PauseMethod(t.Context(), "gate"); err != nil {
				t.Fatal(err)
			}
			inside.pass()
			r.wait(busy)
			r.nobodyAt("in")
			if err := r.pool.ResumeMethod(t.Context(), "gate"); err != nil {
				t.Fatal(err)
			}
			r.gate.await("in").pass()
			r.wait(id)
		})
	}
}

func TestALimitThatIsNewHoldsAlsoForWhatWaitsForAWorkerAlready(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *Options) {
		o.Env = append(o.Env, envConcurrency+"=2")
		o.MethodConcurrency = map[string]int{"other": 1}
	}).ready()
	busy := []int64{r.submit("slow", `[]`, nil), r.submit("slow", `[]`, nil)} // all slots
	r.gate.await("slow")
	r.gate.await("slow")
	first := r.submit("gate", `["in"]`, nil)
	r.until(func() bool { c := r.pool.current[first]; return c != nil && c.letIn })
	r.reconfigure(func(o *Options) { o.MethodConcurrency = map[string]int{"gate": 1} })
	second := r.submit("gate", `["in"]`, nil)
	if _, err := r.pool.Cancel(t.Context(), busy); err != nil {
		t.Fatal(err)
	}
	inside := r.gate.await("in")
	r.nobodyAt("in")
	inside.pass()
	r.gate.await("in").pass()
	r.wait(first)
	r.wait(second)
}

func TestACallDoesNotWaitForAMethodThatIsPausedWhileThePoolIsDrained(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *Options) { crowd(o); o.MethodConcurrency = map[string]int{"gate": 1} }).ready()
	running := r.call("gate", `["in"]`)
	inside := r.gate.await("in")
	waiting := r.call("gate", `["in"]`)
	r.until(func() bool { return r.pool.lanes.invokes() == 1 })
	release := r.holdDisk()
	paused := make(chan error, 1)
	go func() { paused <- r.pool.PauseMethod(context.Background(), "gate") }()
	r.until(func() bool {
		if r.pool.pausing.TryLock() {
			r.pool.pausing.Unlock()
			return false
		}
		return true
	})
	r.drain()
	r.until(func() bool { return r.pool.phase == poolDraining })
	release()
	<-paused
	if waiting.answer().code() != jsonrpc.CodeShuttingDown {
		t.Errorf("the call that waits: %+v, %v", waiting.reply, waiting.err)
	}
	inside.pass()
	if running.answer().result != `"in"` {
		t.Errorf("the call that runs: %+v, %v", running.reply, running.err)
	}
}
