package ledger

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// answeredInvoke hands over an invoke that has begun and ended, as a pool does behind its answer.
func answeredInvoke(t *testing.T, l *Ledger, done func(error)) (id int64) {
	t.Helper()
	id, err := l.NextID(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	job := Begin(Job{ID: id, Pool: "p", Method: "m", Origin: FromInvoke}.withDefaults(time.Now()), "w1", 7, time.Now())
	ended, attempt := Settle(job, Ending{Outcome: OutcomeSucceeded, At: time.Now(), Result: []byte(`1`)}, 0)
	l.Insert(job, nil)
	l.Finish(ended, attempt, done)
	return id
}

func TestRowsOfInvokesWaitForCompanyAndNotForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := open(t, t.TempDir())
		defer l.Close()
		begun := time.Now()
		written := make(chan time.Duration, 2)
		tell := func(error) { written <- time.Since(begun) }
		first := answeredInvoke(t, l, tell)
		time.Sleep(gatherFor / 2)
		answeredInvoke(t, l, tell)
		for range 2 {
			if after := <-written; after != gatherFor {
				t.Errorf("on disk after %v, want %v", after, gatherFor)
			}
		}
		if job, _, err := l.Get(t.Context(), first); err != nil || job.State != Succeeded {
			t.Errorf("%+v, %v", job, err)
		}
	})
}

func TestNobodyWaitsForRowsOfInvokes(t *testing.T) {
	for what, act := range map[string]func(*Ledger, int64) error{
		"a submission": func(l *Ledger, _ int64) error {
			_, err := l.Submit(context.Background(), []Job{{Pool: "p", Method: "m"}})
			return err
		},
		"a flush": func(l *Ledger, _ int64) error { return l.Flush(context.Background()) },
		"a read": func(l *Ledger, id int64) error {
			_, _, err := l.Get(context.Background(), id)
			return err
		},
		"a wait": func(l *Ledger, id int64) error {
			_, err := l.Wait(context.Background(), []int64{id}, Reading{})
			return err
		},
		"counts": func(l *Ledger, _ int64) error {
			counts, err := l.Counts(context.Background(), "p")
			if err == nil && counts[Succeeded] != 1 {
				err = ErrNotFound
			}
			return err
		},
		"a subscriber": func(l *Ledger, _ int64) error {
			l.Hurry()
			return nil
		},
		"the end": func(l *Ledger, _ int64) error { return l.Close() },
		"many": func(l *Ledger, _ int64) error {
			for range gatherOps / 2 {
				answeredInvoke(t, l, nil)
			}
			return nil
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			l := open(t, t.TempDir())
			defer l.Close()
			begun := time.Now()
			written := make(chan error, 1)
			id := answeredInvoke(t, l, func(err error) { written <- err })
			if err := act(l, id); err != nil {
				t.Errorf("%s: %v", what, err)
			}
			if err := <-written; err != nil || time.Since(begun) != 0 {
				t.Errorf("%s: on disk after %v: %v", what, time.Since(begun), err)
			}
		})
	}
}

func TestTheEndOfAnInvokeThatSomebodyWaitsForIsWrittenAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := open(t, t.TempDir())
		defer l.Close()
		id, err := l.NextID(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		job := Begin(Job{ID: id, Pool: "p", Method: "m", Origin: FromInvoke}.withDefaults(time.Now()), "w1", 7, time.Now())
		l.Insert(job, nil)
		waited := make(chan error, 1)
		go func() {
			_, err := l.Wait(context.Background(), []int64{id}, Reading{})
			waited <- err
		}()
		synctest.Wait()
		begun := time.Now()
		ended, attempt := Settle(job, Ending{Outcome: OutcomeSucceeded, At: time.Now(), Result: []byte(`1`)}, 0)
		l.Finish(ended, attempt, nil)
		if err := <-waited; err != nil || time.Since(begun) != 0 {
			t.Errorf("told after %v: %v", time.Since(begun), err)
		}
	})
}

func TestAReadSeesAnEndThatTheCallerHasBeenToldAndSomebodyWaitsFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := open(t, t.TempDir())
		defer l.Close()
		id, err := l.NextID(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		job := Begin(Job{ID: id, Pool: "p", Method: "m", Origin: FromInvoke}.withDefaults(time.Now()), "w1", 7, time.Now())
		l.Insert(job, nil)
		if err := l.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		l.watches.keep([]int64{id}, 1)
		busy, release := make(chan struct{}), make(chan struct{})
		l.writer.put(&op{kind: opCall, call: func(*batch) error {
			close(busy)
			<-release
			return nil
		}})
		<-busy
		ended, attempt := Settle(job, Ending{Outcome: OutcomeSucceeded, At: time.Now(), Result: []byte(`1`)}, 0)
		l.Finish(ended, attempt, nil)
		seen := make(chan State, 1)
		go func() {
			job, _, _ := l.Get(context.Background(), id)
			seen <- job.State
		}()
		synctest.Wait()
		close(release)
		if state := <-seen; state != Succeeded {
			t.Errorf("read as %q, want %q", state, Succeeded)
		}
	})
}
