package ledger

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
)

func TestWaitEndsWithTheCommitThatEndsTheLastJob(t *testing.T) {
	l := open(t, t.TempDir())
	ids := submit(t, l, Job{Pool: "p", Method: "m"}, Job{Pool: "p", Method: "m"}, Job{Pool: "p", Method: "m"})
	var jobs []Job
	for _, id := range ids {
		job, _ := get(t, l.Reader, id)
		jobs = append(jobs, job)
	}
	run(l, jobs[0], Ending{Outcome: OutcomeSucceeded, Result: []byte("1")}) // perhaps before the wait
	var callers sync.WaitGroup
	for range 8 {
		callers.Go(func() {
			asked := []int64{ids[2], ids[0], ids[1], ids[0]}
			got, err := l.Wait(context.Background(), asked)
			if err != nil || !slices.Equal(idsOf(got), asked) {
				t.Errorf("got %v, %v", idsOf(got), err)
				return
			}
			if got[0].State != Cancelled || got[1].State != Succeeded || string(got[1].Result) != "1" || got[2].State != Failed {
				t.Errorf("got %+v", got)
			}
		})
	}
	run(l, jobs[1], Ending{Outcome: OutcomeError, Permanent: true})
	if _, err := l.CancelQueued(t.Context(), ids[2:], noon, nil); err != nil {
		t.Fatal(err)
	}
	callers.Wait()
	if n := len(l.watches.byJob); n != 0 {
		t.Errorf("%d watches are left", n)
	}
}

func TestWaitOfAnUnknownJobNamesIt(t *testing.T) {
	l := open(t, t.TempDir())
	id := submit(t, l, Job{Pool: "p", Method: "m"})[0]
	_, err := l.Wait(t.Context(), []int64{id, 4711})
	var missing *NotFoundError
	if !errors.Is(err, ErrNotFound) || !errors.As(err, &missing) || missing.ID != 4711 {
		t.Errorf("got %v", err)
	}
	if n := len(l.watches.byJob); n != 0 {
		t.Errorf("%d watches are left", n)
	}
	if _, _, err := l.Get(t.Context(), 4711); !errors.Is(err, ErrNotFound) {
		t.Errorf("get: %v", err)
	}
	if jobs, err := l.Wait(t.Context(), nil); len(jobs) != 0 || err != nil {
		t.Errorf("waiting for nothing: %v, %v", jobs, err)
	}
}

func TestAWaitGivenUpIsForgotten(t *testing.T) {
	l := open(t, t.TempDir())
	ids := submit(t, l, Job{Pool: "p", Method: "m"}, Job{Pool: "p", Method: "m"})
	ctx, cancel := context.WithCancel(t.Context())
	given := make(chan error, 1)
	go func() {
		_, err := l.Wait(ctx, ids)
		given <- err
	}()
	cancel()
	if err := <-given; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if n := len(l.watches.byJob); n != 0 {
		t.Errorf("%d watches are left", n)
	}
}
