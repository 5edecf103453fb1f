package ledger

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// pruneForever submits, ends, prunes and vacuums, and tells of each prune that has got on.
func pruneForever(dir string) error {
	ctx := context.Background()
	l, err := Open(ctx, Options{Dir: dir})
	if err != nil {
		return err
	}
	jobs := make([]Job, 2*pruneRows)
	for i := range jobs {
		jobs[i] = Job{Pool: "p", Method: "m", Params: make([]byte, 3000), IdempotencyKey: fmt.Sprint("k", i)}
	}
	for {
		answer, err := l.Submit(ctx, jobs)
		if err != nil {
			return err
		}
		for _, a := range answer {
			if a.Duplicate {
				return fmt.Errorf("the key of job %d was not freed", a.ID)
			}
			job, _, err := l.Get(ctx, a.ID)
			if err != nil {
				return err
			}
			run(l, job, Ending{Outcome: OutcomeSucceeded})
		}
		if err := l.Flush(ctx); err != nil {
			return err
		}
		for n := 1; n > 0; {
			fmt.Fprintln(os.Stdout, answer[0].ID)
			if n, err = l.Prune(ctx, PruneFilter{Limit: 64}); err != nil {
				return err
			}
		}
		if err := l.Vacuum(ctx); err != nil {
			return err
		}
	}
}

// endForever has jobs end in all ways, without pruning any, and tells of each transaction.
func endForever(dir string) error {
	ctx := context.Background()
	l, err := Open(ctx, Options{Dir: dir})
	if err != nil {
		return err
	}
	for {
		answer, err := l.Submit(ctx, slices.Repeat([]Job{{Pool: "p", Method: "m"}}, 32))
		if err != nil {
			return err
		}
		var ids []int64
		for i, a := range answer {
			job, _, err := l.Get(ctx, a.ID)
			if err != nil {
				return err
			}
			if ids = append(ids, a.ID); i%3 > 0 {
				run(l, job, Ending{Outcome: []Outcome{OutcomeSucceeded, OutcomeCrashed}[i%2]})
			}
		}
		if _, err := l.CancelQueued(ctx, ids, time.Now(), nil); err != nil {
			return err
		}
		fmt.Fprintln(os.Stdout, answer[0].ID)
	}
}

// killChildAfter starts a child and kills it once it has printed so many lines.
func killChildAfter(t *testing.T, lines int, what, dir string) {
	t.Helper()
	child, out := startChild(t, what, dir)
	for range lines {
		if !out.Scan() {
			t.Fatal("the child ended early")
		}
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for out.Scan() { // until it is gone
	}
	_ = child.Wait() // it was killed
}

func TestTheRollupIsExactWheneverTheProcessIsKilled(t *testing.T) {
	dir := t.TempDir()
	for _, lines := range []int{1, 3, 4, 9} {
		killChildAfter(t, lines, "end", dir)
		l := open(t, dir)
		mustBalance(t, l.Reader)
		if _, err := l.Recover(t.Context()); err != nil {
			t.Fatal(err)
		}
		mustBalance(t, l.Reader)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAPruneOnAFullDiskFailsAndLeavesEverythingRight(t *testing.T) {
	dir := t.TempDir()
	child, out := startChild(t, "full-prune", dir)
	for out.Scan() {
		t.Log(out.Text())
	}
	if err := child.Wait(); err != nil {
		t.Error(err)
	}
	l := open(t, dir)
	mustBeSound(t, l.Reader)
	if got := dump(t, l.db, "SELECT state, count(*) FROM job GROUP BY 1"); !slices.Equal(got, []string{"succeeded 1"}) {
		t.Errorf("left are %q", got)
	}
}

// pruneOnAFullDisk limits the size of files, as writeToAFullDisk does, while a prune and an outcome are on their way.
func pruneOnAFullDisk(dir string) error {
	signal.Ignore(syscall.SIGXFSZ)
	ctx := context.Background()
	l, err := Open(ctx, Options{Dir: dir})
	if err != nil {
		return err
	}
	answer, err := l.Submit(ctx, slices.Repeat([]Job{{Pool: "p", Method: "m"}}, 3*pruneRows+1))
	if err != nil {
		return err
	}
	var ids []int64
	for _, a := range answer[1:] {
		ids = append(ids, a.ID)
	}
	if _, err := l.CancelQueued(ctx, ids, time.Now(), nil); err != nil {
		return err
	}
	running, _, err := l.Get(ctx, answer[0].ID)
	if err != nil {
		return err
	}
	info, err := os.Stat(filepath.Join(dir, fileName+"-wal"))
	if err != nil {
		return err
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	full := limit
	full.Cur = uint64(info.Size())
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &full); err != nil {
		return err
	}
	if n, err := l.Prune(ctx, PruneFilter{}); err == nil {
		return fmt.Errorf("on a full disk %d jobs were pruned", n)
	}
	outcome := make(chan error, 1)
	running = Begin(running, "w1", 1, time.Now())
	l.Start(running, nil)
	running, attempt := Settle(running, Ending{Outcome: OutcomeSucceeded, At: time.Now()}, 0)
	l.Finish(running, attempt, func(err error) { outcome <- err })
	if n, err := l.Prunable(ctx, PruneFilter{States: []State{Cancelled}}); n != len(ids) || err != nil {
		return fmt.Errorf("of %d jobs %d are left, %w", len(ids), n, err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	if err := <-outcome; err != nil {
		return err
	}
	if n, err := l.Prune(ctx, PruneFilter{States: []State{Cancelled}}); n != len(ids) || err != nil {
		return fmt.Errorf("afterwards %d of %d were pruned, %w", n, len(ids), err)
	}
	return l.Close()
}

func TestALedgerIsSoundWhoeverIsKilledInTheMiddleOfAPrune(t *testing.T) {
	dir := t.TempDir()
	for _, lines := range []int{2, 5, 11, 13} {
		killChildAfter(t, lines, "prune", dir)
		l := open(t, dir)
		mustBeSound(t, l.Reader)
		if orphans := dump(t, l.db, "SELECT job_id FROM attempt WHERE job_id NOT IN (SELECT id FROM job)"); orphans != nil {
			t.Errorf("attempts without a job: %q", orphans)
		}
		if _, err := l.Recover(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := l.CancelQueued(t.Context(), queuedIDs(t, l), noon, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Prune(t.Context(), PruneFilter{}); err != nil {
			t.Fatal(err)
		}
		if left := dump(t, l.db, "SELECT (SELECT count(*) FROM job) + (SELECT count(*) FROM attempt)"); left[0] != "0" {
			t.Errorf("%s rows cannot be pruned", left[0])
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func queuedIDs(t *testing.T, l *Ledger) (ids []int64) {
	t.Helper()
	jobs, _, err := l.List(t.Context(), Filter{States: []State{Queued}, Limit: MaxListLimit})
	if err != nil {
		t.Fatal(err)
	}
	for _, job := range jobs {
		ids = append(ids, job.ID)
	}
	return ids
}
