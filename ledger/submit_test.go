package ledger

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestASubmittedJobIsReadBackWhole(t *testing.T) {
	l := open(t, t.TempDir())
	want := Job{
		Pool: "p", Method: "m", State: Queued, Priority: -7, Params: []byte(" {\"a\":\"\xff\"} "), Labels: map[string]string{"k": "v"},
		MaxAttempts: 9, Backoff: Backoff{Base: time.Minute, Factor: 1.5, Cap: time.Hour, Jitter: 1}, Timeout: 1500 * time.Microsecond,
		Delivery: AtMostOnce, Origin: FromInvoke, IdempotencyKey: "key", Trace: Trace{Traceparent: "00-a-b-01", Tracestate: "x=y", Baggage: "c=d"},
		CreatedAt: noon, RunAt: noon.Add(time.Microsecond), ExpiresAt: noon.Add(time.Hour),
	}
	want.ID = submit(t, l, want)[0]
	if got, attempts := get(t, l.Reader, want.ID); !reflect.DeepEqual(got, want) || attempts != nil {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestWhatASubmitterLeavesOpenIsFilledIn(t *testing.T) {
	l, err := Open(t.Context(), Options{Dir: t.TempDir(), Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ids := submit(t, l, Job{Pool: "p", Method: "m"}, Job{Pool: "p", Method: "m", Origin: FromInvoke})
	want := Job{
		ID: ids[0], Pool: "p", Method: "m", State: Queued, MaxAttempts: 3, Backoff: DefaultBackoff, Delivery: AtLeastOnce,
		Origin: FromSubmit, CreatedAt: noon, RunAt: noon,
	}
	if got, _ := get(t, l.Reader, ids[0]); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if invoke, _ := get(t, l.Reader, ids[1]); invoke.MaxAttempts != 1 {
		t.Errorf("an invoke has %d attempts", invoke.MaxAttempts)
	}
}

func TestAnImpossibleJobIsRefusedWithEveryProblemNamed(t *testing.T) {
	l := open(t, t.TempDir())
	_, err := l.Submit(t.Context(), []Job{{Pool: "p", Method: "m"}, {Priority: 101, MaxAttempts: -1, Delivery: "twice", Backoff: Backoff{Jitter: 2}}})
	var invalid *InvalidJobError
	if !errors.As(err, &invalid) || invalid.Index != 1 || len(invalid.Problems) != 6 || !strings.Contains(err.Error(), "101") {
		t.Errorf("got %v", err)
	}
	if _, err := l.Submit(t.Context(), []Job{{Pool: "p", Method: "m", MaxAttempts: MostAttempts + 1}}); !errors.As(err, &invalid) || len(invalid.Problems) != 1 {
		t.Errorf("10001 attempts: got %v", err)
	}
	if counts, _ := l.Counts(t.Context(), ""); counts[Queued] != 0 {
		t.Error("its neighbour was written")
	}
}

func TestAnIdempotencyKeyGivesTheSameJob(t *testing.T) {
	l := open(t, t.TempDir())
	job := Job{Pool: "p", Method: "m", Params: []byte(`[1]`), IdempotencyKey: "k"}
	other := job
	other.Pool = "q" // keys are a pool's own
	answer, err := l.Submit(t.Context(), []Job{job, job, other})
	if err != nil {
		t.Fatal(err)
	}
	first := answer[0].ID
	if answer[0].Duplicate || answer[1] != (Submitted{first, true}) || answer[2].Duplicate {
		t.Errorf("in one submission: %v", answer)
	}
	if again, err := l.Submit(t.Context(), []Job{job}); err != nil || again[0] != (Submitted{first, true}) {
		t.Errorf("in a later one: %v, %v", again, err)
	}
	mustBeSound(t, l.Reader)
}

func TestAnIdempotencyKeyForSomethingElseRefusesTheWholeSubmission(t *testing.T) {
	l := open(t, t.TempDir())
	job := Job{Pool: "p", Method: "m", Params: []byte(`[1]`), IdempotencyKey: "k"}
	id := submit(t, l, job)[0]
	otherParams, otherMethod := job, job
	otherParams.Params, otherMethod.Method = []byte(`[2]`), "n"
	fresh := Job{Pool: "p", Method: "fresh"}
	conflicting := make(chan error, 2)
	together(t, l, func() {
		for _, second := range []Job{otherParams, otherMethod} {
			l.writer.put(submission(conflicting, fresh, second))
		}
		l.Insert(Job{ID: 500, Pool: "p", Method: "neighbour"}.withDefaults(noon), nil)
		l.writer.put(submission(nil, Job{Pool: "p", Method: "neighbour"}))
	})
	for range 2 {
		var conflict *KeyConflictError
		if err := <-conflicting; !errors.As(err, &conflict) || conflict.ID != id || conflict.Key != "k" {
			t.Errorf("got %v", err)
		}
	}
	if got := strings.Join(dump(t, l.db, "SELECT method FROM job ORDER BY id"), " "); got != "m neighbour neighbour" {
		t.Errorf("jobs are %s", got)
	}
	mustBeSound(t, l.Reader)

	job.IdempotencyKey, otherMethod.IdempotencyKey = "twice", "twice"
	_, err := l.Submit(t.Context(), []Job{job, otherMethod})
	var conflict *KeyConflictError
	if !errors.As(err, &conflict) || conflict.ID != 0 {
		t.Errorf("a key given twice in one submission: %v", err)
	}
}

// submission is a Submit that does not wait.
func submission(answer chan<- error, jobs ...Job) *op {
	for i := range jobs {
		jobs[i] = jobs[i].withDefaults(noon)
	}
	return &op{kind: opCall, rows: len(jobs), call: func(b *batch) error {
		_, err := b.submitAll(jobs)
		return err
	}, done: func(err error) {
		if answer != nil {
			answer <- err
		}
	}}
}

func TestASubmissionThatWouldMakeTheBacklogTooLongIsRefusedWhole(t *testing.T) {
	l := open(t, t.TempDir())
	job := func(pool, key string) Job { return Job{Pool: pool, Method: "m", IdempotencyKey: key} }
	submit := func(jobs ...Job) error {
		_, err := l.SubmitWith(t.Context(), jobs, SubmitOptions{Backlog: 3})
		return err
	}
	waiting := Job{Pool: "p", Method: "m", Origin: FromInvoke}.withDefaults(time.Now())
	waiting.ID = 1000
	l.Insert(waiting, nil) // callers who wait are none of the backlog's business
	var full *BacklogError
	for i, c := range []struct {
		jobs    []Job
		refused bool
	}{
		{[]Job{job("p", "a"), job("p", "b")}, false},
		{[]Job{job("p", ""), job("p", "")}, true},
		{[]Job{job("q", ""), job("q", ""), job("q", "")}, false},
		{[]Job{job("p", "c")}, false},
		{[]Job{job("p", "a"), job("p", "b")}, false}, // known already
		{[]Job{job("p", "")}, true},
		{[]Job{job("p", "a"), job("p", "")}, true},
	} {
		if err := submit(c.jobs...); errors.As(err, &full) != c.refused || !c.refused && err != nil {
			t.Errorf("submission %d: %v", i, err)
		}
	}
	counts, err := l.Counts(t.Context(), "p")
	if err != nil || counts[Queued] != 4 {
		t.Errorf("counts %v, %v", counts, err)
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
		t.Errorf("%d of 20 at once were taken", taken.Load())
	}
	mustBeSound(t, l.Reader)
}

func TestCancelQueuedLeavesAllOthersAlone(t *testing.T) {
	l := open(t, t.TempDir())
	ids := submit(t, l, Job{Pool: "p", Method: "m"}, Job{Pool: "p", Method: "m"}, Job{Pool: "p", Method: "m"})
	running, _ := get(t, l.Reader, ids[1])
	starting, _ := get(t, l.Reader, ids[2])
	running = Begin(running, "w1", 1, noon)
	l.Start(running, nil)
	flush(t, l)
	together(t, l, func() {
		// A start that waits for the same transaction, but was handed over first, comes first.
		l.Start(Begin(starting, "w1", 1, noon), nil)
		l.writer.put(&op{kind: opCall, call: func(b *batch) error {
			cancelled, err := b.cancelQueued(append(ids, 999), noon, []byte(`{"code":1004}`))
			if !slices.Equal(cancelled, ids[:1]) {
				t.Errorf("cancelled %v", cancelled)
			}
			return err
		}})
	})
	job, _ := get(t, l.Reader, ids[0])
	if job.State != Cancelled || !job.FinishedAt.Equal(noon) || string(job.Error) != `{"code":1004}` || job.ErrorSource != FromWhipper {
		t.Errorf("%+v", job)
	}
	for _, id := range ids[1:] {
		if job, _ := get(t, l.Reader, id); job.State != Running {
			t.Errorf("job %d is %s", id, job.State)
		}
	}
	mustBeSound(t, l.Reader)
}

func TestCountsAreThoseOfThePool(t *testing.T) {
	l := open(t, t.TempDir())
	ids := submit(t, l, Job{Pool: "p", Method: "m"}, Job{Pool: "p", Method: "n"}, Job{Pool: "q", Method: "m"})
	job, _ := get(t, l.Reader, ids[0])
	run(l, job, Ending{Outcome: OutcomeSucceeded})
	flush(t, l)
	for pool, want := range map[string]map[State]int64{
		"p": {Queued: 1, Succeeded: 1}, "q": {Queued: 1}, "": {Queued: 2, Succeeded: 1}, "none": {},
	} {
		counts, err := l.Counts(t.Context(), pool)
		if err != nil {
			t.Fatal(err)
		}
		for _, state := range allStates {
			if counts[state] != want[state] {
				t.Errorf("pool %q has %d %s, want %d", pool, counts[state], state, want[state])
			}
		}
	}
}

func TestProcessesStayOnRecordUntilForgotten(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	first := Process{PID: 10, StartTicks: 5, BootID: "boot", Pool: "p", Worker: "w1"}
	second := first
	second.StartTicks = 6 // the same pid, come round again
	for _, p := range []Process{first, second, first} {
		if err := l.RecordProcess(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	l.ForgetProcess(first)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := open(t, dir).Processes(t.Context()); err != nil || !reflect.DeepEqual(got, []Process{second}) {
		t.Errorf("on record: %v, %v", got, err)
	}
}
