package ledger

import (
	"context"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestRecoverAgreesWithSettle(t *testing.T) {
	at := noon.Add(time.Hour)
	l, err := Open(t.Context(), Options{Dir: t.TempDir(), Now: func() time.Time { return at }})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	rapid.Check(t, func(t *rapid.T) {
		var want Recovery
		settled := make(map[int64]Job)
		for range rapid.IntRange(0, 8).Draw(t, "jobs") {
			job := drawJob(t)
			id, err := l.NextID(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			job.ID = id
			job.Attempt = rapid.IntRange(0, job.MaxAttempts-1).Draw(t, "attempt")
			job.Crashes = rapid.IntRange(0, MaxCrashes-1).Draw(t, "crashes")
			job.Runs = job.Attempt + job.Crashes
			job.Alone = rapid.Bool().Draw(t, "alone")
			switch rapid.SampledFrom([]State{Queued, Running, Succeeded}).Draw(t, "state") {
			case Running:
				job = Begin(job, "w1", 1, noon)
			case Succeeded:
				job, _ = Settle(Begin(job, "w1", 1, noon), Ending{Outcome: OutcomeSucceeded, At: noon, Result: []byte("1")}, 0)
			}
			l.Insert(job, nil)
			switch {
			case job.State == Running:
				job, _ = Settle(job, Ending{Outcome: OutcomeInterrupted, Abandoned: true, At: at, Error: []byte(diedError), ErrorSource: FromWhipper}, 0)
				if job.State == Failed {
					want.Failed++
				} else {
					want.Requeued++
				}
			case job.State == Queued && job.Origin == FromInvoke:
				job.State, job.FinishedAt, job.Error, job.ErrorSource = Cancelled, at, []byte(orphanError), FromWhipper
				want.Cancelled++
			}
			settled[id] = job
		}
		if err := l.Flush(context.Background()); err != nil {
			t.Fatal(err)
		}
		before := make(map[int64]Job)
		for id := range settled {
			before[id], _, _ = l.Get(context.Background(), id)
		}
		got, err := l.Recover(context.Background())
		if err != nil || got != want {
			t.Fatalf("got %+v, want %+v: %v", got, want, err)
		}
		for id, want := range settled {
			got, attempts, err := l.Get(context.Background(), id)
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Fatalf("got  %+v\nwant %+v\n%v", got, want, err)
			}
			if before[id].State != Running {
				if len(attempts) != 0 {
					t.Fatalf("attempts %+v", attempts)
				}
				continue
			}
			_, attempt := Settle(before[id], Ending{Outcome: OutcomeInterrupted, Abandoned: true, At: at, Error: []byte(diedError)}, 0)
			if !reflect.DeepEqual(attempts, []Attempt{attempt}) {
				t.Fatalf("got  %+v\nwant %+v", attempts, attempt)
			}
		}
		// The next check starts without leftovers.
		for _, job := range settled {
			if job.State == Queued {
				run := Begin(job, "w1", 1, at)
				ended, attempt := Settle(run, Ending{Outcome: OutcomeCancelled, At: at}, 0)
				l.Start(run, nil)
				l.Finish(ended, attempt, nil)
			}
		}
	})
	flush(t, l)
	mustBeSound(t, l.Reader)
}
