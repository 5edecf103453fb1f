package supervisor

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/whipper-sidecar/whipper/ledger"
)

func TestJobsThatComeBeforeWhatTheClaimerHasSeenAreNotOverlooked(t *testing.T) {
	t.Parallel()
	r := start(t, nil).ready()
	busy := r.submit("gate", `["busy"]`, nil) // the only slot
	inside := r.gate.await("busy")
	backlog := make([]ledger.Job, 4*windowAtLeast)
	for i := range backlog {
		backlog[i] = ledger.Job{Method: "echo", Params: []byte(`[1]`)}
	}
	submitted, err := r.pool.Submit(t.Context(), backlog)
	if err != nil {
		t.Fatal(err)
	}
	r.until(func() bool { return !r.pool.exhausted && !r.pool.claiming && r.pool.window.Len() >= windowAtLeast })
	early := r.submit("echo", `[2]`, func(j *ledger.Job) { j.RunAt = time.Now().Add(-time.Hour) })
	inside.pass()
	first, _ := r.wait(early)
	last, _ := r.wait(submitted[len(submitted)-1].ID)
	if !first.StartedAt.Before(last.StartedAt) {
		t.Errorf("the job that was to run first began at %v, the last one at %v", first.StartedAt, last.StartedAt)
	}
	for _, s := range submitted {
		r.wait(s.ID)
	}
	r.wait(busy)
}

func TestFreshJobsAreTakenWithoutAReadOnlyWhereNoneWaitBeforeThem(t *testing.T) {
	t.Parallel()
	p := newRig(t, nil).pool
	jobs := func(ids ...int64) (jobs []ledger.Job) {
		for _, id := range ids {
			jobs = append(jobs, ledger.Job{ID: id, Method: "echo", State: ledger.Queued, RunAt: time.Unix(1, 0)})
		}
		return jobs
	}
	expect := func(why string, taken, inWindow int) {
		t.Helper()
		if taken != inWindow || p.window.Len() != inWindow {
			t.Errorf("%s: %d taken, %d in the window, want %d", why, taken, p.window.Len(), inWindow)
		}
		for _, c := range p.window.clear() {
			p.forget(c)
		}
	}
	take := func(jobs []ledger.Job) int {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.takeFresh(jobs)
	}
	expect("others may wait on disk", take(jobs(1)), 0)
	p.exhausted = true
	expect("none do", take(jobs(1, 2)), 2)
	p.exhausted, p.claiming = true, true
	expect("a claim may be about to find some", take(jobs(3)), 0)
	p.exhausted, p.claiming = true, false
	expect("in another order", take(jobs(5, 4)), 0)
	later := jobs(6, 7)
	later[1].RunAt = time.Now().Add(time.Hour)
	p.exhausted = true
	expect("the second is for later", take(later), 1)
	mortal := jobs(8)
	mortal[0].ExpiresAt = time.Now().Add(time.Hour)
	p.exhausted = true
	expect("it expires", take(mortal), 0)
	large := jobs(9, 10, 11)
	for i := range large {
		large[i].Params = make([]byte, windowBytes/2)
	}
	p.exhausted = true
	expect("they are large", take(large), 2)
}

func TestAClaimThatComesBeforeItsTimerFindsWhatIsDue(t *testing.T) {
	t.Parallel()
	p := newRig(t, nil).pool
	later := time.Now().Add(time.Hour).Truncate(time.Microsecond)
	jobs := []ledger.Job{{Method: "echo", Priority: 5}, {Method: "echo", RunAt: later}}
	if _, err := p.Submit(t.Context(), jobs); err != nil {
		t.Fatal(err)
	}
	p.seen, p.dueAt = ledger.LastPosition, time.Now() // the first was for later when the last claim came past it
	if _, err := p.claimOnce(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	if n := p.window.Len(); n != 1 {
		t.Errorf("%d jobs are in the window, want the one that is due", n)
	}
	if !p.dueAt.Equal(later) {
		t.Errorf("the next one is due at %v, want %v", p.dueAt, later)
	}
}

func TestJobsOfASubmissionThatFailedAreLookedFor(t *testing.T) {
	t.Parallel()
	p := newRig(t, nil).pool
	p.exhausted, p.seen = true, ledger.LastPosition
	if err := p.refused(1, context.DeadlineExceeded); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the error is %v", err)
	}
	if p.exhausted || p.seen != (ledger.Position{}) {
		t.Error("the claimer takes it that the ledger has none that are not in memory")
	}
}
