package supervisor

import (
	"testing"

	"github.com/whipper-sidecar/whipper/ledger"
)

// twofold is a pool in which jobs with key "a" and method "gate" wait for both: a job has the key, and another one is all that may run of
// the method.
type twofold struct {
	*rig
	first, busy int64    // that have the key, and the method
	inside      *visitor // is busy
}

func newTwofold(t *testing.T) *twofold {
	r := &twofold{rig: start(t, func(o *Options) { crowd(o); o.MethodConcurrency = map[string]int{"gate": 1} }).ready()}
	r.first = r.submit("slow", `[]`, keyed("a"))
	r.gate.await("slow")
	r.busy = r.submit("gate", `["busy"]`, nil)
	r.inside = r.gate.await("busy")
	return r
}

// parked waits until so many jobs stand in the key's lane, on disk and as the pool has it.
func (r *twofold) parked(jobs int) {
	r.Helper()
	r.until(func() bool {
		l := r.pool.lanes.keys["a"]
		return l != nil && l.parked && l.parking == 0 && r.stand(ledger.KeyLane("a")) == jobs
	})
}

// stand is how many jobs stand in a lane on disk.
func (r *twofold) stand(lane ledger.Lane) int {
	r.Helper()
	jobs, skipped, _, err := r.ledger.InLane(r.Context(), "default", lane, 100, nil)
	if err != nil {
		r.Fatal(err)
	}
	return len(jobs) + len(skipped)
}

func (r *twofold) freeKey() {
	r.Helper()
	if _, err := r.pool.Cancel(r.Context(), []int64{r.first}); err != nil {
		r.Fatal(err)
	}
}

func TestJobsOfAKeyDoNotAllFollowTheOneThatWaitsForItsMethod(t *testing.T) {
	t.Parallel()
	r := newTwofold(t)
	var ids []int64
	for range 20 {
		ids = append(ids, r.submit("gate", `["in"]`, keyed("a")))
	}
	r.parked(len(ids))
	r.freeKey()
	r.until(func() bool { l := r.pool.lanes.methods["gate"]; return l.parked && l.parking == 0 })
	if key, method := r.stand(ledger.KeyLane("a")), r.stand(ledger.MethodLane("gate")); key != 19 || method != 1 {
		t.Errorf("%d wait for the key and %d for the method", key, method)
	}
	if n, err := r.pool.Cancel(t.Context(), ids[:1]); err != nil || n != 1 { // the one that the key is kept for
		t.Fatalf("cancelled %d, %v", n, err)
	}
	r.inside.pass()
	for range ids[1:] {
		r.gate.await("in").pass()
	}
	for _, id := range append(ids[1:], r.busy) {
		r.wait(id)
	}
}

func TestAPauseFreesTheKeysOfTheJobsThatWaitForTheMethod(t *testing.T) {
	t.Parallel()
	r := newTwofold(t)
	waits, other := r.submit("gate", `["in"]`, keyed("a")), r.submit("echo", `[1]`, keyed("a"))
	r.parked(2)
	r.freeKey()
	r.until(func() bool { return len(r.pool.lanes.kept) == 1 })
	if err := r.pool.PauseMethod(t.Context(), "gate"); err != nil {
		t.Fatal(err)
	}
	r.wait(other)
	if err := r.pool.ResumeMethod(t.Context(), "gate"); err != nil {
		t.Fatal(err)
	}
	r.inside.pass()
	r.gate.await("in").pass()
	r.wait(waits)
	r.wait(r.busy)
}
