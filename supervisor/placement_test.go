package supervisor

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
)

func TestWhoHasAnAnswerFindsTheSlotFree(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *Options) { o.MinWorkers, o.MaxWorkers, o.AtCapacity = 2, 2, AtCapacityError })
	r.until(func() bool { return r.pool.readyWorkers() == 2 })
	var callers sync.WaitGroup
	for range 2 {
		callers.Go(func() {
			for range 2000 {
				if reply, err := r.pool.invoke(t.Context(), Call{Method: "echo", Params: []byte(`[1]`)}); err != nil || reply.Error != nil {
					t.Errorf("one of two calls for two slots: %v, %+v", err, reply.Error)
					return
				}
			}
		})
	}
	callers.Wait()
}

func TestAStartingPoolTakesCallsForSlotsThatNoWorkerHasDeclaredYet(t *testing.T) {
	t.Parallel()
	for _, strategy := range atCapacityStrategies {
		r := newRig(t, func(o *Options) {
			o.AtCapacity, o.MaxQueueSize, o.Env = strategy, 1, append(o.Env, envConcurrency+"=5")
		})
		var calls []*invocation
		for range 5 {
			calls = append(calls, r.call("gate", `["in"]`))
		}
		r.until(func() bool { return len(r.pool.invoked) == 5 })
		r.run().ready()
		var inside []*visitor
		for range calls {
			inside = append(inside, r.gate.await("in"))
		}
		var refused *invocation
		if strategy == AtCapacityError { // now it is known how many slots there are
			if refused = r.call("echo", `[1]`); refused.code() != jsonrpc.CodeAtCapacity {
				t.Errorf("a sixth call: %+v, %v", refused.reply, refused.err)
			}
		}
		for _, v := range inside {
			v.pass()
		}
		for _, c := range calls {
			if got := c.answer(); got.result != `"in"` {
				t.Errorf("%s: %+v, %v", strategy, got.reply, got.err)
			}
		}
	}
}

func TestInAPausedPoolAsManyCallsWaitAsTheQueueTakesHoweverManySlotsAreFree(t *testing.T) {
	t.Parallel()
	const most = 7
	for _, strategy := range []string{AtCapacityQueue, AtCapacityError} {
		r := start(t, func(o *Options) {
			o.MinWorkers, o.MaxWorkers, o.MaxQueueSize, o.AtCapacity, o.Env = 1, 2, most, strategy, append(o.Env, envConcurrency+"=2")
		}).ready()
		running := r.call("gate", `["in"]`)
		inside := r.gate.await("in")
		r.pool.Pause()
		var waiting []*invocation
		for range most {
			waiting = append(waiting, r.call("echo", `[1]`))
		}
		r.until(func() bool { return r.pool.invokes.Len() == most })
		if got := r.call("echo", `[1]`); got.code() != jsonrpc.CodeQueueFull {
			t.Errorf("one too many: %+v, %v", got.reply, got.err)
		}
		r.pool.Resume()
		inside.pass()
		for _, c := range append(waiting, running) {
			if got := c.answer(); got.code() != 0 {
				t.Errorf("%+v, %v", got.reply, got.err)
			}
		}
	}
}

func onItsOwn(j *ledger.Job) { j.Alone = true }

func TestAJobThatRunsAloneGetsAWorkerOfItsOwnWhereTheOthersAreBusy(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *Options) { o.MaxWorkers, o.Env = 2, append(o.Env, envConcurrency+"=2") }).ready()
	busy := r.call("gate", `["busy"]`)
	inside := r.gate.await("busy")
	id := r.submit("gate", `["alone"]`, onItsOwn)
	v := r.gate.await("alone")
	if v.pid == inside.pid {
		t.Error("it shares a process")
	}
	beside := r.call("echo", `[1]`) // the busy worker's other slot stays of use
	if got := beside.answer(); got.result != `[1]` {
		t.Errorf("%+v, %v", got.reply, got.err)
	}
	v.pass()
	if job, _ := r.wait(id); job.State != ledger.Succeeded {
		t.Errorf("job is %s", job.State)
	}
	inside.pass()
	busy.answer()
}

func TestAJobThatRunsAloneGoesToWhicheverWorkerIsIdleFirst(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *Options) { o.MinWorkers, o.MaxWorkers, o.Env = 2, 2, append(o.Env, envConcurrency+"=2") })
	r.until(func() bool { return r.pool.readyWorkers() == 2 })
	one, two := r.call("gate", `["in"]`), r.call("gate", `["in"]`)
	inside := map[int]*visitor{}
	for range 2 {
		v := r.gate.await("in")
		inside[v.pid] = v
	}
	id := r.submit("pid", `[]`, onItsOwn)
	var reserved int
	r.until(func() bool {
		for _, w := range r.pool.seats {
			if w.seat.reserved != nil {
				reserved = w.seat.pid
			}
		}
		return reserved != 0
	})
	for pid, v := range inside {
		if pid != reserved {
			v.pass()
		}
	}
	if job, _ := r.wait(id); job.State != ledger.Succeeded || job.PID == reserved {
		t.Errorf("job is %s, of process %d", job.State, job.PID)
	}
	inside[reserved].pass()
	one.answer()
	two.answer()
}

func TestAJobThatHasEndedItsProcessDoesNotTakeOthersWithItTheNextTime(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *Options) { o.Env = append(o.Env, envConcurrency+"=3") }).ready()
	id := r.submit("gate-exit", `["guilty"]`, func(j *ledger.Job) { j.MaxAttempts = 2 })
	first := r.gate.await("guilty")
	r.pool.Pause() // until the next process and both calls are there
	first.pass()
	neighbour := r.callAs(Call{Method: "gate", Params: []byte(`["innocent"]`), Priority: 1})
	r.until(func() bool {
		return r.pool.readyWorkers() == 1 && r.pool.invokes.Len() == 1 && r.pool.window.Len() == 1
	})
	r.pool.Resume()
	inside := r.gate.await("innocent")
	r.until(func() bool { return r.pool.seats[0].seat.reserved != nil }) // it waits until it is alone
	inside.pass()
	if got := neighbour.answer(); got.result != `"innocent"` {
		t.Errorf("%+v, %v", got.reply, got.err)
	}
	r.gate.await("guilty").pass()
	if job, attempts := r.wait(id); job.State != ledger.Failed || job.Attempt != 2 || len(attempts) != 2 {
		t.Errorf("job %+v, attempts %+v", job, attempts)
	}
}

func TestASuccessorIsStartedAsEarlyAsProcessesTakeToBoot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		time.Sleep(10 * time.Second)
		for _, c := range []struct {
			seats, slots, given int
			boot                time.Duration
			most, want          int
		}{
			{1, 1, 50, 0, 100, 1},                    // no time at all: in time for the last call
			{1, 4, 50, 0, 100, 4},                    // which may come with others at once
			{1, 1, 50, time.Second, 100, 10},         // 5 calls in a boot, twice
			{4, 1, 50, time.Second, 100, 25},         // four that may be due together
			{4, 1, 500, time.Second, 1000, 250},      // but it is a process's second half
			{9, 1, 500, 10 * time.Second, 1000, 500}, // at the most
		} {
			p := &Pool{bootTook: c.boot, seats: make([]*worker, c.seats)}
			if got := p.lead(&seat{slots: c.slots, given: c.given, readyAt: began}, c.most); got != c.want {
				t.Errorf("%+v: %d calls before the last", c, got)
			}
		}
	})
}

func TestACallHasTheMemoryOfAnIdlePoolLookedAt(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(o *Options) { o.MaxRSS = 1 << 30 })
	p := r.pool
	if again := p.measure(); again != measureIdle || !p.dozing {
		t.Fatalf("idle, it looks again in %v", again)
	}
	p.mu.Lock()
	w := newWorker(p, 1)
	w.seat.slots = 1
	p.seats = append(p.seats, w)
	w.mailbox.owned = true // as by its goroutine, so that the call stays where it is
	p.assign(w, &call{})
	p.mu.Unlock()
	select {
	case <-p.limitWake:
	default:
		t.Error("nobody looks at what the call makes of the worker")
	}
	if again := p.measure(); again != measureBusy || p.dozing {
		t.Errorf("busy, it looks again in %v", again)
	}
}

func TestHoweverOftenAPoolIsRestartedOldProcessesDoNotPileUp(t *testing.T) {
	t.Parallel()
	const workers = 2
	r := start(t, func(o *Options) { o.MinWorkers, o.MaxWorkers = workers, workers })
	r.until(func() bool { return r.pool.readyWorkers() == workers })
	occupy := func() (inside []*visitor) {
		for range workers {
			c := r.call("gate", `["in"]`)
			inside = append(inside, r.gate.await("in"))
			t.Cleanup(func() {
				if got := c.answer(); got.result != `"in"` {
					t.Errorf("%+v, %v", got.reply, got.err)
				}
			})
		}
		return inside
	}
	restart := func() {
		if _, err := r.pool.Restart(t.Context()); err != nil {
			t.Error(err)
		}
	}
	first := occupy()
	restart() // does not wait for these calls
	second := occupy()
	var restarts sync.WaitGroup
	for range 3 {
		restarts.Go(restart)
	}
	r.until(func() bool { return len(r.pool.rollouts) == 3 })
	if s := r.pool.Stats(); s.WorkerCount != 2*workers {
		t.Errorf("%d workers, while the last calls of %d old ones go on", s.WorkerCount, workers)
	}
	for _, v := range append(first, second...) {
		v.pass()
	}
	restarts.Wait()
	if s := r.pool.Stats(); s.MaxSeenWorkerCount > 2*workers+1 {
		t.Errorf("%d workers at once", s.MaxSeenWorkerCount)
	}
}

func TestOnceOneWorkerOfADegradedPoolGetsReadyAllOthersTryAtOnce(t *testing.T) {
	t.Parallel()
	const workers = 4
	r := newRig(t, func(o *Options) {
		o.MinWorkers, o.MaxWorkers, o.Env = workers, workers, append(o.Env, envBoot+"=fail-if-file")
	})
	release := r.breakBoot()
	r.run()
	r.until(func() bool { return r.pool.boots.degraded() })
	r.pool.mu.Lock()
	r.pool.boots.unready = 1 << 10 // so that the next tries are long in coming
	r.pool.mu.Unlock()
	waiting := func() (n int) {
		for _, w := range r.pool.seats {
			if w.seat.state == Created && w.seat.pid == 0 {
				n++
			}
		}
		return n
	}
	for range workers { // each waits for as long now
		r.pool.mu.Lock()
		for _, w := range r.pool.seats {
			w.tell(command{kind: forkNow})
		}
		r.pool.mu.Unlock()
	}
	r.until(func() bool { return waiting() == workers && r.pool.boots.unready >= 1<<10+workers })
	if s := r.pool.Stats(); s.IdleWorkerCount != 0 || s.WorkerCount != workers {
		t.Errorf("stats of a pool without a process: %+v", s)
	}
	release()
	began := time.Now()
	r.pool.mu.Lock()
	r.pool.seats[2].tell(command{kind: forkNow})
	r.pool.mu.Unlock()
	r.until(func() bool { return r.pool.readyWorkers() == workers })
	if took := time.Since(began); took > maxBootDelay/2 { // the least that the others would have waited
		t.Errorf("it took %v", took)
	}
	if s := r.pool.Stats(); s.IdleWorkerCount != workers {
		t.Errorf("stats %+v", s)
	}
}

func TestProcessesThatAreStartedTogetherAreNotOfTheSameAgeAtTheirEnd(t *testing.T) {
	const age = time.Hour
	seen := map[time.Duration]bool{}
	synctest.Test(t, func(t *testing.T) {
		for range 20 {
			w := &worker{opts: &Options{MaxAge: age}, timer: time.NewTimer(time.Hour)}
			w.scheduleAge()
			d := time.Until(w.ageAt)
			if d > age || d < age-age/10 {
				t.Errorf("replaced after %v", d)
			}
			seen[d] = true
			w.timer.Stop()
		}
	})
	if len(seen) < 10 {
		t.Errorf("%d ages of 20", len(seen))
	}
}

func TestAJobThatRunsAloneIsNotLostWithTheWorkerThatItWasToHave(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(o *Options) { o.Env = append(o.Env, envBoot+"=wait-if-file") }).run().ready()
	defer r.breakBoot()()
	guilty := r.submit("gate-exit", `["guilty"]`, func(j *ledger.Job) { j.Alone, j.MaxAttempts = true, 1 })
	v := r.gate.await("guilty")
	id := r.submit("echo", `[1]`, onItsOwn)
	r.until(func() bool { return r.pool.window.Len() == 1 || r.pool.seats[0].seat.reserved != nil })
	restarted := make(chan error, 1)
	go func() {
		_, err := r.pool.Restart(t.Context())
		restarted <- err
	}()
	boot := r.gate.await("boot-gate")
	v.pass() // the worker dies while its replacement is booting
	r.wait(guilty)
	boot.pass()
	if job, _ := r.wait(id); job.State != ledger.Succeeded {
		t.Errorf("job is %s", job.State)
	}
	if err := <-restarted; err != nil {
		t.Error(err)
	}
}
