package ledgertest

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/whipper-sidecar/whipper/ledger"
)

var submissions = []behaviour{
	{"a submitted job is read back whole", func(b *bench) {
		want := ledger.Job{
			Pool: "p", Method: "m", State: ledger.Queued, Priority: -7, Params: []byte(" {\"a\":\"\xff\"} "), Labels: map[string]string{"k": "v"},
			MaxAttempts: 9, Backoff: ledger.Backoff{Base: time.Minute, Factor: 1.5, Cap: time.Hour, Jitter: 1}, Timeout: 1500 * time.Microsecond,
			Delivery: ledger.AtMostOnce, Origin: ledger.FromInvoke, IdempotencyKey: "key", ConcurrencyKey: "user",
			Trace:     ledger.Trace{Traceparent: "00-a-b-01", Tracestate: "x=y", Baggage: "c=d"},
			CreatedAt: noon, RunAt: noon.Add(time.Microsecond), ExpiresAt: noon.Add(time.Hour),
		}
		want.ID = b.submit(want)[0]
		if got, attempts := b.whole(want.ID); !reflect.DeepEqual(got, want) || attempts != nil {
			b.Errorf("got  %+v\nwant %+v", got, want)
		}
	}},
	{"each of many jobs keeps its own trace context", func(b *bench) {
		jobs := many(20, plain)
		for i := range jobs {
			jobs[i].Traceparent = strings.Repeat("x", i)
		}
		for i, id := range b.submit(jobs...) {
			if got := b.job(id).Trace; got != jobs[i].Trace {
				b.Errorf("job %d has %+v, not %+v", id, got, jobs[i].Trace)
			}
		}
	}},
	{"what a submitter leaves open is filled in", func(b *bench) {
		ids := b.submit(plain, ledger.Job{Pool: "p", Method: "m", Origin: ledger.FromInvoke})
		want := ledger.Job{
			ID: ids[0], Pool: "p", Method: "m", State: ledger.Queued, MaxAttempts: 3, Backoff: ledger.DefaultBackoff,
			Delivery: ledger.AtLeastOnce, Origin: ledger.FromSubmit, CreatedAt: noon, RunAt: noon,
		}
		if got := b.job(ids[0]); !reflect.DeepEqual(got, want) {
			b.Errorf("got  %+v\nwant %+v", got, want)
		}
		if invoke := b.job(ids[1]); invoke.MaxAttempts != 1 {
			b.Errorf("an invoke has %d attempts", invoke.MaxAttempts)
		}
	}},
	{"an impossible job is refused with every problem named, and its neighbours with it", func(b *bench) {
		submit := func(jobs ...ledger.Job) (wrong *ledger.InvalidJobError) {
			_, err := b.SubmitWith(b.Context(), jobs, ledger.SubmitOptions{})
			if !errors.As(err, &wrong) {
				b.Fatalf("got %v", err)
			}
			return wrong
		}
		wrong := submit(plain, ledger.Job{Priority: 101, MaxAttempts: -1, Delivery: "twice", Backoff: ledger.Backoff{Jitter: 2}})
		if wrong.Index != 1 || len(wrong.Problems) != 6 || !strings.Contains(wrong.Error(), "101") {
			b.Errorf("got %v", wrong)
		}
		greedy := plain
		greedy.MaxAttempts = ledger.MostAttempts + 1
		if wrong := submit(greedy); len(wrong.Problems) != 1 {
			b.Errorf("got %v", wrong)
		}
		if n := b.counts("")[ledger.Queued]; n != 0 {
			b.Errorf("%d were written", n)
		}
	}},
	{"a submission that would make the backlog too long is refused whole", func(b *bench) {
		job := func(pool, key string) ledger.Job { return ledger.Job{Pool: pool, Method: "m", IdempotencyKey: key} }
		submit := func(jobs ...ledger.Job) error {
			_, err := b.SubmitWith(b.Context(), jobs, ledger.SubmitOptions{Backlog: 3})
			return err
		}
		b.insert(ledger.Job{Pool: "p", Method: "m", State: ledger.Queued}) // callers who wait are none of the backlog's business
		var full *ledger.BacklogError
		for i, c := range []struct {
			jobs    []ledger.Job
			refused bool
		}{
			{[]ledger.Job{job("p", "a"), job("p", "b")}, false},
			{[]ledger.Job{job("p", ""), job("p", "")}, true},
			{[]ledger.Job{job("q", ""), job("q", ""), job("q", "")}, false},
			{[]ledger.Job{job("p", "c")}, false},
			{[]ledger.Job{job("p", "a"), job("p", "b")}, false}, // known already
			{[]ledger.Job{job("p", "")}, true},
			{[]ledger.Job{job("p", "a"), job("p", "")}, true},
		} {
			if err := submit(c.jobs...); errors.As(err, &full) != c.refused || !c.refused && err != nil {
				b.Errorf("submission %d: %v", i, err)
			}
		}
		if n := b.counts("p")[ledger.Queued]; n != 4 {
			b.Errorf("%d are queued", n)
		}
		var together sync.WaitGroup
		var taken atomic.Int64
		for range 20 {
			together.Go(func() {
				if submit(job("r", "")) == nil {
					taken.Add(1)
				}
			})
		}
		together.Wait()
		if taken.Load() != 3 {
			b.Errorf("%d of 20 at once were taken", taken.Load())
		}
	}},
	{"who asks is told of the jobs that a submission has written, and of no duplicate", func(b *bench) {
		keyed := plain
		keyed.IdempotencyKey = "k"
		known := b.submit(keyed)[0]
		var told []int64
		answer, err := b.SubmitWith(b.Context(), []ledger.Job{plain, keyed, plain}, ledger.SubmitOptions{
			Committed: func(jobs []ledger.Job) { told = idsOf(jobs) },
		})
		if err != nil || !slices.Equal(told, []int64{answer[0].ID, answer[2].ID}) || answer[1].ID != known {
			b.Errorf("told of %v, answered %v: %v", told, answer, err)
		}
	}},
	{"thousands of jobs are one submission", func(b *bench) {
		ids := b.submit(many(10_000, plain)...)
		if !slices.IsSorted(ids) || len(slices.Compact(ids)) != 10_000 || b.counts("p")[ledger.Queued] != 10_000 {
			b.Errorf("%d to %d, %v", ids[0], ids[len(ids)-1], b.counts("p"))
		}
	}},
}

var keys = []behaviour{
	{"an idempotency key gives the same job", func(b *bench) {
		job := ledger.Job{Pool: "p", Method: "m", Params: []byte(`[1]`), IdempotencyKey: "k"}
		other := job
		other.Pool = "q" // keys are a pool's own
		answer := b.submitted(job, job, other)
		first := ledger.Submitted{ID: answer[0].ID, Duplicate: true}
		if answer[0].Duplicate || answer[1] != first || answer[2].Duplicate {
			b.Errorf("in one submission: %v", answer)
		}
		if again := b.submitted(job); again[0] != first {
			b.Errorf("in a later one: %v", again)
		}
		b.end(first.ID, ledger.OutcomeSucceeded)
		if again := b.submitted(job); again[0] != first {
			b.Errorf("after its end: %v", again)
		}
	}},
	{"an idempotency key for something else refuses the whole submission", func(b *bench) {
		job := ledger.Job{Pool: "p", Method: "m", Params: []byte(`[1]`), IdempotencyKey: "k"}
		otherParams, otherMethod := job, job
		otherParams.Params, otherMethod.Method = []byte(`[2]`), "n"
		conflict := func(jobs ...ledger.Job) (conflict *ledger.KeyConflictError) {
			_, err := b.SubmitWith(b.Context(), jobs, ledger.SubmitOptions{})
			if !errors.As(err, &conflict) || conflict.Key != "k" || conflict.Pool != "p" {
				b.Fatalf("got %v", err)
			}
			return conflict
		}
		if c := conflict(job, otherMethod); c.ID != 0 { // the one that has it is refused too
			b.Errorf("given twice: %v", c)
		}
		id := b.submit(job)[0]
		for _, second := range []ledger.Job{otherParams, otherMethod} {
			if c := conflict(plain, second); c.ID != id {
				b.Errorf("%v, want job %d", c, id)
			}
		}
		if n := b.counts("")[ledger.Queued]; n != 1 {
			b.Errorf("%d are queued", n)
		}
	}},
	{"a key is free again when its job is pruned", func(b *bench) {
		keyed := plain
		keyed.IdempotencyKey = "k"
		first := b.submit(keyed)[0]
		b.end(first, ledger.OutcomeCancelled)
		if n, err := b.PruneIDs(b.Context(), []int64{first}); n != 1 || err != nil {
			b.Fatal(n, err)
		}
		if again := b.submitted(keyed)[0]; again.Duplicate || again.ID <= first {
			b.Errorf("%+v after %d", again, first)
		}
	}},
}
