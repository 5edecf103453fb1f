package ledger

import (
	"context"
	"fmt"
	"slices"
)

// Responds waits until the writer's goroutine has come round, which it does at once unless it hangs in a write. A disk that fails
// is no reason for an error: the writer tries again, and keeps what must not be lost. A context that ends first is.
func (l *Ledger) Responds(ctx context.Context) error {
	came := make(chan struct{})
	w := l.writer
	w.mu.Lock()
	w.callers = append(w.callers, came)
	w.mu.Unlock()
	w.signal()
	select {
	case <-came:
		return nil
	case <-w.stopped:
		return ErrClosed
	case <-ctx.Done():
		w.mu.Lock()
		w.callers = slices.DeleteFunc(w.callers, func(c chan struct{}) bool { return c == came })
		w.mu.Unlock()
		return fmt.Errorf("the ledger's writer does not respond: %w", ctx.Err())
	}
}

// Waiting is how many changes wait to be written.
func (l *Ledger) Waiting() int {
	l.writer.mu.Lock()
	defer l.writer.mu.Unlock()
	return len(l.writer.queue)
}

// respond tells those who asked that the writer's goroutine is alive; mu is held.
func (w *writer) respond() {
	for _, came := range w.callers {
		close(came)
	}
	w.callers = nil
}
