package ledger

import (
	"context"
	"errors"
	"testing"
)

func TestAWaitThatIsOverIsForgotten(t *testing.T) {
	l := open(t, t.TempDir())
	ids := submit(t, l, Job{Pool: "p", Method: "m"}, Job{Pool: "p", Method: "m"})
	ended, err := l.CancelQueued(t.Context(), ids[:1], noon, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what string
		ids  []int64
		want error
	}{
		{"its jobs have ended", ended, nil},
		{"one is unknown", []int64{ids[1], 4711}, ErrNotFound},
		{"it was given up", ids, context.Canceled},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		given := make(chan error, 1)
		go func() {
			_, err := l.Wait(ctx, c.ids, Reading{})
			given <- err
		}()
		if errors.Is(c.want, context.Canceled) {
			cancel()
		}
		if err := <-given; !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.what, err)
		}
		cancel()
		if jobs, kept := len(l.watches.byJob), len(l.watches.kept); jobs != 0 || kept != 0 {
			t.Errorf("%s: %d watches are left, and %d jobs are kept", c.what, jobs, kept)
		}
	}
}
