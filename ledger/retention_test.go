package ledger

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// endAs puts a job on the ledger that has got its outcome at a moment.
func endAs(t testing.TB, l *Ledger, o Outcome, at time.Time, params string) {
	t.Helper()
	id := submit(t, l, Job{Pool: "p", Method: "m", CreatedAt: at, Params: []byte(params)})[0]
	job, _ := get(t, l.Reader, id)
	job = Begin(job, "w1", 1, at)
	l.Start(job, nil)
	job, attempt := Settle(job, Ending{Outcome: o, At: at, Permanent: true}, 0)
	l.Finish(job, attempt, nil)
	flush(t, l)
}

func left(t testing.TB, l *Ledger) string {
	t.Helper()
	return strings.Join(dump(t, l.db, "SELECT id FROM job ORDER BY id"), " ")
}

func TestASweepPrunesUntilTheFileIsSmallEnough(t *testing.T) {
	l := open(t, t.TempDir())
	const limit = 4 << 20
	params := `["` + strings.Repeat("x", 8000) + `"]`
	jobs := make([]Job, 1500)
	for i := range jobs {
		jobs[i] = Job{Pool: "p", Method: "m", Params: []byte(params)}
	}
	ids := submit(t, l, jobs...)
	for i, id := range ids {
		if _, err := l.CancelQueued(t.Context(), []int64{id}, noon.Add(time.Duration(i)*time.Second), nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := l.Sweep(t.Context(), Retention{Bytes: limit}); err != nil {
		t.Fatal(err)
	}
	if err := l.Vacuum(t.Context()); err != nil {
		t.Fatal(err)
	}
	space, err := l.Space(t.Context())
	if err != nil || space.Bytes > limit || space.Bytes < limit/3 { // a transaction prunes 3 MiB of these
		t.Errorf("%+v, %v", space, err)
	}
	if got := dump(t, l.db, "SELECT max(id) FROM job"); got[0] != fmt.Sprint(ids[len(ids)-1]) {
		t.Errorf("the newest was pruned: %v", got)
	}
	mustBeSound(t, l.Reader)
}

// runRetainer runs one within a bubble of time, and returns what ends it.
func runRetainer(t *testing.T, l *Ledger, rules Retention) (*Retainer, func()) {
	ctx, cancel := context.WithCancel(t.Context())
	r := l.NewRetainer(rules)
	var running sync.WaitGroup
	running.Go(func() { r.Run(ctx) })
	return r, func() {
		cancel()
		running.Wait()
	}
}

func TestTheRetainerWaitsForWhatIsDue(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		l, err := Open(t.Context(), Options{Dir: dir, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		r, stop := runRetainer(t, l, Retention{Age: map[State]time.Duration{Succeeded: 48 * time.Hour, Failed: time.Hour}})
		defer stop()
		is := func(want, when string) {
			t.Helper()
			synctest.Wait()
			if got := left(t, l); got != want {
				t.Errorf("%s: left %q, want %q", when, got, want)
			}
		}
		endAs(t, l, OutcomeSucceeded, time.Now(), "[]")
		time.Sleep(10 * time.Minute)
		endAs(t, l, OutcomeError, time.Now(), "[]") // is due sooner, although it has ended later
		time.Sleep(time.Hour - time.Second)
		is("1 2", "before anything is due")
		time.Sleep(2 * time.Second)
		is("1", "an hour after the failure")
		time.Sleep(48 * time.Hour)
		is("", "two days later")

		endAs(t, l, OutcomeSucceeded, time.Now(), "[]")
		endAs(t, l, OutcomeCancelled, time.Now(), "[]")
		r.Set(Retention{Count: 1})
		is("4", "right after new rules")
		endAs(t, l, OutcomeSucceeded, time.Now(), "[]")
		time.Sleep(2 * sweepEvery)
		is("5", "soon after one more than the count")
		r.Set(Retention{})
		synctest.Wait()
		time.Sleep(1000 * time.Hour)
		is("5", "without rules")
		stop()
		if n := strings.Count(log.String(), "pruned jobs"); n != 4 {
			t.Errorf("it has told of %d prunes, want 4:\n%s", n, log.String())
		}
	})
}

func TestTheRetainerGivesBackWhatAnyPruneHasLeft(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		l, err := Open(t.Context(), Options{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		_, stop := runRetainer(t, l, Retention{})
		defer stop()
		for range 40 {
			endAs(t, l, OutcomeCancelled, time.Now(), `["`+strings.Repeat("x", 200_000)+`"]`)
		}
		if _, err := l.Prune(t.Context(), PruneFilter{}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if space, err := l.Space(t.Context()); err != nil || space.Free > spareOf(space.Bytes) {
			t.Errorf("%+v, %v", space, err)
		}
	})
}

func TestTheRetainerEndsWithTheLedger(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		l, err := Open(t.Context(), Options{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		endAs(t, l, OutcomeCancelled, time.Now(), "[]")
		r := l.NewRetainer(Retention{Count: 1})
		if err := l.writer.stop(); err != nil { // as Close does first
			t.Fatal(err)
		}
		r.Set(Retention{Age: map[State]time.Duration{Cancelled: time.Nanosecond}})
		time.Sleep(time.Second)
		r.Run(t.Context())
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	})
}
