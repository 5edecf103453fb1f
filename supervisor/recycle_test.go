package supervisor

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/whipper-sidecar/whipper/ledger"
)

func TestAProcessIsGivenExactlyAsManyCallsAsItMayBe(t *testing.T) {
	t.Parallel()
	for _, most := range []int{1, 3} {
		r := start(t, func(o *Options) { o.MaxTotalCalls = most })
		var pids []string
		for range 3 * most {
			got := r.call("pid", `[]`).answer()
			if got.err != nil || got.reply.Error != nil {
				t.Fatalf("%v, %+v", got.err, got.reply.Error)
			}
			pids = append(pids, got.result)
		}
		for i := range 3 {
			if n := len(slices.Compact(slices.Clone(pids[i*most : (i+1)*most]))); n != 1 || i > 0 && pids[i*most] == pids[i*most-1] {
				t.Errorf("at most %d calls a process: %v", most, pids)
			}
		}
		if s := r.pool.Stats(); s.Workers.ResetCount < 2 || s.Workers.CallsHandled != int64(3*most) {
			t.Errorf("stats %+v", s)
		}
	}
}

func TestAProcessThatTakesThePlaceOfOneThatHasYetToGoCountsAsAReset(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *Options) { o.MinWorkers, o.MaxWorkers, o.MaxTotalCalls = 1, 1, 1 })
	first := r.call("gate", `["first"]`)
	inFirst := r.gate.await("first")
	second := r.call("gate", `["second"]`) // whose process has none beside it: there would be three
	inSecond := r.gate.await("second")
	inFirst.pass()
	first.answer()
	r.until(func() bool { return len(r.pool.seats) == 2 && r.pool.readyWorkers() == 1 }) // the third has come before the second goes
	if s := r.pool.Stats(); s.Workers.ForkCount != 3 || s.Workers.ResetCount != 2 {
		t.Errorf("%d of %d processes took another one's place", s.Workers.ResetCount, s.Workers.ForkCount)
	}
	inSecond.pass()
	second.answer()
}

func TestNoCallIsLostOrFailedWhileProcessesAreRecycledUnderLoad(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *Options) {
		o.MinWorkers, o.MaxWorkers, o.MaxTotalCalls, o.Env = 2, 2, 10, append(o.Env, envConcurrency+"=4")
	})
	const jobs = 400
	var ids []int64
	for range jobs {
		ids = append(ids, r.submit("effect", `[]`, nil))
	}
	for _, id := range ids {
		if job, attempts := r.wait(id); job.State != ledger.Succeeded || len(attempts) != 1 {
			t.Fatalf("job %d is %s after %d attempts", id, job.State, len(attempts))
		}
	}
	if n := len(r.effects()); n != jobs {
		t.Errorf("%d effects of %d jobs", n, jobs)
	}
	s := r.pool.Stats()
	if s.MaxSeenWorkerCount > 3 {
		t.Errorf("%d workers at once, one above the most is allowed", s.MaxSeenWorkerCount)
	}
	if s.Workers.ForkCount < jobs/10 {
		t.Errorf("%d forks for %d calls, 10 each", s.Workers.ForkCount, jobs)
	}
}

func TestAnOldProcessServesUntilItsReplacementIsReadyAndThenFinishesWhatItHas(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *Options) { o.MaxAge, o.Env = 50*time.Millisecond, append(o.Env, envConcurrency+"=2") }).ready()
	long := r.call("gate", `["long"]`)
	first := r.gate.await("long")
	for r.gate.await("boot").pid != first.pid { // others may have come and gone before the call
	}
	second := r.gate.await("boot").pid
	r.until(func() bool {
		return slices.ContainsFunc(r.pool.seats, func(w *worker) bool { return w.seat.pid == first.pid && w.seat.state == Flushing })
	})
	if second == first.pid || !alive(first.pid) {
		t.Fatal("the old process did not wait for its call")
	}
	if got := r.call("echo", `[1]`).answer(); got.result != `[1]` {
		t.Errorf("meanwhile: %+v, %v", got.reply.Error, got.err)
	}
	first.pass()
	if got := long.answer(); got.result != `"long"` {
		t.Errorf("the long call: %+v, %v", got.reply.Error, got.err)
	}
}

func TestProcessesOfTheSameAgeAreNotReplacedAllAtOnce(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *Options) { o.MinWorkers, o.MaxWorkers, o.MaxAge = 4, 4, 300*time.Millisecond })
	r.until(func() bool { return r.pool.readyWorkers() == 4 })
	lowest := 4
	r.until(func() bool {
		lowest = min(lowest, r.pool.readyWorkers())
		return r.pool.lastSeat >= 10
	})
	if s := r.pool.Stats(); lowest < 4 || s.MaxSeenWorkerCount > 5 {
		t.Errorf("%d workers were ready at the least, %d lived at the most", lowest, s.MaxSeenWorkerCount)
	}
}

func TestAReplacementThatDoesNotComeUpIsTriedAgainWhileTheOldProcessServes(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(o *Options) { o.MaxAge, o.Env = 20*time.Millisecond, append(o.Env, envBoot+"=fail-if-file") })
	r.run().ready()
	release := r.breakBoot()
	r.until(func() bool { return r.pool.boots.unready >= 2 })
	for range 3 {
		if got := r.call("echo", `[1]`).answer(); got.result != `[1]` {
			t.Fatalf("the old one does not serve: %+v, %v", got.reply.Error, got.err)
		}
	}
	release()
	before := r.pool.Workers()[0].ID
	r.until(func() bool { return len(r.pool.seats) > 0 && r.pool.seats[0].id != before })
	if got := r.call("echo", `[2]`).answer(); got.result != `[2]` {
		t.Errorf("the new one does not serve: %+v, %v", got.reply.Error, got.err)
	}
}

func TestAProcessTreeThatIsTooLargeIsReplacedAfterTheCall(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *Options) { o.MaxRSS = 200 << 20 }).ready()
	pid := r.call("pid", `[]`).answer().result
	if got := r.call("grow", `[1]`).answer(); got.code() != 0 {
		t.Fatal(got.reply.Error)
	}
	if again := r.call("pid", `[]`).answer().result; again != pid {
		t.Errorf("replaced though it is small")
	}
	if got := r.call("grow", `[300]`).answer(); got.code() != 0 {
		t.Fatalf("the call that grew: %+v", got.reply.Error)
	}
	r.until(func() bool { return r.pool.seats[0].id != "w1" && r.pool.seats[0].seat.slots > 0 })
	if again := r.call("pid", `[]`).answer().result; again == pid {
		t.Error("not replaced")
	}
}

func TestAProcessThatWaitsForItsLastCallsGoesAtOnceWhenItIsTooLargeAsWell(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *Options) { o.MaxTotalCalls, o.MaxRSS = 2, 200<<20 }).ready()
	if got := r.call("grow", `[300]`).answer(); got.code() != 0 { // its last call but one: it has a successor
		t.Fatal(got.reply.Error)
	}
	r.until(func() bool { return len(r.pool.seats) == 1 && r.pool.seats[0].id != "w1" })
}

func TestAProcessTreeBeyondTheHardLimitIsKilledAndItsCallEndsAsInACrash(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *Options) { o.MaxRSSHard = 200 << 20 }).ready()
	job, attempts := r.wait(r.submit("grow-and-hang", `[300]`, func(j *ledger.Job) { j.MaxAttempts = 1 }))
	if job.State != ledger.Failed || len(attempts) != 1 || attempts[0].Outcome != ledger.OutcomeCrashed || attempts[0].Signal != "SIGKILL" {
		t.Errorf("job %s, attempts %+v", job.State, attempts)
	}
	if e := errorOf(t, job); !strings.Contains(e.Message, "more than --max-rss-hard 200 MiB") {
		t.Errorf("error %q", e.Message)
	}
	if got := r.call("echo", `[1]`).answer(); got.result != `[1]` {
		t.Errorf("after it: %+v, %v", got.reply.Error, got.err)
	}
}

func TestProcessesThatFinishTheirLastCallsAreNotJoinedByEverMoreOthers(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *Options) { o.MinWorkers, o.MaxWorkers, o.MaxTotalCalls = 2, 2, 1 })
	const calls = 8
	var all []*invocation
	for range calls {
		all = append(all, r.call("gate", `["in"]`))
	}
	var inside []*visitor
	for range calls { // each call that is let go makes room for another one
		inside = append(inside, r.gate.await("in"))
		r.pool.mu.Lock()
		if n := len(r.pool.seats); n > 3 {
			t.Errorf("%d processes, one above the most is allowed", n)
		}
		r.pool.mu.Unlock()
		if len(inside) == 3 {
			inside[0].pass()
			inside = inside[1:]
		}
	}
	for _, v := range inside {
		v.pass()
	}
	for _, c := range all {
		if got := c.answer(); got.result != `"in"` {
			t.Errorf("%+v, %v", got.reply.Error, got.err)
		}
	}
	r.until(func() bool { return len(r.pool.seats) == 2 && r.pool.readyWorkers() == 2 })
}

func TestAProcessThatTakesLongToFinishHoldsUpTheRecyclingOfOthers(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *Options) { o.MinWorkers, o.MaxWorkers, o.MaxAge = 2, 2, 20*time.Millisecond })
	var all []*invocation
	for range 3 {
		all = append(all, r.call("gate", `["in"]`))
	}
	var inside []*visitor
	for range 3 { // the third is taken by the first replacement
		inside = append(inside, r.gate.await("in"))
	}
	r.until(func() bool { // the others are due as well
		return !slices.ContainsFunc(r.pool.seats, func(w *worker) bool { return w.seat.due == "" })
	})
	if s := r.pool.Stats(); s.WorkerCount != 3 {
		t.Errorf("%d processes, one above the most is allowed", s.WorkerCount)
	}
	for _, v := range inside {
		v.pass()
	}
	for _, c := range all {
		if got := c.answer(); got.result != `"in"` {
			t.Errorf("%+v, %v", got.reply.Error, got.err)
		}
	}
	before := r.pool.Stats().Workers.ForkCount
	r.until(func() bool { return r.pool.lastSeat > int(before) }) // it goes on
}
