package endtoend

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// webLoad is clients who ask a web server again and again, until it is stopped.
type webLoad struct {
	stop     context.CancelFunc // called by the first request that fails, too
	stopped  <-chan struct{}
	clients  sync.WaitGroup
	answered atomic.Int64
	reached  chan struct{} // closed, and nil, when as many as were asked for are answered
	mu       sync.Mutex
	wanted   int64
	failed   []error
	answers  map[string]int // by the process that gave them
	slowest  time.Duration
}

// startWebLoad starts a client for each path; those of one half use a connection again, the others take a new one each time.
func startWebLoad(t *testing.T, base string, paths ...string) *webLoad {
	ctx, stop := context.WithTimeout(t.Context(), patience)
	l := &webLoad{stop: stop, stopped: ctx.Done(), answers: map[string]int{}}
	for i, path := range paths {
		transport := &http.Transport{DisableKeepAlives: i%2 == 0, MaxIdleConnsPerHost: 1}
		l.clients.Go(func() {
			defer transport.CloseIdleConnections()
			for ctx.Err() == nil {
				l.ask(&http.Client{Transport: transport}, base+path)
			}
		})
	}
	t.Cleanup(l.end)
	return l
}

func (l *webLoad) ask(client *http.Client, url string) {
	request, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		panic(err)
	}
	began := time.Now()
	var answer []byte
	response, err := client.Do(request)
	if err == nil {
		answer, err = io.ReadAll(response.Body)
		_ = response.Body.Close() // read to its end
	}
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answered %s", url, response.Status)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.failed = append(l.failed, err)
		l.stop()
		return
	}
	l.answers[string(answer)]++
	if url[len(url)-1] == '/' {
		l.slowest = max(l.slowest, time.Since(began))
	}
	if n := l.answered.Add(1); l.reached != nil && n >= l.wanted {
		close(l.reached)
		l.reached = nil
	}
}

// await waits until so many more requests have been answered.
func (l *webLoad) await(t *testing.T, more int64) {
	t.Helper()
	reached := make(chan struct{})
	l.mu.Lock()
	l.wanted, l.reached = l.answered.Load()+more, reached
	l.mu.Unlock()
	select {
	case <-reached:
	case <-l.stopped:
		l.clients.Wait()
		t.Fatalf("of %d requests these failed: %v", l.answered.Load(), l.failed)
	}
}

// end stops the clients and waits for them.
func (l *webLoad) end() {
	l.stop()
	l.clients.Wait()
}

func TestARollingRestartRefusesNoConnection(t *testing.T) {
	for _, script := range []string{"web.py", "web.mjs"} {
		t.Run(script, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "state")
			s := start(t, dir, "--listen", "tcp://127.0.0.1:0", "--min-workers", "2", "--max-workers", "2", "../../examples/"+script)
			c := s.client()
			list, err := c.Pools(t.Context())
			check(t, err)
			base := strings.Replace(list.Pools[0].Listen[0], "tcp:", "http:", 1)
			l := startWebLoad(t, base, "/", "/", "/", "/", "/slow", "/slow")
			l.await(t, 100)
			before := s.workers(c, anyState)
			const restarts = 3
			began := time.Now()
			for range restarts {
				must(t, dir, "pool", "restart")
				l.await(t, 100)
			}
			took := time.Since(began)
			l.end()
			if len(l.failed) > 0 {
				t.Errorf("of %d requests these failed: %v", l.answered.Load(), l.failed)
			}
			for _, pid := range append(before, s.workers(c, "processing")...) {
				if l.answers[fmt.Sprintf("process %d\n", pid)] == 0 {
					t.Errorf("process %d served nobody: %v", pid, l.answers)
				}
			}
			t.Logf("%d requests during %d restarts in %s: none failed, the slowest of the quick ones took %s", l.answered.Load(), restarts, took, l.slowest)
			s.signal(syscall.SIGTERM)
			if code := s.exitCode(); code != 0 {
				t.Errorf("exit code after SIGTERM: %d", code)
			}
			nothingLeft(t, dir)
		})
	}
}
