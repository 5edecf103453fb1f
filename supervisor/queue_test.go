package supervisor

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
)

func countLines(text, part string) (n int) {
	for line := range strings.Lines(text) {
		if strings.Contains(line, part) {
			n++
		}
	}
	return n
}

func TestAQueueGivesTheHighestPriorityThenTheEarliest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q queue
		var model []*call
		for seq := range uint64(rapid.IntRange(1, 60).Draw(t, "steps")) {
			switch {
			case len(model) > 0 && rapid.IntRange(0, 3).Draw(t, "remove") == 0:
				i := rapid.IntRange(0, len(model)-1).Draw(t, "which")
				q.remove(model[i])
				if model[i].queue != nil {
					t.Fatal("a removed call still has a place")
				}
				model = slices.Delete(model, i, i+1)
			default:
				c := &call{seq: seq, job: ledger.Job{Priority: rapid.IntRange(-2, 2).Draw(t, "priority")}}
				q.add(c)
				model = append(model, c)
			}
		}
		slices.SortStableFunc(model, func(a, b *call) int { return b.job.Priority - a.job.Priority })
		for _, want := range model {
			if q.first() != want || q.take() != want {
				t.Fatal("wrong order")
			}
		}
		if q.first() != nil || q.Len() != 0 {
			t.Fatal("the queue is not empty")
		}
	})
}

func TestJobsRunByPriorityAndWithinItInTheOrderOfTheirArrival(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	r.submit("gate", `["in"]`, nil)
	v := r.gate.await("in")
	var want []int64
	var ids []int64
	for _, priority := range []int{0, -5, 10, 0, 10} {
		ids = append(ids, r.submit("effect", `[]`, func(j *ledger.Job) { j.Priority = priority }))
	}
	for _, i := range []int{2, 4, 0, 3, 1} {
		want = append(want, ids[i])
	}
	r.until(func() bool { return r.pool.window.Len() == 5 })
	v.pass()
	var got []int64
	for _, id := range ids {
		r.wait(id)
	}
	for _, e := range r.effects() {
		got = append(got, e.job)
	}
	if !slices.Equal(got, want) {
		t.Errorf("ran %v, want %v", got, want)
	}
}

func TestInvokesAndABacklogOfJobsTakeTurns(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	r.submit("gate", `["in"]`, nil)
	v := r.gate.await("in")
	var ids []int64
	for range 6 {
		ids = append(ids, r.submit("effect", `[]`, nil))
	}
	var calls []*invocation
	for range 6 {
		calls = append(calls, r.call("effect", `[]`))
	}
	r.until(func() bool { return r.pool.window.Len() == 6 && r.pool.invokes.Len() == 6 })
	v.pass()
	for _, c := range calls {
		c.answer()
	}
	for _, id := range ids {
		r.wait(id)
	}
	effects := r.effects()
	for i := 1; i < len(effects); i++ {
		if a, b := slices.Contains(ids, effects[i-1].job), slices.Contains(ids, effects[i].job); a == b {
			t.Errorf("two of a kind in a row at %d: %v, backlog %v", i, effects, ids)
			break
		}
	}
}

func TestAFullQueueRefusesAndSaysItsSize(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *Options) { o.MaxQueueSize = 2 })
	first := r.call("gate", `["in"]`)
	v := r.gate.await("in")
	a, b := r.call("echo", `[1]`), r.call("echo", `[2]`)
	r.until(func() bool { return r.pool.invokes.Len() == 2 })
	full := r.call("echo", `[3]`)
	if full.code() != jsonrpc.CodeQueueFull || !strings.Contains(full.err.Error(), "2 calls wait") {
		t.Errorf("error %v", full.err)
	}
	queued := 0
	for _, job := range r.onRecord() {
		if job.State == ledger.Queued && job.Origin == ledger.FromInvoke {
			queued++
		}
	}
	if queued != 2 {
		t.Errorf("%d calls are on record as queued, 2 wait", queued)
	}
	v.pass()
	for _, c := range []*invocation{first, a, b} {
		if c.code() != 0 {
			t.Errorf("error %v, %v", c.err, c.reply.Error)
		}
	}
	if n := len(r.onRecord()); n != 3 {
		t.Errorf("%d jobs on record, 3 were admitted", n)
	}
}

func (r *rig) onRecord() []ledger.Job {
	r.Helper()
	if err := r.ledger.Flush(r.Context()); err != nil {
		r.Fatal(err)
	}
	jobs, _, err := r.ledger.List(r.Context(), ledger.Filter{Limit: 1000})
	if err != nil {
		r.Fatal(err)
	}
	return jobs
}

func TestAJobThatHasNotStartedInTimeExpiresEvenWhileAllSlotsAreTaken(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	r.submit("gate", `["in"]`, nil)
	v := r.gate.await("in")
	for name, change := range map[string]func(*ledger.Job){
		"in memory": func(j *ledger.Job) { j.ExpiresAt = time.Now().Add(100 * time.Millisecond) },
		"on disk": func(j *ledger.Job) {
			j.ExpiresAt, j.RunAt = time.Now().Add(100*time.Millisecond), time.Now().Add(time.Hour)
		},
		"expired at once": func(j *ledger.Job) { j.ExpiresAt = time.Now().Add(time.Millisecond) },
	} {
		job, attempts := r.wait(r.submit("echo", `[]`, change))
		if job.State != ledger.Failed || len(attempts) != 0 || errorOf(t, job).Code != jsonrpc.CodeExpired {
			t.Errorf("%s: job %+v, attempts %+v", name, job, attempts)
		}
	}
	v.pass()
}

func TestJobsThatExpireWhileTheDiskHangsAreReadOnce(t *testing.T) {
	t.Parallel()
	r := start(t, nil).ready()
	r.pool.Pause()
	at := time.Now().Add(time.Second)
	jobs := make([]ledger.Job, 2*expireAtOnce+1)
	for i := range jobs {
		jobs[i] = ledger.Job{Method: "echo", ExpiresAt: at}
	}
	submitted, err := r.pool.Submit(t.Context(), jobs)
	if err != nil {
		t.Fatal(err)
	}
	release := sync.OnceFunc(r.holdDisk())
	defer release()
	r.until(func() bool { // and does not look again
		p := r.pool
		return time.Now().After(at) && len(p.held) >= expireAtOnce && len(p.current) == 0 && p.exhausted && !p.claiming && len(p.claimWake) == 0
	})
	release()
	for _, s := range submitted {
		if job, _ := r.wait(s.ID); job.State != ledger.Failed || errorOf(t, job).Code != jsonrpc.CodeExpired {
			t.Errorf("job %d is %s: %s", job.ID, job.State, job.Error)
		}
	}
}

func TestManyJobsExpireBehindOthersThatWait(t *testing.T) {
	t.Parallel()
	r := start(t, nil).ready()
	r.pool.Pause()
	jobs := make([]ledger.Job, r.pool.windowSize()+extraClaim+2*expireAtOnce+1)
	for i := range jobs {
		jobs[i] = ledger.Job{Method: "echo"}
	}
	behind := jobs[len(jobs)-2*expireAtOnce-1:]
	for i := range behind {
		behind[i].ExpiresAt = time.Now().Add(time.Second)
	}
	submitted, err := r.pool.Submit(t.Context(), jobs)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range submitted[len(jobs)-len(behind):] {
		if job, _ := r.wait(s.ID); job.State != ledger.Failed {
			t.Errorf("job %d is %s", job.ID, job.State)
		}
	}
	r.pool.Resume()
}

func TestADelayedJobRunsWhenItsTimeHasCome(t *testing.T) {
	t.Parallel()
	r := start(t, nil).ready()
	at := time.Now().Add(150 * time.Millisecond)
	job, _ := r.wait(r.submit("echo", `[]`, func(j *ledger.Job) { j.RunAt = at }))
	if job.State != ledger.Succeeded || job.StartedAt.Before(at.Add(-time.Millisecond)) {
		t.Errorf("job %+v", job)
	}
}

func TestTwoPoolsOnOneLedgerRunTheirOwnJobsOnly(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	other := *r
	other.pool, other.ran = r.newPool(func(o *Options) { o.Pool = "other" }), make(chan struct{})
	other.run()
	var mine, theirs []int64
	for range 20 {
		mine, theirs = append(mine, r.submit("env", `[]`, nil)), append(theirs, other.submit("env", `[]`, nil))
	}
	for i := range mine {
		a, _ := r.wait(mine[i])
		b, _ := r.wait(theirs[i])
		if !strings.Contains(string(a.Result), "WHIPPER_POOL=default") || !strings.Contains(string(b.Result), "WHIPPER_POOL=other") {
			t.Errorf("jobs %s and %s", a.State, b.State)
		}
	}
	if s := r.pool.Stats().Workers; s.CallsHandled != 20 {
		t.Errorf("stats %+v", s)
	}
}

func TestMoreJobsThanTheWindowHoldsAllRun(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	jobs := make([]ledger.Job, 5*windowAtLeast)
	for i := range jobs {
		jobs[i] = ledger.Job{Method: "echo", Params: []byte(`[]`)}
	}
	submitted, err := r.pool.Submit(t.Context(), jobs)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range submitted {
		if job, _ := r.wait(s.ID); job.State != ledger.Succeeded {
			t.Fatalf("job %+v", job)
		}
	}
}

func TestAnUrgentJobOvertakesAFullWindow(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	r.submit("gate", `["in"]`, nil)
	v := r.gate.await("in")
	jobs := make([]ledger.Job, 3*windowAtLeast)
	for i := range jobs {
		jobs[i] = ledger.Job{Method: "effect", Params: []byte(`[]`)}
	}
	for i := range jobs { // one after the other, so that the claimer is woken for each
		if _, err := r.pool.Submit(t.Context(), jobs[i:i+1]); err != nil {
			t.Fatal(err)
		}
	}
	r.until(func() bool { return r.pool.window.Len() >= windowAtLeast })
	urgent := r.submit("effect", `[]`, func(j *ledger.Job) { j.Priority = 50 })
	r.until(func() bool { return r.pool.current[urgent] != nil })
	v.pass()
	r.wait(urgent)
	if first := r.effects()[0]; first.job != urgent {
		t.Errorf("job %d ran first, urgent is %d", first.job, urgent)
	}
}

func TestAnEmptyWindowIsFilledAgainHoweverFewJobsItMayHold(t *testing.T) {
	p := &Pool{slots: 1, jobBytes: 2 * windowBytes, claimWake: make(chan struct{}, 1)}
	if size := p.windowSize(); size != 1 {
		t.Fatalf("the window may hold %d jobs", size)
	}
	p.dispatch()
	if len(p.claimWake) != 1 {
		t.Error("the claimer sleeps while the ledger has jobs")
	}
}
