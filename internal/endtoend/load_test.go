package endtoend

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

// load is calls that several clients make one after the other, for as long as it goes on.
type load struct {
	t       *testing.T
	stop    context.CancelFunc
	clients sync.WaitGroup

	mu      sync.Mutex
	took    []time.Duration
	answers map[string]int
	more    chan struct{} // closed and replaced with each answer
}

// loadWith begins to call a method; every call that fails fails the test.
func (s *supervisor) loadWith(clients int, method string, args ...any) *load {
	s.t.Helper()
	return s.loadOn("", clients, method, args...)
}

// loadOn is loadWith for one of several pools.
func (s *supervisor) loadOn(pool string, clients int, method string, args ...any) *load {
	s.t.Helper()
	ctx, stop := context.WithCancel(s.t.Context())
	l := &load{t: s.t, stop: stop, answers: map[string]int{}, more: make(chan struct{})}
	params := raw(s.t, args...)
	for range clients {
		c := s.client()
		l.clients.Go(func() {
			for ctx.Err() == nil {
				began := time.Now()
				result, _, err := c.Invoke(context.WithoutCancel(ctx), whipper.InvokeParams{Pool: pool, Method: method, Params: params})
				if err != nil {
					s.t.Errorf("call of %s %s: %v", pool, method, err)
					return
				}
				l.answered(result, time.Since(began))
			}
		})
	}
	s.t.Cleanup(func() { l.end() })
	return l
}

func (l *load) answered(result json.RawMessage, took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.took = append(l.took, took)
	l.answers[string(result)]++
	close(l.more)
	l.more = make(chan struct{})
}

// goesOn waits until n more calls have been answered.
func (l *load) goesOn(n int) {
	l.t.Helper()
	l.until(func(total int) bool { n += total; return true })
	l.until(func(total int) bool { return total >= n })
}

// until waits until the number of answers fulfils a condition.
func (l *load) until(condition func(total int) bool) {
	l.t.Helper()
	for deadline := time.After(patience); ; {
		l.mu.Lock()
		ok, more := condition(len(l.took)), l.more
		l.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-more:
		case <-deadline:
			l.t.Fatal("the calls do not go on")
		}
	}
}

// answer waits until a call has this result, of which none was there at the beginning of the wait.
func (l *load) answer(result string) {
	l.t.Helper()
	first := -1
	l.until(func(int) bool {
		if first < 0 {
			first = l.answers[result]
		}
		return l.answers[result] > first
	})
}

// end lets the calls under way end, and tells how many there were and how long the slowest took.
func (l *load) end() (calls int, slowest time.Duration) {
	l.stop()
	l.clients.Wait()
	if len(l.took) == 0 {
		return 0, 0
	}
	return len(l.took), slices.Max(l.took)
}

// eventually is for what happens in another process that tells nobody.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !condition(); {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// invoke calls in the background; the result comes over the channel.
func invoke(t *testing.T, c *whipper.Client, method string, args ...any) <-chan string {
	t.Helper()
	params, answer := raw(t, args...), make(chan string, 1)
	go func() {
		result, _, err := c.Invoke(context.WithoutCancel(t.Context()), whipper.InvokeParams{Method: method, Params: params})
		if err != nil && !errors.Is(err, whipper.ErrClosed) {
			t.Errorf("call of %s: %v", method, err)
		}
		answer <- string(result)
	}()
	return answer
}

// hold calls a function in the background that runs until open is called.
func hold(t *testing.T, c *whipper.Client) (answer <-chan string, open func()) {
	t.Helper()
	gate := gate(t)
	return invoke(t, c, "effect", gate, "held"), func() { pass(t, gate) }
}

// gate is a pipe that an effect waits at: its open waits for a reader.
func gate(t *testing.T) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "gate")
	check(t, syscall.Mkfifo(path, 0o600))
	return path
}

// pass lets those pass who wait at a gate, and who comes later.
func pass(t *testing.T, gate string) {
	t.Helper()
	reader, err := os.OpenFile(gate, os.O_RDWR, 0) // which waits for no writer
	check(t, err)
	t.Cleanup(func() { reader.Close() })
}
