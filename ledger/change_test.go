package ledger

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"math"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestAStartAndItsFinishInOneTransactionWriteTheRowOnce(t *testing.T) {
	l := open(t, t.TempDir())
	ids := submit(t, l, Job{Pool: "p", Method: "m"}, Job{Pool: "p", Method: "m"})
	apart, _ := get(t, l.Reader, ids[0])
	joined, _ := get(t, l.Reader, ids[1])

	before := totalChanges(t, l)
	job := Begin(apart, "w1", 1, noon)
	l.Start(job, nil)
	flush(t, l)
	job, attempt := Settle(job, Ending{Outcome: OutcomeSucceeded, At: noon}, 0)
	l.Finish(job, attempt, nil)
	flush(t, l)
	// start, 2 counts; finish, attempt, 2 counts, rollup
	if n := totalChanges(t, l) - before; n != 8 {
		t.Errorf("apart: %d rows written, want 8", n)
	}

	before = totalChanges(t, l)
	together(t, l, func() { run(l, joined, Ending{Outcome: OutcomeSucceeded}) })
	// job, attempt, 2 counts, rollup
	if n := totalChanges(t, l) - before; n != 5 {
		t.Errorf("together: %d rows written, want 5", n)
	}
	mustBeSound(t, l.Reader)
}

func TestAFastInvokeWritesItsRowOnce(t *testing.T) {
	l := open(t, t.TempDir())
	id, err := l.NextID(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	job := Begin(Job{ID: id, Pool: "p", Method: "m", Origin: FromInvoke}.withDefaults(noon), "w1", 1, noon)
	ended, attempt := Settle(job, Ending{Outcome: OutcomeSucceeded, At: noon, Result: []byte("1")}, 0)
	before := totalChanges(t, l)
	together(t, l, func() {
		l.Insert(job, nil)
		l.Finish(ended, attempt, nil)
	})
	// job, attempt, 1 count, rollup
	if n := totalChanges(t, l) - before; n != 4 {
		t.Errorf("%d rows written, want 4", n)
	}
	if got, attempts := get(t, l.Reader, id); !reflect.DeepEqual(got, ended) || len(attempts) != 1 {
		t.Errorf("got %+v\nwant %+v, attempts %v", got, ended, attempts)
	}
}

func TestAChangeIsRefusedByTheOneBeforeItInTheSameTransaction(t *testing.T) {
	l := open(t, t.TempDir())
	id := submit(t, l, Job{Pool: "p", Method: "m"})[0]
	job, _ := get(t, l.Reader, id)
	var errs []error
	note := func(err error) { errs = append(errs, err) }
	var ended Job
	together(t, l, func() {
		running := Begin(job, "w1", 1, noon)
		var attempt Attempt
		ended, attempt = Settle(running, Ending{Outcome: OutcomeSucceeded, At: noon}, 0)
		failed, second := Settle(running, Ending{Outcome: OutcomeError, At: noon, Permanent: true}, 0)
		l.Start(running, note)
		l.Start(Begin(job, "w2", 2, noon), note)
		l.Finish(ended, attempt, note)
		l.Finish(failed, second, note)
		l.Start(running, note)
		l.Insert(job, note)
	})
	for i, err := range errs {
		if wanted := i != 0 && i != 2; errors.Is(err, ErrGuard) != wanted {
			t.Errorf("change %d: %v", i, err)
		}
	}
	if got, attempts := get(t, l.Reader, id); len(errs) != 6 || !reflect.DeepEqual(got, ended) || len(attempts) != 1 {
		t.Errorf("%d answers, job %+v, attempts %v", len(errs), got, attempts)
	}
	mustBeSound(t, l.Reader)
}

func TestAnAttemptIsNeverWrittenOver(t *testing.T) {
	l := open(t, t.TempDir())
	id := submit(t, l, Job{Pool: "p", Method: "m"})[0]
	job, _ := get(t, l.Reader, id)
	job = run(l, job, Ending{Outcome: OutcomeError, Error: []byte(`"first"`)})
	flush(t, l)
	job.Runs = 0 // the next run gets the first one's number
	var answer error
	again := Begin(job, "w1", 1, noon)
	ended, attempt := Settle(again, Ending{Outcome: OutcomeSucceeded, At: noon}, 0)
	together(t, l, func() {
		l.Start(again, nil)
		l.Finish(ended, attempt, func(err error) { answer = err })
	})
	if answer == nil {
		t.Error("the second attempt 1 was accepted")
	}
	if got, attempts := get(t, l.Reader, id); got.State != Queued || len(attempts) != 1 || string(attempts[0].Error) != `"first"` {
		t.Errorf("%s, attempts %v", got.State, attempts)
	}
	mustBeSound(t, l.Reader)
}

func TestARowThatCannotBeWrittenIsRefusedAlone(t *testing.T) {
	l := open(t, t.TempDir())
	id, _ := l.NextID(t.Context())
	job := Job{ID: id, Pool: "p", Method: "m"}.withDefaults(noon)
	job.Backoff.Factor = math.NaN() // has no place in JSON
	ended, attempt := Settle(Begin(job, "w1", 1, noon), Ending{Outcome: OutcomeSucceeded, At: noon}, 0)
	other := job
	other.ID++
	other.State = "asleep"
	var errs []error
	together(t, l, func() {
		l.Insert(Begin(job, "w1", 1, noon), func(err error) { errs = append(errs, err) })
		l.Finish(ended, attempt, func(err error) { errs = append(errs, err) })
		l.Insert(other, func(err error) { errs = append(errs, err) })
	})
	if len(errs) != 3 || errs[0] == nil || errs[1] == nil || errs[2] == nil {
		t.Errorf("answers %v", errs)
	}
	if n := dump(t, l.db, "SELECT (SELECT count(*) FROM job) + (SELECT count(*) FROM attempt)"); n[0] != "0" {
		t.Errorf("%s rows were left", n)
	}
	if l.Err() != nil {
		t.Error(l.Err())
	}
}

// However its changes meet in transactions, a job's rows end up the same.
func TestRowsDoNotDependOnHowChangesAreBatched(t *testing.T) {
	l := open(t, t.TempDir())
	rapid.Check(t, func(t *rapid.T) {
		var jobs []Job
		attempts := make(map[int64][]Attempt)
		at := noon
		for range rapid.IntRange(1, 3).Draw(t, "jobs") {
			job := drawJob(t)
			var err error
			if job.ID, err = l.NextID(context.Background()); err != nil {
				t.Fatal(err)
			}
			jobs = append(jobs, job)
		}
		done := func(err error) {
			if err != nil {
				panic(fmt.Sprintf("refused: %v", err))
			}
		}
		step := func() {
			for i := range jobs {
				job := &jobs[i]
				switch {
				case job.Runs == 0 && job.State == Queued && len(attempts[job.ID]) == 0:
					l.Insert(*job, done)
					*job = Begin(*job, "w1", 1, at)
					l.Start(*job, done)
				case job.State == Queued:
					*job = Begin(*job, "w2", 2, at)
					l.Start(*job, done)
				case job.State == Running:
					var attempt Attempt
					*job, attempt = Settle(*job, drawEnding(t, at), rapid.Float64Range(0, 0.999).Draw(t, "spread"))
					job.RunAt = job.RunAt.Truncate(time.Microsecond)
					attempts[job.ID] = append(attempts[job.ID], attempt)
					l.Finish(*job, attempt, done)
				}
				if rapid.Bool().Draw(t, "commit") {
					if err := l.Flush(context.Background()); err != nil {
						t.Fatal(err)
					}
				}
			}
			at = at.Add(time.Millisecond)
		}
		for range rapid.IntRange(1, 8).Draw(t, "steps") {
			step()
		}
		if err := l.Flush(context.Background()); err != nil {
			t.Fatal(err)
		}
		for _, want := range jobs {
			got, gotAttempts, err := l.Get(context.Background(), want.ID)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Fatalf("got  %+v\nwant %+v", got, want)
			}
			if want.State == Running {
				gotAttempts = gotAttempts[:len(gotAttempts)-1]
			}
			if wantAttempts := attempts[want.ID]; len(gotAttempts)+len(wantAttempts) > 0 && !reflect.DeepEqual(gotAttempts, wantAttempts) {
				t.Fatalf("got  %+v\nwant %+v", gotAttempts, wantAttempts)
			}
		}
	})
	mustBeSound(t, l.Reader)
}

func totalChanges(t *testing.T, l *Ledger) (n int64) {
	t.Helper()
	err := l.writer.do(t.Context(), 0, func(b *batch) error {
		return b.conn.query("SELECT total_changes()", func(values []driver.Value) error {
			n, _ = values[0].(int64)
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}
