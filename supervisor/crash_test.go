package supervisor

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
)

func TestAJobThatKillsItsWorkerIsChargedAndEndsAfterItsAttempts(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	job, attempts := r.wait(r.submit("exit", `[3, "out of paper"]`, func(j *ledger.Job) { j.MaxAttempts = 2 }))
	if job.State != ledger.Failed || job.Attempt != 2 || job.Crashes != 0 || len(attempts) != 2 || errorOf(t, job).Code != jsonrpc.CodeWorkerCrashed {
		t.Errorf("job %+v", job)
	}
	for _, a := range attempts {
		if a.Outcome != ledger.OutcomeCrashed || a.ExitCode == nil || *a.ExitCode != 3 || a.Signal != "" || a.StderrTail != "out of paper" {
			t.Errorf("attempt %+v", a)
		}
	}
	if s := r.pool.Stats().Workers; s.ErrorCount != 2 || s.CallsHandled != 2 {
		t.Errorf("stats %+v", s)
	}
}

func TestAJobThatAWorkerDiesOfReadingEndsAfterItsAttempts(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *Options) { o.Env = append(o.Env, envBoot+"=short-lines") })
	job, attempts := r.wait(r.submit("echo", `["`+longLine(300<<10)+`"]`, func(j *ledger.Job) { j.MaxAttempts = 6 }))
	if job.State != ledger.Failed || job.Attempt != 6 || len(attempts) != 6 {
		t.Errorf("job is %s with %d charged of %d attempts", job.State, job.Attempt, len(attempts))
	}
	if s := r.pool.Status(); s.State != "available" {
		t.Errorf("status %+v", s)
	}
}

func TestACallThatAWorkerDeclinesIsNotChargedButNotForEver(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	for _, delivery := range []ledger.Delivery{ledger.AtLeastOnce, ledger.AtMostOnce} {
		job, attempts := r.wait(r.submit("fail", `[1007]`, func(j *ledger.Job) { j.Delivery = delivery }))
		if job.State != ledger.Failed || job.Attempt != 0 || job.Crashes != ledger.MaxCrashes || len(attempts) != ledger.MaxCrashes {
			t.Errorf("%s: job is %s with %d charged of %d attempts", delivery, job.State, job.Attempt, len(attempts))
		}
	}
	// Each time the worker was taken at its word: it got no more calls, and another process took its place.
	if n := r.pool.Stats().Workers.ForkCount; n < 2*ledger.MaxCrashes {
		t.Errorf("%d forks", n)
	}
}

func TestTheSignalThatEndedAWorkerIsOnRecord(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	for _, name := range []string{"SIGKILL", "SIGTERM"} {
		_, attempts := r.wait(r.submit("kill", `["`+name+`"]`, func(j *ledger.Job) { j.MaxAttempts = 1 }))
		if len(attempts) != 1 || attempts[0].Signal != name || attempts[0].ExitCode != nil {
			t.Errorf("attempts %+v", attempts)
		}
	}
}

func TestAnInvokeHearsOfACrashAtOnceAndTheNextOneRuns(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	for range 5 { // more than it takes to be degraded, if these were failures to start
		got := r.call("exit", `[3, ""]`).answer()
		if got.code() != jsonrpc.CodeWorkerCrashed || !strings.Contains(got.reply.Error.Message, "exit code 3") {
			t.Fatalf("reply %+v, %v", got.reply.Error, got.err)
		}
	}
	if s := r.pool.Status(); s.State != "available" {
		t.Errorf("status %+v", s)
	}
	if got := r.call("echo", `[1]`).answer(); got.result != `[1]` {
		t.Errorf("result %q, %v", got.result, got.err)
	}
}

func TestASharedCrashChargesNobodyAndItsJobsNextRunAlone(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *Options) { o.Env = append(o.Env, envConcurrency+"=3") })
	one := func(j *ledger.Job) { j.MaxAttempts = 1 }
	ids := []int64{r.submit("gate", `["in"]`, one), r.submit("gate", `["in"]`, one), r.submit("gate", `["in"]`, one)}
	r.gate.await("in")
	r.gate.await("in")
	if err := unix.Kill(r.gate.await("in").pid, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for range ids {
		v := r.gate.await("in")
		if w := r.pool.Workers()[0]; w.Calls != 1 || w.WorkingStatus != "atCapacity" {
			t.Errorf("a job is not alone: %+v", w)
		}
		v.pass()
	}
	for _, id := range ids {
		job, attempts := r.wait(id)
		if job.State != ledger.Succeeded || job.Attempt != 1 || job.Crashes != 1 || job.Alone || len(attempts) != 2 || attempts[0].Outcome != ledger.OutcomeCrashed {
			t.Errorf("job %+v, attempts %+v", job, attempts)
		}
	}
}

func TestAJobWhoseProcessesCrashTooOftenFailsThoughNobodyIsGuilty(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *Options) { o.Env = append(o.Env, envConcurrency+"=2") })
	id := r.submit("gate-exit", `["victim"]`, func(j *ledger.Job) { j.Crashes, j.MaxAttempts = ledger.MaxCrashes-1, 1 })
	other := r.submit("gate-exit", `["other"]`, func(j *ledger.Job) { j.MaxAttempts = 1 })
	r.gate.await("other")
	r.gate.await("victim").pass()
	job, attempts := r.wait(id)
	if job.State != ledger.Failed || job.Crashes != ledger.MaxCrashes || job.Attempt != 0 || len(attempts) != 1 {
		t.Errorf("job %+v, attempts %+v", job, attempts)
	}
	r.gate.await("other").pass() // alone, and so guilty
	if job, _ := r.wait(other); job.State != ledger.Failed || job.Attempt != 1 || job.Crashes != 1 {
		t.Errorf("job %+v", job)
	}
}

func TestACrashWhileANeighbourRunsLeavesAnInvokeFailedAndNotRunAgain(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *Options) { o.Env = append(o.Env, envConcurrency+"=2") })
	invoke := r.call("gate", `["beside"]`)
	r.gate.await("beside")
	r.submit("exit", `[1, ""]`, func(j *ledger.Job) { j.MaxAttempts = 1 })
	if code := invoke.code(); code != jsonrpc.CodeWorkerCrashed {
		t.Errorf("code %d", code)
	}
	if n := len(r.gate.at("beside")); n != 0 {
		t.Error("the invoke ran again")
	}
}

func TestAWorkerThatEndsAfterEachAnswerLosesNoneAndChargesNobody(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	const n = 20
	jobs := make([]ledger.Job, n)
	for i := range jobs {
		jobs[i] = ledger.Job{Method: "last", Params: []byte(`[]`), MaxAttempts: 1}
		if i%2 == 1 {
			jobs[i].Delivery = ledger.AtMostOnce
		}
	}
	submitted, err := r.pool.Submit(t.Context(), jobs)
	if err != nil {
		t.Fatal(err)
	}
	invoke := r.call("last", `[]`)
	ran := map[int]bool{}
	for _, s := range submitted {
		job, attempts := r.wait(s.ID)
		if job.State != ledger.Succeeded || string(job.Result) != `"last"` || job.Attempt != 1 {
			t.Errorf("job %+v", job)
		}
		for _, a := range attempts {
			if a.Outcome == ledger.OutcomeSucceeded {
				ran[a.PID] = true
			} else if a.Outcome != ledger.OutcomeInterrupted {
				t.Errorf("attempt %+v", a)
			}
		}
	}
	if invoke.answer(); invoke.result != `"last"` {
		t.Errorf("invoke %q, %v, %+v", invoke.result, invoke.err, invoke.reply.Error)
	}
	if len(ran) != n {
		t.Errorf("%d processes for %d jobs", len(ran), n)
	}
}

func TestTheTailHasTheLastLinesAndEvenThoseOfALongDyingSpeech(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	var speech strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&speech, "line %d %s\\n", i, longLine(50))
	}
	_, attempts := r.wait(r.submit("exit", `[1, "`+speech.String()+`the end"]`, func(j *ledger.Job) { j.MaxAttempts = 1 }))
	tail := strings.Split(attempts[0].StderrTail, "\n")
	if len(tail) != tailLines || tail[tailLines-1] != "the end" || !strings.HasPrefix(tail[0], "line 2981 ") {
		t.Errorf("%d lines, first %q, last %q", len(tail), tail[0], tail[len(tail)-1])
	}
}

func TestGrandchildrenInTheGroupDieWithTheirWorker(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	r.submit("child", `["die"]`, func(j *ledger.Job) { j.MaxAttempts = 1 })
	worker := r.gate.await("child-started")
	grandchild := r.gate.await("grandchild")
	gone := watch(t, grandchild.pid)
	worker.pass()
	gone(patience)
}

func TestAGrandchildThatLeftTheGroupAndHoldsThePipesDelaysNoOutcome(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"session die", "session die flood"} {
		r := start(t, nil)
		id := r.submit("child", `["`+how+`"]`, func(j *ledger.Job) { j.MaxAttempts = 1 })
		grandchild := r.gate.await("grandchild")
		t.Cleanup(func() { _ = unix.Kill(grandchild.pid, unix.SIGKILL) })
		r.gate.await("child-started").pass()
		job, attempts := r.wait(id) // the grandchild holds the pipes until the test ends
		if job.State != ledger.Failed || attempts[0].ExitCode == nil || *attempts[0].ExitCode != 9 {
			t.Errorf("%s: job %+v, attempts %+v", how, job, attempts)
		}
		if got := r.call("echo", `[1]`).answer(); got.result != `[1]` {
			t.Errorf("%s: result %q", how, got.result)
		}
	}
}

func TestManyReforksLeaveNoDescriptorOpen(t *testing.T) {
	r := start(t, nil)
	r.call("exit", `[1, ""]`).answer()
	r.call("echo", `[]`).answer()
	before := openDescriptors(t)
	for range 30 {
		r.call("exit", `[1, ""]`).answer()
	}
	r.call("echo", `[]`).answer()
	if after := openDescriptors(t); after != before {
		t.Errorf("%d descriptors before, %d after 30 crashes", before, after)
	}
}

// openDescriptors counts what a process costs: pipes and handles.
func openDescriptors(t *testing.T) (n int) {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip(err) // Linux has it
	}
	for _, e := range entries {
		if to, _ := os.Readlink("/proc/self/fd/" + e.Name()); strings.HasPrefix(to, "pipe:") || strings.Contains(to, "pidfd") {
			n++
		}
	}
	return n
}
