package supervisor

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
)

// crowd has one worker take many calls at once, so that nothing but a lane can hold one back.
func crowd(o *Options) { o.Env = append(o.Env, envConcurrency+"=16") }

func keyed(key string) func(*ledger.Job) {
	return func(j *ledger.Job) { j.ConcurrencyKey = key }
}

// nobodyAt makes sure that, of all calls that have been handed out so far, none is at the gate: a job that was submitted after
// them has run.
func (r *rig) nobodyAt(name string) {
	r.Helper()
	if job, _ := r.wait(r.submit("echo", `[0]`, func(j *ledger.Job) { j.Priority = ledger.MinPriority })); job.State != ledger.Succeeded {
		r.Fatalf("job %d is %s", job.ID, job.State)
	}
	select {
	case <-r.gate.at(name):
		r.Errorf("somebody is at gate %q", name)
	default:
	}
}

func TestJobsWithOneKeyRunOneAtATimeInTheirOrderAndOthersBesideThem(t *testing.T) {
	t.Parallel()
	r := start(t, crowd).ready()
	var ids []int64
	for i := range 5 {
		ids = append(ids, r.submit("gate", fmt.Sprintf(`["a%d"]`, i), keyed("a")))
	}
	first := r.gate.await("a0")
	ids = append(ids, r.submit("gate", `["urgent"]`, func(j *ledger.Job) { j.ConcurrencyKey, j.Priority = "a", 9 }))
	other := r.submit("gate", `["b"]`, keyed("b"))
	r.gate.await("b").pass()
	r.wait(other)
	r.nobodyAt("a1")
	r.nobodyAt("urgent")
	first.pass()
	r.gate.await("urgent").pass() // of those that wait
	for i := 1; i < 5; i++ {
		v := r.gate.await(fmt.Sprintf("a%d", i))
		for j := i + 1; j < 5; j++ {
			r.nobodyAt(fmt.Sprintf("a%d", j))
		}
		v.pass()
	}
	for _, id := range ids {
		if job, _ := r.wait(id); job.State != ledger.Succeeded {
			t.Errorf("job %d is %s", id, job.State)
		}
	}
	r.until(func() bool { return len(r.pool.lanes.keys) == 0 && len(r.pool.lanes.due) == 0 }) // nothing is kept of a key that nobody uses
}

func TestAJobThatIsCancelledOrExpiresWhileItStandsAsideHoldsUpNobody(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *Options) { crowd(o); o.MethodConcurrency = map[string]int{"gate": 1} }).ready()
	first := r.submit("gate", `["first"]`, keyed("a"))
	inside := r.gate.await("first")
	cancelled := r.submit("gate", `["second"]`, keyed("a"))
	expired := r.submit("gate", `["third"]`, func(j *ledger.Job) { j.ConcurrencyKey, j.ExpiresAt = "a", time.Now().Add(50*time.Millisecond) })
	last := r.submit("gate", `["last"]`, keyed("a"))
	r.nobodyAt("second")
	if n, err := r.pool.Cancel(t.Context(), []int64{cancelled}); n != 1 || err != nil {
		t.Errorf("cancelled %d, %v", n, err)
	}
	if job, _ := r.wait(expired); job.State != ledger.Failed || errorOf(t, job).Code != jsonrpc.CodeExpired {
		t.Errorf("the job that expired is %s: %s", job.State, job.Error)
	}
	inside.pass()
	r.gate.await("last").pass()
	for id, want := range map[int64]ledger.State{first: ledger.Succeeded, cancelled: ledger.Cancelled, last: ledger.Succeeded} {
		if job, _ := r.wait(id); job.State != want {
			t.Errorf("job %d is %s; want %s", id, job.State, want)
		}
	}
}

func TestAKeyIsHeldUntilTheWorkerIsRidOfTheCall(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *Options) { crowd(o); o.FlushTimeout = patience })
	late := r.submit("lingering", `[]`, func(j *ledger.Job) { j.ConcurrencyKey, j.Timeout, j.MaxAttempts = "a", time.Millisecond, 1 })
	next := r.submit("gate", `["next"]`, keyed("a"))
	if job, _ := r.wait(late); job.State != ledger.Failed {
		t.Errorf("the job is %s", job.State)
	}
	letGo := r.gate.await("let-go")
	r.nobodyAt("next")
	letGo.pass()
	r.gate.await("next").pass()
	r.wait(next)
}

// Keys, limits, a pause, priorities, invokes and cancels at once: never do more run than may, and everything ends.
func TestNothingGetsStuckBetweenKeysLimitsAndPauses(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *Options) {
		crowd(o)
		o.MinWorkers, o.MaxWorkers, o.MethodConcurrency = 2, 2, map[string]int{"effect": 3}
	}).ready()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	var over []string
	watch := func() {
		r.pool.mu.Lock()
		defer r.pool.mu.Unlock()
		for key, l := range r.pool.lanes.keys {
			if l.running > 1 {
				over = append(over, fmt.Sprintf("key %s: %d", key, l.running))
			}
		}
		if n := r.pool.lanes.methods["effect"].running; n > 3 {
			over = append(over, fmt.Sprintf("effect: %d", n))
		}
	}
	var ids []int64
	for i := range 30 {
		var jobs []ledger.Job
		for j := range 12 {
			jobs = append(jobs, ledger.Job{
				Method: []string{"effect", "echo"}[(i+j)%2], Params: []byte(`[1]`), Priority: j % 3,
				ConcurrencyKey: []string{"", "a", "b", "c"}[(i*7+j*3)%4],
			})
		}
		submitted, err := r.pool.Submit(ctx, jobs)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range submitted {
			ids = append(ids, s.ID)
		}
		switch i % 6 {
		case 1:
			if err := r.pool.PauseMethod(ctx, "echo"); err != nil {
				t.Fatal(err)
			}
		case 3:
			if _, err := r.pool.Cancel(ctx, ids[len(ids)-7:]); err != nil {
				t.Fatal(err)
			}
		case 4:
			r.call("effect", `[]`)
		case 5:
			if err := r.pool.ResumeMethod(ctx, "echo"); err != nil {
				t.Fatal(err)
			}
		}
		watch()
	}
	jobs, err := r.ledger.Wait(ctx, ids, ledger.Reading{})
	if err != nil {
		counts, _ := r.ledger.Counts(context.Background(), "default")
		r.pool.mu.Lock()
		defer r.pool.mu.Unlock()
		var all []string
		for _, l := range r.pool.lanes.keys {
			all = append(all, fmt.Sprintf("%+v", *l))
		}
		for _, l := range r.pool.lanes.methods {
			all = append(all, fmt.Sprintf("%+v", *l))
		}
		t.Fatalf("%v: %v; window %d, exhausted %v, due %d, unsure %d, held %d, current %d\n%s", err, counts, r.pool.window.Len(), r.pool.exhausted, len(r.pool.lanes.due), len(r.pool.lanes.unsure), len(r.pool.held), len(r.pool.current), strings.Join(all, "\n"))
	}
	for i := range jobs {
		if s := jobs[i].State; s != ledger.Succeeded && s != ledger.Cancelled {
			t.Errorf("job %d is %s: %s", jobs[i].ID, s, jobs[i].Error)
		}
	}
	if len(over) > 0 {
		t.Errorf("too many at once: %v", over)
	}
	r.until(func() bool { return len(r.pool.lanes.keys) == 0 && len(r.pool.lanes.kept) == 0 })
}
