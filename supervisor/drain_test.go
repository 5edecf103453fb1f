package supervisor

import (
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
)

func TestADrainLetsWhatRunsFinishAndLeavesWhatIsQueuedUncharged(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	running := r.submit("gate", `["in"]`, nil)
	v := r.gate.await("in")
	queued := r.submit("echo", `[1]`, nil)
	invoke := r.call("echo", `["waits"]`)
	r.until(func() bool { return r.pool.window.Len() == 1 && r.pool.invokes.Len() == 1 })
	r.drain()
	r.until(func() bool { return r.pool.phase == poolDraining })

	if _, err := r.pool.Submit(t.Context(), []ledger.Job{{Method: "echo"}}); jsonrpc.AsError(err).Code != jsonrpc.CodeShuttingDown {
		t.Errorf("submit: %v", err)
	}
	if code := r.call("echo", `[]`).code(); code != jsonrpc.CodeShuttingDown {
		t.Errorf("invoke: code %d", code)
	}
	v.pass()
	if invoke.answer(); invoke.result != `["waits"]` {
		t.Errorf("an invoke that waited when the drain began got %q, %+v", invoke.result, invoke.reply.Error)
	}
	r.ended()
	if r.err != nil {
		t.Error(r.err)
	}
	if alive(v.pid) {
		t.Error("the worker is still there")
	}
	if job, _ := r.get(running); job.State != ledger.Succeeded {
		t.Errorf("running job is %s", job.State)
	}
	if job, attempts := r.get(queued); job.State != ledger.Queued || job.Attempt != 0 || job.Runs != 0 || len(attempts) != 0 {
		t.Errorf("queued job %+v", job)
	}
}

func TestADrainThatTakesTooLongPutsJobsBackUnchargedAndFailsCallers(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *Options) { o.Env, o.DrainTimeout = append(o.Env, envConcurrency+"=3"), 100*time.Millisecond })
	job := r.submit("gate", `["in"]`, func(j *ledger.Job) { j.MaxAttempts = 1 })
	once := r.submit("gate", `["in"]`, func(j *ledger.Job) { j.Delivery = ledger.AtMostOnce })
	invoke := r.call("gate", `["in"]`)
	for range 3 {
		r.gate.await("in")
	}
	waiting := r.call("echo", `[]`)
	r.until(func() bool { return r.pool.invokes.Len() == 1 })
	r.drain()
	if code := waiting.code(); code != jsonrpc.CodeShuttingDown {
		t.Errorf("waiting caller: code %d", code)
	}
	if code := invoke.code(); code != jsonrpc.CodeShuttingDown {
		t.Errorf("running caller: code %d", code)
	}
	r.ended()
	if j, attempts := r.get(job); j.State != ledger.Queued || j.Attempt != 0 || j.Crashes != 0 || len(attempts) != 1 || attempts[0].Outcome != ledger.OutcomeInterrupted {
		t.Errorf("job %+v, attempts %+v", j, attempts)
	}
	if j, _ := r.get(once); j.State != ledger.Failed {
		t.Errorf("at-most-once job that was handed over: %+v", j)
	}
}

func TestASecondSignalEndsTheDrainAtOnce(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *Options) { o.DrainTimeout = time.Hour })
	id := r.submit("gate", `["in"]`, nil)
	v := r.gate.await("in")
	r.drain()
	r.until(func() bool { return r.pool.stopping })
	r.kill()
	r.ended()
	if alive(v.pid) {
		t.Error("the worker is still there")
	}
	if !strings.Contains(r.log.String(), "drain was cut short; calls that still run are put back") {
		t.Errorf("no warning in\n%s", r.log)
	}
	if j, attempts := r.get(id); j.State != ledger.Queued || j.Attempt != 0 || len(attempts) != 1 || attempts[0].Outcome != ledger.OutcomeInterrupted {
		t.Errorf("job %+v, attempts %+v", j, attempts)
	}
}

func TestASecondSignalWithNothingRunningWarnsOfNothing(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *Options) { o.Env, o.ForceKillTimeout = append(o.Env, envBoot+"=ignore-all"), time.Hour }).ready()
	r.drain()
	r.gate.await("shutdown")
	r.kill()
	r.ended()
	if log := r.log.String(); strings.Contains(log, "level=WARN") {
		t.Errorf("log\n%s", log)
	}
}

func TestAWorkerIsAskedThenToldThenKilled(t *testing.T) {
	t.Parallel()
	const soon = 300 * time.Millisecond
	for boot, c := range map[string]struct {
		limit time.Duration // the force kill timeout
		least time.Duration // that the end takes: SIGTERM comes after a second, or half the limit
		want  string
	}{
		"ignore-term": {patience, 0, "exit code 0"},
		"linger":      {patience, time.Second, "signal SIGTERM"},
		"ignore-all":  {soon, soon, "signal SIGKILL"},
	} {
		r := start(t, func(o *Options) { o.Env, o.ForceKillTimeout = append(o.Env, envBoot+"="+boot), c.limit }).ready()
		r.call("echo", `[]`).answer()
		began := time.Now()
		how := r.watchLog(`how="` + c.want + `"`)
		r.drain()
		r.ended()
		how.await(t)
		if took := time.Since(began); took < c.least {
			t.Errorf("%q: ended after %s, %s wanted at least", boot, took, c.least)
		}
	}
}

func TestCallersHearAtOnceThatAPoolCannotStartWorkers(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(o *Options) { o.Env = append(o.Env, envBoot+"=exit") })
	r.run()
	if waiting := r.call("echo", `[]`).answer(); waiting.code() != jsonrpc.CodeWorkerCrashed {
		t.Errorf("a caller who waited hears %+v, %v", waiting.reply.Error, waiting.err)
	}
	r.drain()
	r.ended()
}

func TestADrainDoesNotWaitForWorkersThatNeverWereReady(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(o *Options) { o.Env = append(o.Env, envBoot+"=never-ready") })
	r.run()
	r.gate.await("booted")
	waiting := r.call("echo", `[]`)
	r.until(func() bool { return r.pool.invokes.Len() == 1 })
	r.drain()
	if code := waiting.answer().code(); code != jsonrpc.CodeShuttingDown {
		t.Errorf("code %d", code)
	}
	r.ended()
}

func TestAnInvokeThatSnoozesIsAnsweredWhenTheSupervisorEnds(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	call := r.call("fail", `[1, {"snoozeMs":3600000}]`)
	r.until(func() bool { return len(r.pool.invoked) == 1 && len(r.pool.current) == 0 && len(r.pool.held) == 0 })
	r.drain()
	if code := call.code(); code != jsonrpc.CodeShuttingDown {
		t.Errorf("code %d, %v", code, call.err)
	}
	r.ended()
	if jobs, _, err := r.ledger.List(t.Context(), ledger.Filter{}); err != nil || len(jobs) != 1 || jobs[0].State != ledger.Failed {
		t.Errorf("jobs %+v, %v", jobs, err)
	}
}

func TestACallHandedToAWorkerThatDiesInTheDrainIsAnswered(t *testing.T) {
	t.Parallel()
	for range 8 {
		r := start(t, func(o *Options) { o.DrainTimeout = 200 * time.Millisecond }).ready()
		pid := r.pool.Workers()[0].PID
		calls := []*invocation{r.call("echo", `[1]`), r.call("echo", `[2]`), r.call("echo", `[3]`)}
		r.drain()
		_ = unix.Kill(pid, unix.SIGKILL)
		for _, c := range calls {
			c.answer()
		}
		r.ended()
	}
}

func TestAReservedJobStaysQueuedInADrain(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *Options) { o.Env = append(o.Env, envConcurrency+"=2") })
	r.submit("gate", `["in"]`, nil)
	v := r.gate.await("in")
	alone := r.submit("echo", `[1]`, func(j *ledger.Job) { j.Alone = true })
	r.until(func() bool { return r.pool.seats[0].seat.reserved != nil })
	r.drain()
	r.until(func() bool { return r.pool.phase == poolDraining })
	v.pass()
	r.ended()
	if job, _ := r.get(alone); job.State != ledger.Queued || job.Runs != 0 || !job.Alone {
		t.Errorf("job %+v", job)
	}
}
