package ledger

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

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
		jobs, err := l.Wait(context.Background(), ids, Reading{})
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
