package supervisor

import (
	"slices"
	"sync"

	"github.com/whipper-sidecar/whipper/jsonrpc"
)

const (
	mostEvents = 256  // that wait for a worker's goroutine, before who has more waits too
	mostHelped = 64   // letters that are handled on somebody else's goroutine before the worker's own goes on
	mostOwned  = 1024 // and on that before it lets others
)

// mailbox holds what a worker is told. Letters are handled one at a time and in their order, by whoever owns the worker: its goroutine, or,
// if nobody does, who brings one that anybody may handle.
type mailbox struct {
	mu      sync.Mutex
	room    sync.Cond // there are fewer events, or the worker has ended
	letters []letter
	events  int // among them
	owned   bool
	ended   bool

	wake chan struct{} // one token: the worker's goroutine is to look
}

// letter is a command or an event.
type letter struct {
	isEvent bool
	command command
	event   event
}

// anybodys says whether the letter may be handled on any goroutine: that takes no longer than a few microseconds and waits for nothing.
func (m *letter) anybodys() bool {
	if m.isEvent {
		return m.event.kind.anybodys()
	}
	return m.command.kind == take || m.command.kind == cancel
}

// tell hands the worker a command. It never blocks: the pool gives no more calls than there are slots. Unless help follows, the worker's
// goroutine carries it out.
func (w *worker) tell(c command) {
	w.mailbox.mu.Lock()
	defer w.mailbox.mu.Unlock()
	w.mailbox.letters = append(w.mailbox.letters, letter{command: c})
	w.signal()
}

// hand hands the worker a command that is carried out when the pool's lock is let go of; it is held.
func (w *worker) hand(c command) {
	w.mailbox.mu.Lock()
	w.mailbox.letters = append(w.mailbox.letters, letter{command: c})
	w.mailbox.mu.Unlock()
	due := w.pool.mu.dues()
	if !slices.Contains(due.workers, w) {
		due.workers = append(due.workers, w)
	}
}

// post hands the worker an event, and waits for room: a process that floods the supervisor is read from no faster. k is nil, or that of the
// reader whose goroutine it is.
func (w *worker) post(e event, k *jsonrpc.Cork) {
	m := &w.mailbox
	m.mu.Lock()
	if m.events >= mostEvents && !m.ended {
		m.mu.Unlock()
		k.Release() // before it waits
		m.mu.Lock()
		for m.events >= mostEvents && !m.ended {
			m.room.Wait()
		}
	}
	if m.ended {
		m.mu.Unlock()
		return
	}
	m.letters = append(m.letters, letter{isEvent: true, event: e})
	m.events++
	if k == nil || !e.kind.anybodys() {
		w.signal()
		m.mu.Unlock()
		return
	}
	m.mu.Unlock()
	w.help(k)
}

// help handles what waits and anybody may handle, unless somebody owns the worker, who then does.
func (w *worker) help(k *jsonrpc.Cork) {
	w.own(k, mostHelped, (*letter).anybodys)
}

// own handles up to most letters that suit, if nobody else owns the worker, and says whether it has ended. What is left is the goroutine's,
// which does not come back to a worker that has ended: of that all are handled.
func (w *worker) own(k *jsonrpc.Cork, most int, suits func(*letter) bool) (ended bool) {
	m := &w.mailbox
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.owned {
		return false
	}
	m.owned, w.cork = true, k
	next := 0
	for ; next < len(m.letters) && (w.ended || next < most && suits(&m.letters[next])); next++ {
		todo := m.letters[next]
		m.letters[next] = letter{}
		if todo.isEvent {
			m.events--
			m.room.Signal()
		}
		m.mu.Unlock()
		if todo.isEvent {
			w.onEvent(todo.event)
		} else {
			w.onCommand(todo.command)
		}
		m.mu.Lock()
	}
	m.letters = slices.Delete(m.letters, 0, next)
	m.owned, w.cork = false, nil
	if w.ended && !m.ended {
		m.ended = true
		m.room.Broadcast()
	}
	if len(m.letters) > 0 || m.ended {
		w.signal()
	}
	return m.ended
}

// wakeUp has the worker's goroutine look.
func (w *worker) wakeUp() {
	w.mailbox.mu.Lock()
	defer w.mailbox.mu.Unlock()
	w.signal()
}

// signal leaves the token; the mailbox's lock is held.
func (w *worker) signal() {
	select {
	case w.mailbox.wake <- struct{}{}:
	default:
	}
}
