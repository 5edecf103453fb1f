package supervisor

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"time"
)

// logBuffer keeps what the pool logs, and tells who watches.
type logBuffer struct {
	mu       sync.Mutex
	b        bytes.Buffer
	watchers []*logWatcher
}

// logWatcher waits for a text in the log.
type logWatcher struct {
	text string
	seen chan struct{}
}

func (l *logBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	rest := l.watchers[:0]
	for _, w := range l.watchers {
		if strings.Contains(string(b), w.text) {
			close(w.seen)
		} else {
			rest = append(rest, w)
		}
	}
	l.watchers = rest
	return l.b.Write(b)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// watchLog notes the next record that holds a text.
func (r *rig) watchLog(text string) *logWatcher {
	w := &logWatcher{text: text, seen: make(chan struct{})}
	r.log.mu.Lock()
	defer r.log.mu.Unlock()
	r.log.watchers = append(r.log.watchers, w)
	return w
}

func (w *logWatcher) await(t *testing.T) {
	t.Helper()
	select {
	case <-w.seen:
	case <-time.After(patience):
		t.Fatalf("%q was not logged", w.text)
	}
}

// until waits for a condition on the pool, whose lock is held then. The pool has no event for what tests ask.
func (r *rig) until(condition func() bool) {
	r.Helper()
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	deadline := time.After(patience)
	for {
		r.pool.mu.Lock()
		ok := condition()
		r.checkCounters()
		r.pool.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-look.C:
		case <-deadline:
			r.Fatalf("the pool did not come to it\n%s", r.log)
		}
	}
}
