package whipper_test

import (
	"os"
	"runtime"
	"strconv"
	"sync"
	"testing"

	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

// TestCallsLeaveNothingBehind makes WHIPPER_LEAK_CALLS calls (4,000 unless it is set; 100,000 take some 15 s) of all sorts, in client and
// worker, and looks at memory, goroutines and descriptors of both.
func TestCallsLeaveNothingBehind(t *testing.T) {
	calls := 4_000
	if text := os.Getenv("WHIPPER_LEAK_CALLS"); text != "" {
		var err error
		if calls, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	c, _ := start(t, own(t))
	ctx := t.Context() // so many calls may take long
	round := func(n int) {
		slots := make(chan struct{}, 100)
		var all sync.WaitGroup
		for i := range n {
			slots <- struct{}{}
			all.Go(func() {
				defer func() { <-slots }()
				switch i % 4 {
				case 0:
					_, _ = whipper.Invoke[any](ctx, c, "plain")
				case 1:
					_, _, _ = c.InvokeProgress(ctx, whipper.InvokeParams{Method: "tell"}, func(whipper.ProgressUpdate) {})
				default:
					if _, err := whipper.Invoke[string](ctx, c, "greet", "Ted", 1); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
	}
	type figures struct {
		Heap              uint64
		Goroutines, Files int
	}
	worker := func() figures {
		t.Helper()
		f, err := whipper.Invoke[figures](ctx, c, "figures")
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	client := func() figures { return figures{heapNow(), runtime.NumGoroutine(), openFDs(t)} }
	round(2_000) // until buffers and pools have their size
	clientBefore, workerBefore := client(), worker()
	round(calls)
	clientAfter, workerAfter := client(), worker()
	t.Logf("%d calls: client %+v to %+v, worker %+v to %+v", calls, clientBefore, clientAfter, workerBefore, workerAfter)
	allowance := uint64(400<<10 + calls) // bytes: what one leaks for each call would be more
	for _, side := range []struct {
		name          string
		before, after figures
	}{{"client", clientBefore, clientAfter}, {"worker", workerBefore, workerAfter}} {
		if side.after.Heap > side.before.Heap+allowance || side.after.Goroutines > side.before.Goroutines+5 || side.after.Files > side.before.Files+2 {
			t.Errorf("%s: %+v became %+v", side.name, side.before, side.after)
		}
	}
}
