package ledger

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

// failedJob is a job that has failed after all its attempts.
func failedJob(t *testing.T, l *Ledger, job Job, outcome Outcome) Job {
	t.Helper()
	job, _ = get(t, l.Reader, submit(t, l, job)[0])
	for !job.State.Terminal() {
		job = run(l, job, Ending{Outcome: outcome, Error: []byte(`{"code":1,"message":"no"}`), ErrorSource: FromWorker})
	}
	flush(t, l)
	return job
}

func TestARetriedJobHasItsIDItsHistoryAndAllItsAttemptsAgain(t *testing.T) {
	l := open(t, t.TempDir())
	before := failedJob(t, l, Job{Pool: "p", Method: "m", MaxAttempts: 2, IdempotencyKey: "k"}, OutcomeError)
	now := time.Now().Truncate(time.Microsecond).UTC()
	l.now = func() time.Time { return now }
	var told []Job
	retried, err := l.Retry(t.Context(), []int64{before.ID, before.ID}, func(jobs []Job) { told = append(told, jobs...) })
	if err != nil || !slices.Equal(retried, []int64{before.ID}) || len(told) != 1 || told[0].State != Queued {
		t.Fatalf("retried %v, told %+v: %v", retried, told, err)
	}
	job, attempts := get(t, l.Reader, before.ID)
	if job.State != Queued || job.Attempt != 0 || job.Crashes != 0 || job.Runs != 2 || !job.RunAt.Equal(now) || !job.FinishedAt.IsZero() ||
		job.IdempotencyKey != "k" || string(job.Error) != string(before.Error) || job.Alone || len(attempts) != 2 {
		t.Errorf("%+v with %d attempts", job, len(attempts))
	}
	job = run(l, job, Ending{Outcome: OutcomeSucceeded, Result: []byte("1")})
	flush(t, l)
	job, attempts = get(t, l.Reader, job.ID)
	if job.State != Succeeded || job.Attempt != 1 || len(attempts) != 3 || attempts[2].Number != 3 {
		t.Errorf("%+v with %+v", job, attempts)
	}
	mustBeSound(t, l.Reader)
}

func TestOnlyWhatHasEndedWithoutSuccessIsRetried(t *testing.T) {
	l := open(t, t.TempDir())
	ids := submit(t, l, slices.Repeat([]Job{{Pool: "p", Method: "m"}}, 4)...)
	success, _ := get(t, l.Reader, ids[1])
	run(l, success, Ending{Outcome: OutcomeSucceeded, Result: []byte("1")})
	running, _ := get(t, l.Reader, ids[2])
	l.Start(Begin(running, "w1", 1, noon), nil)
	if _, err := l.CancelQueued(t.Context(), ids[3:], noon, []byte(`{"code":1004}`)); err != nil {
		t.Fatal(err)
	}
	var unknown *NotFoundError
	if _, err := l.Retry(t.Context(), append(ids[:4:4], 4711), nil); !errors.As(err, &unknown) || unknown.ID != 4711 {
		t.Errorf("an unknown id: %v", err)
	}
	retried, err := l.Retry(t.Context(), ids, nil)
	if err != nil || !slices.Equal(retried, ids[3:]) {
		t.Errorf("retried %v: %v", retried, err)
	}
	for i, want := range []State{Queued, Succeeded, Running, Queued} {
		if job, _ := get(t, l.Reader, ids[i]); job.State != want {
			t.Errorf("job %d is %s", ids[i], job.State)
		}
	}
	mustBeSound(t, l.Reader)
}

func TestARetriedInvokeBelongsToTheLedger(t *testing.T) {
	l := open(t, t.TempDir())
	id, err := l.NextID(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	job := Job{ID: id, Pool: "p", Method: "m", State: Dropped, Origin: FromInvoke, FinishedAt: noon}.withDefaults(noon)
	job.State, job.ExpiresAt = Dropped, noon.Add(time.Second)
	l.Insert(job, nil)
	flush(t, l)
	if _, err := l.Retry(t.Context(), []int64{id}, nil); err != nil {
		t.Fatal(err)
	}
	if job, _ := get(t, l.Reader, id); job.State != Queued || job.Origin != FromSubmit || !job.ExpiresAt.IsZero() {
		t.Errorf("%+v", job)
	}
	if r, err := l.Recover(t.Context()); err != nil || r != (Recovery{}) {
		t.Errorf("a restart made %+v of it: %v", r, err)
	}
	mustBeSound(t, l.Reader)
}

func TestAJobThatHasEndedItsProcessRunsAloneWhenItIsRetried(t *testing.T) {
	l := open(t, t.TempDir())
	poison := failedJob(t, l, Job{Pool: "p", Method: "m", MaxAttempts: 1}, OutcomeCrashed)
	mild := failedJob(t, l, Job{Pool: "p", Method: "m", MaxAttempts: 1, ExpiresAt: time.Now().Add(time.Hour)}, OutcomeError)
	if _, err := l.Retry(t.Context(), []int64{poison.ID, mild.ID}, nil); err != nil {
		t.Fatal(err)
	}
	if job, _ := get(t, l.Reader, poison.ID); !job.Alone {
		t.Errorf("%+v", job)
	}
	if job, _ := get(t, l.Reader, mild.ID); job.Alone || job.ExpiresAt.IsZero() {
		t.Errorf("%+v", job)
	}
}

func TestManyJobsAreRetriedInSlices(t *testing.T) {
	l := open(t, t.TempDir())
	ids := submit(t, l, slices.Repeat([]Job{{Pool: "p", Method: "m"}}, 2*changeChunk+1)...)
	if _, err := l.CancelQueued(t.Context(), ids, noon, []byte(`{}`)); err != nil {
		t.Fatal(err)
	}
	commits := 0
	retried, err := l.Retry(t.Context(), ids, func([]Job) { commits++ })
	if err != nil || len(retried) != len(ids) || commits != 3 {
		t.Errorf("%d retried in %d commits: %v", len(retried), commits, err)
	}
	mustBeSound(t, l.Reader)
}

func TestAWaitThatAJobsRetryOvertakesGoesOnToItsNextEnd(t *testing.T) {
	l := open(t, t.TempDir())
	job, _ := get(t, l.Reader, submit(t, l, Job{Pool: "p", Method: "m", MaxAttempts: 1})[0])
	other, _ := get(t, l.Reader, submit(t, l, Job{Pool: "p", Method: "m"})[0])
	waited := make(chan error, 1)
	go func() {
		jobs, err := l.Wait(context.Background(), []int64{job.ID, other.ID})
		if err == nil && jobs[0].State != Succeeded {
			err = errors.New("the wait gave a job that is " + string(jobs[0].State))
		}
		waited <- err
	}()
	run(l, job, Ending{Outcome: OutcomeError})
	flush(t, l)
	if _, err := l.Retry(t.Context(), []int64{job.ID}, nil); err != nil {
		t.Fatal(err)
	}
	run(l, other, Ending{Outcome: OutcomeSucceeded, Result: []byte("1")})
	flush(t, l)
	job, _ = get(t, l.Reader, job.ID)
	run(l, job, Ending{Outcome: OutcomeSucceeded, Result: []byte("2")})
	if err := <-waited; err != nil {
		t.Error(err)
	}
}

func TestCountIsWhatPagesGive(t *testing.T) {
	l := open(t, t.TempDir())
	submit(t, l, Job{Pool: "p", Method: "m", Labels: map[string]string{"a": "1"}}, Job{Pool: "p", Method: "n"}, Job{Pool: "q", Method: "m"})
	for _, f := range []Filter{
		{}, {Limit: 1}, {Pool: "p"}, {Method: "m"}, {States: allStates}, {States: []State{Queued, Queued}}, {LabelName: "a", LabelValue: "1"}, {Until: noon}, {Pool: "z"},
	} {
		n, err := l.Count(t.Context(), f)
		listed := 0
		for jobs, e := range l.Pages(t.Context(), f) {
			listed += len(jobs)
			err = errors.Join(err, e)
		}
		if err != nil || int(n) != listed {
			t.Errorf("%+v: counted %d, listed %d: %v", f, n, listed, err)
		}
	}
	for _, err := range l.Pages(t.Context(), Filter{Cursor: "x"}) {
		if !errors.Is(err, ErrCursor) {
			t.Errorf("a strange cursor: %v", err)
		}
	}
	f := Filter{States: []State{Failed}, LabelName: "a"}
	conditions, args := f.conditions(listRange{state: Failed}, 0, 1<<62)
	if plan := explain(t, l.Reader, "SELECT count(*) FROM job WHERE "+conditions, args...); !strings.Contains(plan, "INDEX job_state") {
		t.Errorf("it is planned as %s", plan)
	}
}
