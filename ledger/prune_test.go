package ledger

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestPruneTakesOnlyWhatHasEndedAndAllOfIt(t *testing.T) {
	l := open(t, t.TempDir())
	ids := submit(t, l, Job{Pool: "p", Method: "m", IdempotencyKey: "k"}, Job{Pool: "p", Method: "m"}, Job{Pool: "p", Method: "m"})
	first, _ := get(t, l.Reader, ids[0])
	second, _ := get(t, l.Reader, ids[1])
	run(l, first, Ending{Outcome: OutcomeSucceeded, Result: []byte("1")})
	l.Start(Begin(second, "w1", 1, noon), nil)
	flush(t, l)

	if n, err := l.Prunable(t.Context(), PruneFilter{}); n != 1 || err != nil {
		t.Errorf("prunable: %d, %v", n, err)
	}
	if n, err := l.Prune(t.Context(), PruneFilter{}); n != 1 || err != nil {
		t.Fatalf("pruned %d, %v", n, err)
	}
	if got := dump(t, l.db, "SELECT id, state FROM job UNION ALL SELECT job_id, 'attempt' FROM attempt ORDER BY 1"); !slices.Equal(got, []string{"2 running", "3 queued"}) {
		t.Errorf("left are %q", got)
	}
	mustBeSound(t, l.Reader)
	again, err := l.Submit(t.Context(), []Job{{Pool: "p", Method: "m", IdempotencyKey: "k"}})
	if err != nil || again[0].Duplicate || again[0].ID <= ids[2] {
		t.Errorf("the key was not free for a new job: %+v, %v", again, err)
	}
}

func TestPruneOfIDsIsRefusedWholeWhereOneCannotGo(t *testing.T) {
	l := open(t, t.TempDir())
	ids := submit(t, l, Job{Pool: "p", Method: "m"}, Job{Pool: "p", Method: "m"})
	first, _ := get(t, l.Reader, ids[0])
	run(l, first, Ending{Outcome: OutcomeSucceeded})
	flush(t, l)
	var open *NotEndedError
	if n, err := l.PruneIDs(t.Context(), ids); n != 0 || !errors.As(err, &open) || open.ID != ids[1] || open.State != Queued {
		t.Errorf("with a queued one: %d, %v", n, err)
	}
	if n, err := l.PruneIDs(t.Context(), []int64{ids[0], 99}); n != 0 || !errors.Is(err, ErrNotFound) {
		t.Errorf("with an unknown one: %d, %v", n, err)
	}
	if _, err := l.Prune(t.Context(), PruneFilter{States: []State{Running}}); err == nil {
		t.Error("a filter for running jobs was accepted")
	}
	if n, err := l.PruneIDs(t.Context(), []int64{ids[0], ids[0]}); n != 1 || err != nil {
		t.Errorf("named twice: %d, %v", n, err)
	}
	mustBeSound(t, l.Reader)
}

func TestPruneFiltersAsItCounts(t *testing.T) {
	l := open(t, t.TempDir())
	for i := range 12 {
		ids := submit(t, l, Job{
			Pool: "p" + fmt.Sprint(i%2), Method: "m" + fmt.Sprint(i%3), CreatedAt: noon.Add(time.Duration(i) * time.Minute),
			Labels: map[string]string{"n": fmt.Sprint(i % 4)},
		})
		job, _ := get(t, l.Reader, ids[0])
		outcome := OutcomeSucceeded
		if i >= 6 {
			outcome = OutcomeCancelled
		}
		run(l, job, Ending{Outcome: outcome})
	}
	flush(t, l)
	for _, c := range []struct {
		name string
		f    PruneFilter
		want int
	}{
		{"state and limit", PruneFilter{States: []State{Succeeded}, Limit: 1}, 1},
		{"pool and method", PruneFilter{Pool: "p0", Method: "m2"}, 2},
		{"label", PruneFilter{LabelName: "n", LabelValue: "3"}, 3},
		{"until", PruneFilter{Until: noon.Add(2 * time.Minute)}, 1}, // the oldest has gone
		{"ended", PruneFilter{EndedBefore: noon.Add(5 * time.Minute)}, 1},
		{"since", PruneFilter{Since: noon.Add(10 * time.Minute)}, 1},
		{"the rest", PruneFilter{}, 3},
	} {
		counted, err := l.Prunable(t.Context(), c.f)
		if err != nil {
			t.Fatal(err)
		}
		pruned, err := l.Prune(t.Context(), c.f)
		if err != nil || pruned != counted || pruned != c.want {
			t.Errorf("%s: pruned %d, counted %d, want %d, %v", c.name, pruned, counted, c.want, err)
		}
	}
	mustBeSound(t, l.Reader)
}

func TestAPruneSeeksInTheIndexOfWhatHasEnded(t *testing.T) {
	l := open(t, t.TempDir())
	for _, f := range []PruneFilter{
		{},
		{EndedBefore: noon},
		{Pool: "p", Method: "m", Since: noon, Until: noon, EndedBefore: noon, LabelName: "a"},
	} {
		text, args := prunableQuery(f, Failed, prunePlace{}, 10)
		got := explain(t, l.Reader, text, args...)
		if !strings.HasPrefix(strings.Replace(got, "COVERING ", "", 1), "SEARCH job USING INDEX job_ended (state=? AND ") || strings.Contains(got, "TEMP B-TREE") || strings.Contains(got, "SCAN job") {
			t.Errorf("%+v: %s", f, got)
		}
		where, args := f.conditions(Failed)
		if got := explain(t, l.Reader, nPrunableSQL+where, args...); !strings.Contains(got, "SEARCH job USING ") || !strings.Contains(got, "INDEX job_ended (state=?") {
			t.Errorf("count %+v: %s", f, got)
		}
	}
	for _, text := range []string{pruneSQL, pruneAttemptsSQL, prunePayloadsSQL} {
		if got := explain(t, l.Reader, text, 1, 1); strings.Contains(got, "SCAN") {
			t.Errorf("%s: %s", text, got)
		}
	}
}

func TestAPruneGivesWayButGetsItsTurn(t *testing.T) {
	l := open(t, t.TempDir())
	var order []string
	put := func(o *op, name string) {
		o.done = func(error) { order = append(order, name) } // on the writer's goroutine
		l.writer.put(o)
	}
	together(t, l, func() {
		put(&op{kind: opCall, behind: true, call: func(*batch) error { return nil }}, "prune")
		for i := range maxPassed + 3 {
			for range maxBatchOps - 1 {
				l.writer.put(&op{kind: opNothing})
			}
			put(&op{kind: opNothing}, fmt.Sprint(i))
		}
	})
	// The transaction that holds the writer up while the others come was taken before there was a prune.
	if got := strings.Join(order, " "); got != "0 1 2 3 prune 4 5" {
		t.Errorf("the order was %s", got)
	}

	order = nil
	together(t, l, func() {
		put(&op{kind: opCall, behind: true, call: func(*batch) error { return nil }}, "prune")
		put(&op{kind: opNothing}, "other")
	})
	if err := l.writer.doBehind(t.Context(), 0, func(*batch) error { return nil }); err != nil { // the first has been answered too
		t.Fatal(err)
	}
	if got := strings.Join(order, " "); got != "other prune" {
		t.Errorf("the order was %s", got)
	}
}

func TestAPruneEndsWithItsContextAndWithTheLedger(t *testing.T) {
	l := open(t, t.TempDir())
	ended(t, l, 2*pruneRows)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if n, err := l.Prune(ctx, PruneFilter{}); n != 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %d, %v", n, err)
	}
	answer := make(chan error, 1)
	busy, gate := make(chan struct{}), make(chan struct{})
	l.writer.put(&op{kind: opCall, call: func(*batch) error {
		close(busy)
		<-gate
		return nil
	}})
	<-busy
	l.writer.put(&op{kind: opCall, behind: true, call: func(*batch) error { return nil }, done: func(err error) { answer <- err }})
	l.writer.mu.Lock()
	l.writer.closed = true
	l.writer.mu.Unlock()
	close(gate)
	if err := <-answer; !errors.Is(err, ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	if _, err := l.Prune(t.Context(), PruneFilter{}); !errors.Is(err, ErrClosed) {
		t.Errorf("afterwards: %v", err)
	}
}

func TestLargeJobsArePrunedFewAtATime(t *testing.T) {
	l := open(t, t.TempDir())
	large := []byte(`"` + strings.Repeat("x", pruneBytes*2/5) + `"`)
	for range 5 {
		id := submit(t, l, Job{Pool: "p", Method: "m"})[0]
		job, _ := get(t, l.Reader, id)
		run(l, job, Ending{Outcome: OutcomeSucceeded, Result: large})
	}
	flush(t, l)
	slice, err := l.prunable(t.Context(), PruneFilter{}, Succeeded, prunePlace{}, pruneRows)
	if err != nil || len(slice) != 2 {
		t.Errorf("a transaction would prune %d, want 2: %v", len(slice), err)
	}
	if n, err := l.PruneIDs(t.Context(), []int64{1, 2, 3}); n != 3 || err != nil {
		t.Errorf("by id: %d, %v", n, err)
	}
	if n, err := l.Prune(t.Context(), PruneFilter{}); n != 2 || err != nil {
		t.Errorf("the rest: %d, %v", n, err)
	}
	mustBeSound(t, l.Reader)
}

func TestTheFileShrinksWhenItIsVacuumed(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	jobs := make([]Job, 2000)
	for i := range jobs {
		jobs[i] = Job{Pool: "p", Method: "m", Params: []byte(`["` + strings.Repeat("x", 8000) + `"]`)}
	}
	ids := submit(t, l, jobs...)
	if _, err := l.CancelQueued(t.Context(), ids, noon, nil); err != nil {
		t.Fatal(err)
	}
	if err := l.Vacuum(t.Context()); err != nil {
		t.Fatal(err)
	}
	before, err := l.Space(t.Context())
	if err != nil || before.Free > before.Bytes/10 {
		t.Fatal(before, err)
	}
	if n, err := l.Prune(t.Context(), PruneFilter{}); n != len(jobs) || err != nil {
		t.Fatal(n, err)
	}
	if err := l.Vacuum(t.Context()); err != nil {
		t.Fatal(err)
	}
	after, err := l.Space(t.Context())
	if err != nil || after.Bytes > before.Bytes/8 || after.Free > spareOf(after.Bytes) {
		t.Errorf("%+v has become %+v, %v", before, after, err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(dir, fileName)); err != nil || info.Size() != after.Bytes {
		t.Errorf("the file is not %d bytes long: %v, %v", after.Bytes, info, err)
	}
	mustBeSound(t, open(t, dir).Reader)
}

// ended puts n cancelled jobs on the ledger.
func ended(t testing.TB, l *Ledger, n int) {
	t.Helper()
	jobs := make([]Job, n)
	for i := range jobs {
		jobs[i] = Job{Pool: "p", Method: "m"}
	}
	ids := submit(t, l, jobs...)
	if _, err := l.CancelQueued(t.Context(), ids, noon, nil); err != nil {
		t.Fatal(err)
	}
}

// A prune of some of the jobs is as if they had never been, whatever else happens.
func TestTheBooksBalanceWhateverIsPruned(t *testing.T) {
	l := open(t, t.TempDir())
	model := map[int64]Job{}  // what is on the ledger
	books := map[string]int{} // how many have ended in each way, and how many runs
	note := func(what string, n int) { books[what] += n }
	rapid.Check(t, func(t *rapid.T) {
		at := noon
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			at = at.Add(time.Second)
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0:
				job := drawJob(t)
				answer, err := l.Submit(context.Background(), []Job{job})
				if err != nil {
					t.Fatal(err)
				}
				job.ID = answer[0].ID
				model[job.ID] = job
			case 1, 2:
				for id, job := range model {
					if job.State == Queued && rapid.Bool().Draw(t, "run") {
						job = Begin(job, "w1", 1, at)
						l.Start(job, nil)
						job, attempt := Settle(job, drawEnding(t, at), 0)
						l.Finish(job, attempt, func(err error) {
							if err != nil {
								panic(err)
							}
						})
						model[id] = job
						note("attempts", 1)
						if job.State.Terminal() {
							note(string(job.State), 1)
						}
					}
				}
				if err := l.Flush(context.Background()); err != nil {
					t.Fatal(err)
				}
			case 3:
				f := PruneFilter{
					Pool:   rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "pool"),
					Method: rapid.SampledFrom([]string{"", "m"}).Draw(t, "method"),
					States: rapid.SampledFrom([][]State{nil, {Succeeded}, {Failed, Cancelled}}).Draw(t, "states"),
				}
				if rapid.Bool().Draw(t, "old") {
					f.EndedBefore = at.Add(-time.Second)
				}
				want := 0
				for id, job := range model {
					if job.State.Terminal() && (f.Pool == "" || f.Pool == job.Pool) && (f.Method == "" || f.Method == job.Method) &&
						slices.Contains(f.states(), job.State) && (f.EndedBefore.IsZero() || job.FinishedAt.Before(f.EndedBefore)) {
						want++
						delete(model, id)
					}
				}
				if n, err := l.Prune(context.Background(), f); n != want || err != nil {
					t.Fatalf("pruned %d of %d, %v", n, want, err)
				}
			}
		}
	})
	var want []string
	for id, job := range model {
		want = append(want, fmt.Sprint(id, " ", job.State))
	}
	got := dump(t, l.db, "SELECT id, state FROM job")
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("the ledger has %q\nwant %q", got, want)
	}
	if orphans := dump(t, l.db, "SELECT job_id FROM attempt WHERE job_id NOT IN (SELECT id FROM job)"); orphans != nil {
		t.Errorf("attempts without a job: %q", orphans)
	}
	kept := fmt.Sprint(books["succeeded"], books["failed"], books["cancelled"], books["dropped"], books["attempts"])
	if got := dump(t, l.db, "SELECT sum(succeeded), sum(failed), sum(cancelled), sum(dropped), sum(attempts) FROM rollup"); got[0] != kept {
		t.Errorf("the rollup says %s, want %s", got[0], kept)
	}
	mustBeSound(t, l.Reader)
}

func TestAJobThatHasEndedAnewSinceAPruneReadItIsPassedOver(t *testing.T) {
	l := open(t, t.TempDir())
	id := submit(t, l, Job{Pool: "p", Method: "m", MaxAttempts: 1})[0]
	job, _ := get(t, l.Reader, id)
	run(l, job, Ending{Outcome: OutcomeError, Error: []byte(`{"code":1}`), ErrorSource: FromWorker})
	flush(t, l)
	slice, err := l.prunable(t.Context(), PruneFilter{}, Failed, prunePlace{}, pruneRows)
	if err != nil || len(slice) != 1 {
		t.Fatal(slice, err)
	}
	if _, err := l.Retry(t.Context(), []int64{id}, nil); err != nil {
		t.Fatal(err)
	}
	job, _ = get(t, l.Reader, id)
	job.RunAt = job.RunAt.Add(time.Second)
	run(l, job, Ending{Outcome: OutcomeSucceeded, Result: []byte("1")})
	flush(t, l)
	if n, err := l.pruneSlice(t.Context(), slice, spareNone); n != 0 || err != nil {
		t.Errorf("%d pruned, %v", n, err)
	}
	if job, _ := get(t, l.Reader, id); job.State != Succeeded {
		t.Errorf("job is %s", job.State)
	}
}

func TestAJobThatSomebodyWaitsForWithOthersIsKeptUntilItIsRead(t *testing.T) {
	l := open(t, t.TempDir())
	ids := submit(t, l, Job{Pool: "p", Method: "m"}, Job{Pool: "p", Method: "m"})
	waited := make(chan error, 1)
	go func() {
		jobs, err := l.Wait(context.Background(), ids)
		if err == nil && (len(jobs) != 2 || jobs[0].State != Succeeded) {
			err = fmt.Errorf("got %+v", jobs)
		}
		waited <- err
	}()
	for !l.watches.watched(ids[0]) {
		runtime.Gosched()
	}
	end := func(id int64) {
		job, _ := get(t, l.Reader, id)
		run(l, job, Ending{Outcome: OutcomeSucceeded, Result: []byte("1")})
		flush(t, l)
	}
	end(ids[0])
	if n, err := l.Prune(t.Context(), PruneFilter{}); n != 0 || err != nil {
		t.Errorf("%d pruned, %v", n, err)
	}
	end(ids[1])
	if err := <-waited; err != nil {
		t.Error(err)
	}
	if n, err := l.Prune(t.Context(), PruneFilter{}); n != 2 || err != nil {
		t.Errorf("%d pruned when they are read, %v", n, err)
	}
}

func TestRowsThatHoldTheirPayloadsThemselvesArePrunedFewAtATimeToo(t *testing.T) {
	l := open(t, t.TempDir())
	ended(t, l, 20)
	err := l.writer.do(t.Context(), 1, func(b *batch) error {
		_, err := b.conn.exec(`UPDATE job SET params = zeroblob(1000000)`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slice, err := l.prunable(t.Context(), PruneFilter{}, Cancelled, prunePlace{}, pruneRows)
	if err != nil || len(slice) != 4 {
		t.Errorf("a transaction would prune %d, want 4: %v", len(slice), err)
	}
}
