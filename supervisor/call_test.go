package supervisor

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
)

func TestAnInvokeGetsTheWorkersOwnBytes(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	got := r.call("echo", `[1, {"a": "ü"}]`).answer()
	if got.result != `[1, {"a": "ü"}]` || got.err != nil {
		t.Errorf("result %s, error %v", got.result, got.err)
	}
	if got.reply.Worker != "w1" || got.reply.Attempts != 1 || got.reply.Job == 0 || got.reply.Run <= 0 {
		t.Errorf("reply %+v", got.reply)
	}
	job, attempts := r.wait(got.reply.Job)
	if job.State != ledger.Succeeded || job.Origin != ledger.FromInvoke || len(attempts) != 1 || attempts[0].Outcome != ledger.OutcomeSucceeded {
		t.Errorf("job %+v, attempts %+v", job, attempts)
	}
}

func TestASubmittedJobRunsAndItsResultIsOnRecord(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	job, attempts := r.wait(r.submit("echo", `{"x":1}`, nil))
	if job.State != ledger.Succeeded || string(job.Result) != `{"x":1}` || job.Attempt != 1 || job.Worker != "w1" || len(attempts) != 1 {
		t.Errorf("job %+v, attempts %+v", job, attempts)
	}
}

func TestTheWorkerLearnsJobAttemptDeadlineAndTrace(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	before := time.Now()
	trace := ledger.Trace{Traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", Tracestate: `a="b"`, Baggage: "k=v"}
	got := r.callAs(Call{Method: "meta", Params: []byte(`[]`), Timeout: time.Minute, Trace: trace}).answer()
	var meta struct {
		Job, Attempt                     int64
		Deadline                         time.Time
		Traceparent, Tracestate, Baggage string
	}
	if err := json.Unmarshal([]byte(got.result), &meta); err != nil {
		t.Fatal(err)
	}
	left := meta.Deadline.Sub(before)
	if meta.Job != got.reply.Job || meta.Attempt != 1 || left < 59*time.Second || left > 80*time.Second ||
		meta.Traceparent != trace.Traceparent || meta.Tracestate != trace.Tracestate || meta.Baggage != trace.Baggage {
		t.Errorf("meta %s", got.result)
	}
}

func TestAWorkerRunsAsManyCallsAtOnceAsItDeclares(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *Options) { o.Env = append(o.Env, envConcurrency+"=3") })
	var calls []*invocation
	for range 4 {
		calls = append(calls, r.call("gate", `["at"]`))
	}
	inside := []*visitor{r.gate.await("at"), r.gate.await("at"), r.gate.await("at")}
	if w := r.pool.Workers()[0]; w.Calls != 3 || w.WorkingStatus != "atCapacity" {
		t.Errorf("worker %+v", w)
	}
	if len(r.gate.at("at")) != 0 {
		t.Error("a fourth call came in")
	}
	inside[0].pass()
	r.gate.await("at").pass() // the fourth takes the slot
	inside[1].pass()
	inside[2].pass()
	for _, c := range calls {
		if c.answer(); c.result != `"at"` || c.reply.Worker != "w1" {
			t.Errorf("result %q, error %v", c.result, c.err)
		}
	}
	if s := r.pool.Stats().Workers; s.MaxSeenConcurrentCalls != 3 {
		t.Errorf("stats %+v", s)
	}
}

func TestTheOperatorsConcurrencyOverridesTheWorkers(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *Options) { o.Env, o.MaxConcurrentCalls = append(o.Env, envConcurrency+"=1"), 2 })
	a, b := r.call("gate", `["at"]`), r.call("gate", `["at"]`)
	first, second := r.gate.await("at"), r.gate.await("at")
	if first.pid != second.pid {
		t.Errorf("two processes, %d and %d", first.pid, second.pid)
	}
	first.pass()
	second.pass()
	a.answer()
	b.answer()
}

func TestANonsensicalConcurrencyIsHeldInBounds(t *testing.T) {
	t.Parallel()
	for _, declared := range []string{"-5", "9223372036854775807"} {
		r := start(t, func(o *Options) { o.Env = append(o.Env, envConcurrency+"="+declared) })
		job, _ := r.wait(r.submit("echo", `[1]`, nil))
		if job.State != ledger.Succeeded {
			t.Errorf("with %s: %s", declared, job.State)
		}
		r.pool.mu.Lock()
		if slots := r.pool.slots; slots < 1 || slots > maxDeclared {
			t.Errorf("with %s: %d slots", declared, slots)
		}
		r.pool.mu.Unlock()
	}
}

func TestARetryableErrorIsTriedUntilTheAttemptsAreUsedUp(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	job, attempts := r.wait(r.submit("fail", `[42, {"type":"Oops"}]`, func(j *ledger.Job) { j.MaxAttempts = 3 }))
	if job.State != ledger.Failed || job.Attempt != 3 || len(attempts) != 3 || job.ErrorSource != ledger.FromWorker {
		t.Errorf("job %+v, %d attempts", job, len(attempts))
	}
	if e := errorOf(t, job); e.Code != 42 || e.Type() != "Oops" {
		t.Errorf("error %+v", e)
	}
	for i, a := range attempts {
		if a.Outcome != ledger.OutcomeError || a.Number != i+1 {
			t.Errorf("attempt %+v", a)
		}
	}
}

func TestAPermanentErrorIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	for name, params := range map[string]string{
		"retryable:false": `[1, {"retryable":false}]`, "method not found": `[-32601]`, "invalid params": `[-32602]`,
	} {
		if job, attempts := r.wait(r.submit("fail", params, nil)); job.State != ledger.Failed || len(attempts) != 1 {
			t.Errorf("%s: %s after %d attempts", name, job.State, len(attempts))
		}
	}
}

func TestASnoozeRunsAgainUnchargedAndLater(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	id := r.submit("fail", `[1, {"snoozeMs":3600000}]`, func(j *ledger.Job) { j.MaxAttempts = 1 })
	// The one slot is the second job's only when the first is done with it.
	r.wait(r.submit("echo", `[1]`, nil))
	job, attempts := r.get(id)
	if job.State != ledger.Queued || job.Attempt != 0 || job.Runs != 1 || len(attempts) != 1 || attempts[0].Outcome != ledger.OutcomeSnoozed {
		t.Errorf("job %+v, attempts %+v", job, attempts)
	}
	if wait := job.RunAt.Sub(attempts[0].FinishedAt); wait < time.Hour-time.Second || wait > time.Hour+time.Second {
		t.Errorf("put off by %s", wait)
	}
}

func TestAnInvokeThatSnoozesIsAnsweredInTheEnd(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	if got := r.call("snooze-once", `[20]`).answer(); got.result != `"awake"` {
		t.Errorf("result %q, error %v, reply %+v", got.result, got.err, got.reply.Error)
	}
}

func TestAWorkersErrorPassesThroughUnchanged(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	got := r.call("fail", `[1002, {"type":"TimeoutError","x":[1]}]`).answer()
	if e := got.reply.Error; e == nil || e.Code != 1002 || string(e.Data) != `{"type":"TimeoutError","x":[1]}` || got.reply.ErrorSource != ledger.FromWorker {
		t.Errorf("reply %+v", got.reply)
	}
}

func TestTheLastProgressIsKeptInTheLedger(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	job, _ := r.wait(r.submit("progress", `[{"done":1}, {"done":2}, "last"]`, nil))
	if string(job.Progress) != `"last"` {
		t.Errorf("progress %s", job.Progress)
	}
}

func TestAWorkerHasTheGivenEnvironmentAndItsOwnNameOnce(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *Options) {
		o.Pool, o.Dir = "mail", "/"
		o.MaxMessageSize = 1 << 20
		o.Env = append(o.Env, "MINE=1", envWorker+"=w77", envPool+"=outer", envMaxMessageSize+"=16MiB") // as in a supervisor that is a job itself
	})
	var env []string
	if err := json.Unmarshal([]byte(r.call("env", `[]`).answer().result), &env); err != nil {
		t.Fatal(err)
	}
	var ours []string
	for _, v := range env {
		if strings.HasPrefix(v, envPool+"=") || strings.HasPrefix(v, envWorker+"=") || strings.HasPrefix(v, envMaxMessageSize+"=") || strings.HasPrefix(v, "MINE=") {
			ours = append(ours, v)
		}
	}
	slices.Sort(ours)
	if want := []string{"MINE=1", "WHIPPER_MAX_MESSAGE_SIZE=1048576", "WHIPPER_POOL=mail", "WHIPPER_WORKER=w1"}; !slices.Equal(ours, want) {
		t.Errorf("environment has %q, want %q", ours, want)
	}
	if got := r.call("folder", `[]`).answer().result; got != `"/"` {
		t.Errorf("working folder %s", got)
	}
}

func TestAResultThatIsTooLargeToBeKeptFailsForGoodAndIsNotKept(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *Options) { o.MaxResultSize = 100 })
	large := `["` + longLine(97) + `"]` // as long as its result: 101 bytes
	if code := r.call("echo", large).code(); code != jsonrpc.CodeMessageTooLarge {
		t.Errorf("code %d", code)
	}
	job, attempts := r.wait(r.submit("echo", large, func(j *ledger.Job) { j.MaxAttempts = 3 }))
	const want = "the result has 101 bytes, more than --max-result-size 100: return less, or a path to it, or raise that"
	if e := errorOf(t, job); job.State != ledger.Failed || len(attempts) != 1 || e.Code != jsonrpc.CodeMessageTooLarge || e.Message != want || job.Result != nil {
		t.Errorf("%s, %d attempts, %s, %.20q", job.State, len(attempts), job.Error, job.Result)
	}
	if got := r.call("echo", `["`+longLine(96)+`"]`).answer(); len(got.result) != 100 {
		t.Errorf("a result of %d bytes", len(got.result))
	}
	if n := r.pool.Stats().Workers.ForkCount; n != 1 {
		t.Errorf("%d forks", n)
	}
}

func TestACallThatIsTooLargeFailsForGoodAndTheWorkerLivesOn(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *Options) { o.MaxMessageSize = 4 << 10 })
	large := `["` + longLine(8<<10) + `"]`
	if code := r.call("echo", large).code(); code != jsonrpc.CodeMessageTooLarge {
		t.Errorf("code %d", code)
	}
	for _, delivery := range []ledger.Delivery{ledger.AtLeastOnce, ledger.AtMostOnce} {
		job, attempts := r.wait(r.submit("echo", large, func(j *ledger.Job) { j.Delivery = delivery }))
		if job.State != ledger.Failed || len(attempts) != 1 || errorOf(t, job).Code != jsonrpc.CodeMessageTooLarge {
			t.Errorf("%s: %s, %d attempts, %s", delivery, job.State, len(attempts), job.Error)
		}
	}
	if got := r.call("echo", `[1]`).answer(); got.result != `[1]` {
		t.Errorf("result %q", got.result)
	}
	if n := r.pool.Stats().Workers.ForkCount; n != 1 {
		t.Errorf("%d forks", n)
	}
}
