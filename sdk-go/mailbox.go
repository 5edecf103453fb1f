package whipper

import "sync"

// mailbox is a queue of bounded length between the connection's reader, which never waits, and a consumer. Where it is full, the
// oldest makes room for the newest.
type mailbox[T any] struct {
	most  int
	ready chan struct{} // one token: there may be something
	told  func(T) int64 // how many were lost before one, as it says itself; nil: none

	mu    sync.Mutex
	queue []T
	lost  int64 // since the last take
}

func newMailbox[T any](most int) *mailbox[T] {
	return &mailbox[T]{most: most, ready: make(chan struct{}, 1)}
}

func (m *mailbox[T]) put(v T) {
	m.mu.Lock()
	if len(m.queue) == m.most {
		m.lost++
		if m.told != nil {
			m.lost += m.told(m.queue[0])
		}
		m.queue = append(m.queue[:0], m.queue[1:]...)
	}
	m.queue = append(m.queue, v)
	m.mu.Unlock()
	select {
	case m.ready <- struct{}{}:
	default:
	}
}

// look says how much is there, and how much was lost before.
func (m *mailbox[T]) look() (waiting int, lost int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.queue), m.lost
}

// take gives all that is there, and how many were lost before.
func (m *mailbox[T]) take() (queue []T, lost int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	queue, lost = m.queue, m.lost
	m.queue, m.lost = nil, 0
	return queue, lost
}
