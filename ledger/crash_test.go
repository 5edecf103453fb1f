package ledger

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// testBlock is small, so that a few hundred ids need several reservations.
const testBlock = 256

// submitForever prints every id that the ledger has acknowledged, and marks those from NextID.
func submitForever(dir string) error {
	l, err := Open(context.Background(), Options{Dir: dir})
	if err != nil {
		return err
	}
	l.ids.block = testBlock
	var print sync.Mutex
	say := func(lines string) {
		print.Lock()
		defer print.Unlock()
		os.Stdout.WriteString(lines)
	}
	var callers sync.WaitGroup
	for size := 1; size <= 64; size *= 2 {
		callers.Go(func() {
			for n := 0; ; n++ {
				jobs := make([]Job, size)
				for i := range jobs {
					jobs[i] = Job{Pool: "p", Method: "m", Params: fmt.Appendf(nil, "[%d]", n)}
				}
				answer, err := l.Submit(context.Background(), jobs)
				if err != nil {
					panic(err)
				}
				var lines strings.Builder
				for _, a := range answer {
					fmt.Fprintln(&lines, a.ID)
				}
				if n%8 == 0 {
					id, err := l.NextID(context.Background())
					if err != nil {
						panic(err)
					}
					fmt.Fprintln(&lines, "n", id)
				}
				say(lines.String())
				job, _, err := l.Get(context.Background(), answer[0].ID)
				if err != nil {
					panic(err)
				}
				l.Start(Begin(job, "w1", 1, job.RunAt), nil)
			}
		})
	}
	callers.Wait()
	return nil
}

func TestNothingAcknowledgedIsLostWhenTheProcessIsKilled(t *testing.T) {
	dir := t.TempDir()
	child, out := startChild(t, "submit", dir)
	seen := make(map[int64]bool)
	var submitted []int64
	killed := false
	for out.Scan() {
		digits, reserved := strings.CutPrefix(out.Text(), "n ")
		id, err := strconv.ParseInt(digits, 10, 64)
		if err != nil {
			break // the last line was cut short
		}
		if seen[id] {
			t.Fatalf("id %d was given out twice", id)
		}
		seen[id] = true
		if !reserved {
			submitted = append(submitted, id)
		}
		if !killed && len(submitted) >= 4*testBlock {
			killed = true
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}

	// A reader needs neither the lock nor a clean file.
	r, err := OpenReader(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.Get(t.Context(), submitted[len(submitted)-1]); err != nil {
		t.Error(err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}

	l := open(t, dir)
	for chunk := range chunks(submitted) {
		jobs, err := l.many(t.Context(), outcomesSQL, chunk)
		if err != nil {
			t.Fatal(err)
		}
		if len(jobs) != len(chunk) {
			t.Fatalf("of %d acknowledged jobs only %d are left", len(chunk), len(jobs))
		}
	}
	mustBeSound(t, l.Reader)
	counts, _ := l.Counts(t.Context(), "")
	recovery, err := l.Recover(t.Context())
	if err != nil || recovery.Requeued == 0 || int64(recovery.Requeued) != counts[Running] {
		t.Errorf("recovered %+v of %v: %v", recovery, counts, err)
	}
	mustBeSound(t, l.Reader)
	next, err := l.NextID(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for id := range seen {
		if id >= next {
			t.Fatalf("next id is %d, but %d was given out before", next, id)
		}
	}
}

func TestIDsGoOnWhereACleanCloseLeftOff(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	submit(t, l, Job{Pool: "p", Method: "m"}, Job{Pool: "p", Method: "m"})
	if id, err := l.NextID(t.Context()); id != 3 || err != nil {
		t.Fatal(id, err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if ids := submit(t, open(t, dir), Job{Pool: "p", Method: "m"}); ids[0] != 4 {
		t.Errorf("next job got id %d, want 4", ids[0])
	}
}

func TestASubmissionMayBeLargerThanTheReservedBlock(t *testing.T) {
	l := open(t, t.TempDir())
	l.ids.block = testBlock
	jobs := make([]Job, 3*testBlock)
	for i := range jobs {
		jobs[i] = Job{Pool: "p", Method: "m"}
	}
	ids := submit(t, l, jobs...)
	next, err := l.NextID(t.Context())
	if err != nil || next <= ids[len(ids)-1] {
		t.Errorf("next id is %d after %d: %v", next, ids[len(ids)-1], err)
	}
	mustBeSound(t, l.Reader)
}

func TestWhoeverBringsNewJobsWaitsWhileTooManyChangesWaitForTheDisk(t *testing.T) {
	l := open(t, t.TempDir())
	if _, err := l.NextID(t.Context()); err != nil { // reserves a block: no id needs the disk after that
		t.Fatal(err)
	}
	together(t, l, func() {
		for range maxWaiting - 1 {
			l.writer.put(&op{kind: opNothing, keep: true})
		}
		if _, err := l.NextID(t.Context()); err != nil {
			t.Errorf("one less than too many wait: %v", err)
		}
		l.writer.put(&op{kind: opNothing, keep: true})
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if id, err := l.NextID(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got id %d, %v", id, err)
		}
		waiting := make(chan error, 1)
		go func() {
			_, err := l.NextID(context.Background())
			waiting <- err
		}()
		t.Cleanup(func() {
			if err := <-waiting; err != nil {
				t.Error(err)
			}
		})
	})
}

func TestWhoeverBringsNewJobsWaitsWhileTooManyBytesWaitForTheDisk(t *testing.T) {
	l := open(t, t.TempDir())
	id, err := l.NextID(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	waiting := make(chan error, 1)
	together(t, l, func() {
		for left := maxWaitingSize; left > 0; left -= maxWaitingSize / 16 {
			if _, err := l.NextID(t.Context()); err != nil {
				t.Errorf("%d bytes less than too many wait: %v", left, err)
			}
			l.Insert(Job{ID: id, Pool: "p", Method: "m", Params: make([]byte, maxWaitingSize/16), State: Queued}, nil)
			id++
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if id, err := l.NextID(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("got id %d, %v", id, err)
		}
		go func() {
			_, err := l.NextID(context.Background())
			waiting <- err
		}()
	})
	if err := <-waiting; err != nil {
		t.Error(err)
	}
	if err := l.Flush(t.Context()); err != nil {
		t.Error(err)
	}
	l.writer.mu.Lock()
	defer l.writer.mu.Unlock()
	if l.writer.size != 0 {
		t.Errorf("%d bytes seem to wait when all is written", l.writer.size)
	}
}

func TestNextIDNeverGivesAnIDTwice(t *testing.T) {
	l := open(t, t.TempDir())
	l.ids.block = testBlock
	var mu sync.Mutex
	seen := make(map[int64]bool)
	var callers sync.WaitGroup
	for range 4 {
		callers.Go(func() {
			for range 3 * testBlock {
				id, err := l.NextID(context.Background())
				mu.Lock()
				if err != nil || seen[id] {
					t.Errorf("id %d: seen before or %v", id, err)
				}
				seen[id] = true
				mu.Unlock()
			}
		})
	}
	callers.Wait()
}

func TestReadersThatComeAndGoDisturbNeitherAWriterNorWhatAKilledOneLeft(t *testing.T) {
	dir := t.TempDir()
	child, out := startChild(t, "submit", dir)
	read := func() (n int64) { // jobs in any state: the child begins some
		r, err := OpenReader(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		counts, err := r.Counts(t.Context(), "p")
		if err := errors.Join(err, r.Close()); err != nil {
			t.Fatal(err)
		}
		for _, of := range counts {
			n += of
		}
		return n
	}
	var last int64
	for range 50 {
		if !out.Scan() {
			t.Fatal("the writer ended")
		}
		n := read()
		if n < last {
			t.Errorf("%d jobs after %d", n, last)
		}
		last = n
		if info, err := os.Stat(filepath.Join(dir, fileName+"-wal")); err != nil || info.Size() == 0 {
			t.Fatalf("a reader emptied the WAL of a ledger that is in use: %v", err)
		}
	}
	_ = child.Process.Kill()
	for out.Scan() { // until its end is closed, and the process gone
	}
	_ = child.Wait() // it was killed
	first := read()
	if second := read(); first < last || second != first {
		t.Errorf("%d jobs, then %d and %d", last, first, second)
	}
	if got := files(t, dir); !slices.Equal(got, []string{"ledger.db", "lock"}) {
		t.Errorf("reading left %q", got)
	}
	mustBeSound(t, open(t, dir).Reader)
}
