package ledger

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestALongFlushGoesOnAsLongAsThereAreCommits(t *testing.T) {
	l := open(t, t.TempDir())
	release := holdWriter(l)
	tick, flushed, counts := make(chan time.Time), make(chan error, 1), make(chan int64)
	begin := func() {
		go func() { flushed <- l.flushWhile(tick, func() int64 { return <-counts }) }()
		counts <- 1
	}
	begin()
	for _, commits := range []int64{2, 5, 5} {
		tick <- time.Time{}
		counts <- commits
	}
	if err := <-flushed; !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a flush that stands still: %v", err)
	}
	begin()
	tick <- time.Time{}
	counts <- 2
	release()
	if err := <-flushed; err != nil {
		t.Error(err)
	}
}

func TestEachCommitIsCounted(t *testing.T) {
	l := open(t, t.TempDir())
	for range 3 {
		before := l.writer.written.Load()
		submit(t, l, Job{Pool: "p", Method: "m"})
		if now := l.writer.written.Load(); now <= before {
			t.Errorf("%d commits after %d", now, before)
		}
	}
}
