package supervisor

import (
	"strings"
	"testing"
	"time"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
)

func TestAQueueAdmitsExactlyAsManyAsItMayHowManyEverCome(t *testing.T) {
	t.Parallel()
	const slots, queued, calls = 2, 5, 60
	r := start(t, func(o *Options) { o.MinWorkers, o.MaxWorkers, o.MaxQueueSize = 1, slots, queued }).ready()
	all := make([]*invocation, calls)
	for i := range all {
		all[i] = r.call("gate", `["in"]`)
	}
	ended := make(chan *invocation, calls)
	for _, c := range all {
		go func() {
			<-c.done
			ended <- c
		}()
	}
	next := func() *invocation {
		select {
		case c := <-ended:
			return c
		case <-time.After(patience):
			r.Fatalf("too few calls were answered\n%s", r.log)
			return nil
		}
	}
	for range calls - slots - queued { // the others wait at the gate, or for a slot
		c := next()
		if e := jsonrpc.AsError(c.err); e.Code != jsonrpc.CodeQueueFull || !strings.Contains(e.Message, "5 calls wait already") {
			t.Fatalf("refused with %v", c.err)
		}
	}
	for range slots + queued {
		r.gate.await("in").pass()
	}
	for range slots + queued {
		if c := next(); c.result != `"in"` {
			t.Errorf("result %q, %v", c.result, c.err)
		}
	}
}

func TestAtCapacityACallIsDroppedOrRefusedIfThePoolIsToldSo(t *testing.T) {
	t.Parallel()
	for _, strategy := range []string{AtCapacityDrop, AtCapacityError} {
		t.Run(strategy, func(t *testing.T) {
			t.Parallel()
			r := start(t, func(o *Options) { o.AtCapacity, o.MaxWorkers = strategy, 2 })
			first, second := r.call("gate", `["in"]`), r.call("gate", `["in"]`) // one wakes no worker that is there: it may be forked
			a, b := r.gate.await("in"), r.gate.await("in")
			third := r.call("echo", `[3]`).answer()
			r.submit("echo", `[4]`, nil) // jobs wait whatever is said of calls
			switch strategy {
			case AtCapacityDrop:
				job, attempts := r.get(third.reply.Job)
				if third.err != nil || third.result != "null" || !third.reply.Dropped || job.State != ledger.Dropped || len(attempts) != 0 || job.FinishedAt.IsZero() {
					t.Errorf("reply %+v, %v; job %+v", third.reply, third.err, job)
				}
			case AtCapacityError:
				if e := jsonrpc.AsError(third.err); e.Code != jsonrpc.CodeAtCapacity || !strings.Contains(e.Message, "all slots") {
					t.Errorf("error %v", third.err)
				}
			}
			a.pass()
			b.pass()
			if first.answer().result != `"in"` || second.answer().result != `"in"` {
				t.Errorf("%+v, %+v", first.reply, second.reply)
			}
			r.until(func() bool { return r.pool.seats[0].seat.taken == 0 })
			if got := r.call("echo", `[5]`).answer(); got.result != `[5]` {
				t.Errorf("when there is room again: %q, %v", got.result, got.err)
			}
		})
	}
}

func TestAPoolThatOnlyStartsIsNotAtCapacity(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *Options) { o.AtCapacity, o.MaxWorkers = AtCapacityError, 2 })
	calls := []*invocation{r.call("gate", `["in"]`), r.call("gate", `["in"]`)} // before any worker is ready
	for range calls {
		r.gate.await("in").pass()
	}
	for _, c := range calls {
		if got := c.answer(); got.result != `"in"` {
			t.Errorf("reply %+v, %v", got.reply, got.err)
		}
	}
}

func TestABacklogTakesAsManyJobsAsItMayAllOrNone(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(o *Options) { o.MaxBacklog = 3 })
	jobs := func(n int) []ledger.Job {
		batch := make([]ledger.Job, n)
		for i := range batch {
			batch[i] = ledger.Job{Method: "echo"}
		}
		return batch
	}
	var taken []ledger.Submitted
	for _, c := range []struct {
		n    int
		want string
	}{
		{4, "3 jobs may be queued, as --max-backlog says, and 4 are more"},
		{2, ""},
		{2, "3 jobs may be queued, as --max-backlog says, and there is no room for 2 more"},
		{1, ""},
		{1, "3 jobs may be queued, as --max-backlog says, and as many are"},
	} {
		submitted, err := r.pool.Submit(t.Context(), jobs(c.n))
		taken = append(taken, submitted...)
		switch e := jsonrpc.AsError(err); {
		case c.want == "" && err != nil:
			t.Errorf("%d jobs: %v", c.n, err)
		case c.want != "" && (err == nil || e.Code != jsonrpc.CodeQueueFull || e.Message != c.want):
			t.Errorf("%d jobs: %v", c.n, err)
		}
	}
	r.run()
	for _, s := range taken {
		r.wait(s.ID)
	}
	if _, err := r.pool.Submit(t.Context(), jobs(3)); err != nil {
		t.Errorf("when they have run: %v", err)
	}
}
