package ledger

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"reflect"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestOutcomesSurviveAFullDisk(t *testing.T) {
	child, out := startChild(t, "full-disk", t.TempDir())
	for out.Scan() {
		t.Log(out.Text())
	}
	if err := child.Wait(); err != nil {
		t.Error(err)
	}
}

// writeToAFullDisk limits the size of files, so that the WAL cannot grow, as on a full disk. The limit holds for the
// whole process, hence a process of its own.
func writeToAFullDisk(dir string) error {
	signal.Ignore(syscall.SIGXFSZ)
	ctx := context.Background()
	l, err := Open(ctx, Options{Dir: dir})
	if err != nil {
		return err
	}
	answer, err := l.Submit(ctx, []Job{{Pool: "p", Method: "m"}, {Pool: "p", Method: "m"}})
	if err != nil {
		return err
	}
	job, _, err := l.Get(ctx, answer[0].ID)
	if err != nil {
		return err
	}
	invoke, err := l.NextID(ctx)
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
	answers := make(chan error, 2)
	ended := run(l, job, Ending{Outcome: OutcomeSucceeded, Result: []byte(`"kept"`)})
	l.Insert(Job{ID: invoke, Pool: "p", Method: "m", Origin: FromInvoke}.withDefaults(noon), func(err error) { answers <- err })
	l.ForgetProcess(Process{PID: 1})
	for i := range 3 {
		_, err := l.Submit(ctx, []Job{{Pool: "p", Method: "lost"}})
		fmt.Printf("submission %d: %v\n", i, err)
		if err == nil {
			return errors.New("a submission to a full disk was acknowledged")
		}
		if l.Err() == nil {
			return errors.New("Err is nil while commits fail")
		}
	}
	if _, err := l.CancelQueued(ctx, []int64{answer[1].ID}, noon, nil); err == nil {
		return errors.New("a cancellation on a full disk was acknowledged")
	}
	if err := l.Responds(ctx); err != nil { // it tries again; whoever watches must not kill it for that
		return err
	}
	select {
	case err := <-answers:
		return fmt.Errorf("a change was answered (%w) while the disk was full", err)
	default:
	}
	if got, _, err := l.Get(ctx, job.ID); err != nil || got.State != Queued {
		return fmt.Errorf("while the disk is full the job reads %s: %w", got.State, err)
	}

	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	if err := l.Flush(ctx); err != nil {
		return err
	}
	if err := l.Err(); err != nil {
		return fmt.Errorf("Err is still set: %w", err)
	}
	if err := <-answers; err != nil {
		return err
	}
	got, attempts, err := l.Get(ctx, job.ID)
	if err != nil || !reflect.DeepEqual(got, ended) || len(attempts) != 1 {
		return fmt.Errorf("got %+v, want %+v, attempts %v, %w", got, ended, attempts, err)
	}
	if _, _, err := l.Get(ctx, invoke); err != nil {
		return err
	}
	if again, err := l.Submit(ctx, []Job{{Pool: "p", Method: "m"}}); err != nil || again[0].ID <= invoke {
		return fmt.Errorf("submission afterwards: %v, %w", again, err)
	}
	if jobs, _, err := l.List(ctx, Filter{Method: "lost"}); err != nil || len(jobs) != 0 {
		return fmt.Errorf("%d refused submissions are there: %w", len(jobs), err)
	}

	// Closing on a full disk tells what is lost, and ends.
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &full); err != nil {
		return err
	}
	second, _, err := l.Get(ctx, answer[1].ID)
	if err != nil {
		return err
	}
	second = Begin(second, "w1", 1, noon)
	l.Start(second, func(err error) { answers <- err })
	if err := l.Close(); err == nil {
		return errors.New("closing on a full disk reported success")
	}
	if err := <-answers; !errors.Is(err, ErrClosed) {
		return fmt.Errorf("the lost change was answered %w", err)
	}
	return unix.Setrlimit(unix.RLIMIT_FSIZE, &limit)
}

func TestAChangeWhoseFailedCommitReachedTheDiskIsNotAConflict(t *testing.T) {
	l := open(t, t.TempDir())
	id := submit(t, l, Job{Pool: "p", Method: "m"})[0]
	job, _ := get(t, l.Reader, id)
	ended := run(l, job, Ending{Outcome: OutcomeSucceeded})
	flush(t, l)
	_, attempts := get(t, l.Reader, id)
	for _, retried := range []bool{true, false} {
		answer := make(chan error, 1)
		l.writer.put(&op{kind: opFinish, keep: true, retried: retried, job: ended, attempt: attempts[0], done: func(err error) { answer <- err }})
		if err := <-answer; (err == nil) != retried {
			t.Errorf("retried %t: %v", retried, err)
		}
	}
	mustBeSound(t, l.Reader)
}

func TestASubmissionGivenUpInTimeIsNotWritten(t *testing.T) {
	l := open(t, t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	together(t, l, func() {
		cancel()
		if _, err := l.Submit(ctx, []Job{{Pool: "p", Method: "m"}}); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
	if counts, _ := l.Counts(t.Context(), ""); counts[Queued] != 0 {
		t.Error("it was written")
	}
}

func TestALongWALIsEmptiedAsSoonAsReadersMoveOn(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	reader, err := l.db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Rollback()
	if _, err := reader.Exec("SELECT count(*) FROM job"); err != nil { // from now on it needs the WAL as it is
		t.Fatal(err)
	}
	submit(t, l, Job{Pool: "p", Method: "m"})
	length := func() int64 {
		err := l.writer.do(t.Context(), 0, func(b *batch) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(filepath.Join(dir, fileName+"-wal"))
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	shorten := func(limit int64) {
		done := make(chan struct{})
		l.writer.put(&op{kind: opNothing, done: func(error) { // after a commit, in the writer's goroutine
			l.writer.shortenWAL(limit)
			close(done)
		}})
		<-done
	}
	long := length()
	if shorten(0); length() < long {
		t.Error("the WAL was emptied below a reader")
	}
	if err := reader.Rollback(); err != nil {
		t.Fatal(err)
	}
	if shorten(long); length() < long {
		t.Error("a WAL within the limit was emptied")
	}
	if shorten(0); length() != 0 {
		t.Errorf("the WAL still has %d bytes", length())
	}
}
