package supervisor

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
)

func TestWhatStoodAsideWhenTheSupervisorDiedRunsUnderTheNext(t *testing.T) {
	t.Parallel()
	r := newRig(t, crowd)
	var ids []int64
	var parked []ledger.Parked
	for i := range 40 {
		id := r.submit("echo", `[1]`, keyed("a"))
		ids = append(ids, id)
		lane := ledger.KeyLane("a")
		if i%2 == 0 {
			lane = ledger.MethodLane("echo")
		}
		parked = append(parked, ledger.Parked{Job: id, Lane: lane})
	}
	r.ledger.Park(parked, func(err error) {
		if err != nil {
			t.Error(err)
		}
	})
	if err := r.ledger.Flush(t.Context()); err != nil { // the next supervisor looks for lanes once
		t.Fatal(err)
	}
	r.run().ready()
	for _, id := range ids {
		r.wait(id)
	}
	if err := r.pool.PauseMethod(t.Context(), "echo"); err != nil {
		t.Error(err)
	}
	r.drain()
	r.ended()
	if err := r.pool.PauseMethod(t.Context(), "echo"); !errors.As(err, new(*jsonrpc.Error)) {
		t.Errorf("a pool that has ended: %v", err)
	}
}

func TestALaneIsReadAgainIfJobsCameThereWhileItWasRead(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.pool.mu.Lock()
	defer r.pool.mu.Unlock()
	l := r.pool.lanes.key("a")
	for name, read := range map[string]laneRead{
		"while it was read":   {lane: l},
		"more stand in it":    {lane: l, more: true},
		"a job was let go of": {lane: l, skipped: []int64{7}},
	} {
		l.parked, l.landed, l.due, r.pool.lanes.due = true, name == "while it was read", false, nil
		if r.pool.fromLane(&read, nil); !l.due || !l.parked {
			t.Errorf("%s: %+v", name, l)
		}
	}
	l.parked, l.landed, l.due, r.pool.lanes.due = true, false, false, nil
	if r.pool.fromLane(&laneRead{lane: l}, nil); l.due || l.parked || len(r.pool.lanes.keys) > 0 {
		t.Errorf("an empty one: %+v", l)
	}
}

func TestJobsThatAreLeftToALaterReadOfTheirLaneAreNotForgotten(t *testing.T) {
	t.Parallel()
	r := start(t, nil).ready()
	busy := r.submit("gate", `["busy"]`, nil) // the only slot
	inside := r.gate.await("busy")
	if err := r.pool.PauseMethod(t.Context(), "echo"); err != nil {
		t.Fatal(err)
	}
	var ids []int64
	for range 50 {
		ids = append(ids, r.submit("echo", `[1]`, nil))
	}
	stand := func() bool {
		l := r.pool.lanes.methods["echo"]
		return l.parked && l.parking == 0 && r.pool.window.Len() == 0
	}
	r.until(stand)
	if err := r.pool.ResumeMethod(t.Context(), "echo"); err != nil {
		t.Fatal(err)
	}
	r.until(func() bool { return r.pool.window.Len() == 50 })
	large := fmt.Sprintf(`[%q]`, strings.Repeat("x", windowBytes/4)) // there is room for few of these
	ids = append(ids, r.submit("large", large, func(j *ledger.Job) { j.Priority, j.MaxAttempts = 1, 1 }))
	r.until(func() bool { return r.pool.window.Len() < 50 })
	inside.pass()
	for _, id := range append(ids, busy) {
		r.wait(id)
	}
}

func TestJobsOfALaneDoNotKeepMoreUrgentOnesFromBeingRead(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	var parked []ledger.Parked
	for range 2 * windowAtLeast {
		parked = append(parked, ledger.Parked{Job: r.submit("echo", `[1]`, nil), Lane: ledger.MethodLane("echo")})
	}
	r.ledger.Park(parked, nil)
	urgent := r.submit("echo", `[2]`, func(j *ledger.Job) { j.Priority = 1 })
	if err := r.ledger.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := r.pool.claimOnce(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	r.pool.mu.Lock()
	defer r.pool.mu.Unlock()
	if first := r.pool.window.first(); first == nil || first.job.ID != urgent {
		t.Errorf("the first of %d that were read is %+v", r.pool.window.Len(), first)
	}
	if n := r.pool.window.Len(); n > r.pool.windowSize()+extraClaim {
		t.Errorf("%d are in the window", n)
	}
}

func TestAJobThatCouldNotBePutIntoAnotherLaneIsReadFromItsOwnAgain(t *testing.T) {
	t.Parallel()
	r := start(t, nil).ready()
	if err := r.pool.PauseMethod(t.Context(), "gate"); err != nil {
		t.Fatal(err)
	}
	id := r.submit("gate", `["in"]`, nil)
	r.until(func() bool { l := r.pool.lanes.methods["gate"]; return l.parked && l.parking == 0 })
	r.pool.mu.Lock()
	r.pool.lanes.methods["gate"].parked = false // it was read, and has to wait for its key
	key := r.pool.lanes.key("a")
	key.parked, key.parking = true, 2
	for _, a := range []aside{
		{ledger.Parked{Job: id, Lane: key.name}, ledger.MethodLane("gate"), time.Time{}},
		{ledger.Parked{Job: id + 1000, Lane: key.name}, "", time.Time{}}, // there is no such job, so none is put aside
	} {
		r.pool.held[a.Job] = struct{}{}
		r.pool.lanes.aside = append(r.pool.lanes.aside, a)
	}
	r.pool.park()
	r.pool.mu.Unlock()
	if err := r.ledger.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := r.pool.ResumeMethod(t.Context(), "gate"); err != nil {
		t.Fatal(err)
	}
	r.gate.await("in").pass()
	r.wait(id)
	r.until(func() bool { return len(r.pool.lanes.keys) == 0 && len(r.pool.lanes.methods) == 0 })
}

func TestALaneIsNotReadTimeAndAgainWhileAJobIsOnItsWayThere(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.pool.mu.Lock()
	defer r.pool.mu.Unlock()
	l := r.pool.lanes.key("a")
	l.parked, l.parking = true, 1
	for name, read := range map[string]laneRead{
		"it cannot be seen there": {lane: l},
		"it can":                  {lane: l, skipped: []int64{7}},
	} {
		r.pool.held[7] = struct{}{}
		if r.pool.fromLane(&read, nil); l.due || !l.parked {
			t.Errorf("%s: %+v", name, l)
		}
	}
	l.parking = 0 // it has come
	r.pool.letGo(7)
	if r.pool.stir(l); !l.due {
		t.Errorf("it is there: %+v", l)
	}
}

func TestAJobThatExpiresOnItsWayIntoALaneIsLookedForThere(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	at := time.Now().Add(time.Millisecond)
	id := r.submit("echo", `[1]`, func(j *ledger.Job) { j.ConcurrencyKey, j.ExpiresAt = "a", at })
	r.pool.mu.Lock()
	key := r.pool.lanes.key("a")
	key.running, key.parked, key.parking = 1, true, 1
	r.pool.held[id] = struct{}{}
	r.pool.lanes.known, r.pool.exhausted = true, true // the claimer has been there, and had to leave it alone
	r.pool.lanes.aside = []aside{{ledger.Parked{Job: id, Lane: key.name}, "", time.Now().Add(-time.Hour)}}
	r.pool.park()
	r.pool.mu.Unlock()
	r.until(func() bool { return key.parking == 0 && time.Now().After(at) })
	if _, err := r.pool.claimOnce(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	if job, _ := r.get(id); job.State != ledger.Failed || errorOf(t, job).Code != jsonrpc.CodeExpired {
		t.Errorf("the job is %s: %s", job.State, job.Error)
	}
}

func TestAJobWhoseRunWasCutShortGoesBeforeTheOthersWithItsKeyAfterARestart(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *Options) { crowd(o); o.DrainTimeout = time.Millisecond }).ready()
	for _, name := range []string{"g0", "g1", "g2"} {
		r.submit("gate", `["`+name+`"]`, keyed("a"))
	}
	r.gate.await("g0")
	r.until(func() bool {
		l := r.pool.lanes.keys["a"]
		return l.parked && l.parking == 0 && r.pool.window.Len() == 0
	})
	r.drain()
	r.ended()
	r.pool = r.newPool(crowd)
	r.ran = make(chan struct{})
	r.run().ready()
	for _, name := range []string{"g0", "g1", "g2"} {
		r.gate.await(name).pass()
	}
}
