package supervisor

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
)

// retry queues jobs again and gives how many that were.
func (r *rig) retry(ids ...int64) int {
	r.Helper()
	n, err := r.pool.Retry(context.Background(), ids)
	if err != nil {
		r.Fatal(err)
	}
	return n
}

func TestARetriedJobRunsAtOnceAndIsToldOfAsQueued(t *testing.T) {
	t.Parallel()
	bus := NewEvents()
	r := start(t, func(o *Options) { o.Events = bus })
	id := r.submit("fail", `[1, {"retryable":false}]`, nil)
	if job, _ := r.wait(id); job.State != ledger.Failed {
		t.Fatalf("job %+v", job)
	}
	sub := subscribe(t, bus, EventFilter{Types: []string{"job"}})
	if n := r.retry(id, id); n != 1 {
		t.Errorf("%d retried", n)
	}
	var types []string
	for len(types) < 3 {
		<-sub.Ready()
		for _, e := range sub.Take(10) {
			types = append(types, e.Type)
		}
	}
	if types[0] != jsonrpc.EventJobQueued || types[1] != jsonrpc.EventJobStarted || types[2] != jsonrpc.EventJobFailed {
		t.Errorf("events %v", types)
	}
	job, attempts := r.wait(id)
	if job.State != ledger.Failed || job.Attempt != 1 || len(attempts) != 2 || attempts[1].Number != 2 {
		t.Errorf("job %+v, attempts %+v", job, attempts)
	}
}

func TestACancelledJobIsRetriedRightAfterItsCancellationAndNoneOfTheTwoIsLost(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *Options) { o.MinWorkers, o.MaxWorkers = 2, 2 })
	for range 50 {
		id := r.submit("echo", `[1]`, func(j *ledger.Job) { j.RunAt = time.Now().Add(time.Hour) })
		if n := r.cancel(id); n != 1 {
			t.Fatalf("%d cancelled", n)
		}
		if n := r.retry(id); n != 1 {
			t.Fatalf("%d retried", n)
		}
		if job, attempts := r.wait(id); job.State != ledger.Succeeded || len(attempts) != 1 {
			t.Fatalf("job %+v, attempts %+v", job, attempts)
		}
		if n := r.retry(id); n != 0 {
			t.Fatal("a success was retried")
		}
	}
}

func TestTheEventOfACancellationTellsOfItThoughTheJobIsQueuedAgain(t *testing.T) {
	t.Parallel()
	bus := NewEvents()
	r := start(t, func(o *Options) { o.Events = bus })
	id := r.submit("echo", `[1]`, func(j *ledger.Job) { j.RunAt = time.Now().Add(time.Hour) })
	sub := subscribe(t, bus, EventFilter{Types: []string{"job:cancelled"}})
	r.pool.tellCancelled(t.Context(), []int64{id}, time.Now(), errorJSON(cancelledError())) // the job is queued, as after a retry
	<-sub.Ready()
	e := sub.Take(1)[0]
	if e.Job.ID != id || e.Job.State != string(ledger.Cancelled) || e.Job.FinishedAt == nil {
		t.Errorf("event %+v of job %+v", e, e.Job)
	}
}

func TestARetriedInvokeRunsForTheLedgerAndIsToldOfOnce(t *testing.T) {
	t.Parallel()
	bus := NewEvents()
	r := start(t, func(o *Options) { o.Events = bus })
	call := r.call("fail", `[1]`)
	call.answer()
	var id int64
	r.until(func() bool {
		jobs, _, err := r.ledger.List(t.Context(), ledger.Filter{States: []ledger.State{ledger.Failed}})
		if err != nil || len(jobs) == 0 {
			return false
		}
		id = jobs[0].ID
		return true
	})
	sub := subscribe(t, bus, EventFilter{Types: []string{"job"}})
	if n := r.retry(id); n != 1 {
		t.Errorf("%d retried", n)
	}
	if job, attempts := r.wait(id); job.State != ledger.Failed || job.Origin != ledger.FromSubmit || len(attempts) != 2 {
		t.Errorf("job %+v, attempts %+v", job, attempts)
	}
	queued := 0
	for over := false; !over; {
		<-sub.Ready()
		for _, e := range sub.Take(10) {
			over = over || e.Type == jsonrpc.EventJobFailed
			if e.Type == jsonrpc.EventJobQueued {
				queued++
			}
		}
	}
	if queued != 1 {
		t.Errorf("told %d times that it is queued", queued)
	}
}

func TestAnUnknownJobCannotBeRetried(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	if _, err := r.pool.Retry(t.Context(), []int64{4711}); !errors.Is(err, ledger.ErrNotFound) {
		t.Errorf("error %v", err)
	}
	r.pool.mu.Lock()
	defer r.pool.mu.Unlock()
	if len(r.pool.held) != 0 {
		t.Errorf("the claimer is to leave %v alone for ever", r.pool.held)
	}
}
