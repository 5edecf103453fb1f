package ledger

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestTheWriterRespondsUnlessItHangs(t *testing.T) {
	l := open(t, t.TempDir())
	if err := l.Responds(t.Context()); err != nil {
		t.Error(err)
	}
	together(t, l, func() { // the writer is held up
		l.writer.put(&op{kind: opNothing})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		if err := l.Responds(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("while the writer hangs: %v", err)
		}
		if n := len(l.writer.callers); n != 0 {
			t.Errorf("%d callers are remembered who have gone", n)
		}
		if n := l.Waiting(); n != 1 {
			t.Errorf("%d changes wait, want 1", n)
		}
	})
	if err := l.Responds(t.Context()); err != nil {
		t.Error(err)
	}
	if n := l.Waiting(); n != 0 {
		t.Errorf("%d changes wait, want none", n)
	}
}

func TestAClosedLedgerDoesNotRespond(t *testing.T) {
	l := open(t, t.TempDir())
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := l.Responds(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v", err)
	}
}
