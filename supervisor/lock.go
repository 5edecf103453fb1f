package supervisor

import (
	"sync"

	"github.com/whipper-sidecar/whipper/jsonrpc"
)

// lock is the pool's. What is decided under it, and must not be done under it, is done by whoever lets go of it: callers get their replies,
// and workers the calls that they were given.
type lock struct {
	sync.Mutex
	due *dues // guarded by the mutex; nil: nothing
}

// dues are what is to be done outside of the lock.
type dues struct {
	replies []dueReply
	workers []*worker // that have commands which anybody may carry out
}

type dueReply struct {
	to    *caller
	reply Reply
}

var dueLists = sync.Pool{New: func() any { return new(dues) }}

// dues gives what will be done when the lock is let go of; it is held.
func (l *lock) dues() *dues {
	if l.due == nil {
		l.due = dueLists.Get().(*dues)
	}
	return l.due
}

// Unlock lets go of the lock and does what is due.
func (l *lock) Unlock() { l.UnlockWith(nil) }

// UnlockSoon is Unlock for who has no time: the workers' goroutines do what is due to workers.
func (l *lock) UnlockSoon() {
	if l.due != nil {
		for _, w := range l.due.workers {
			w.wakeUp()
		}
		clear(l.due.workers)
		l.due.workers = l.due.workers[:0]
	}
	l.Unlock()
}

// UnlockWith is Unlock for who has a cork: what is written goes there.
func (l *lock) UnlockWith(k *jsonrpc.Cork) {
	due := l.due
	l.due = nil
	l.Mutex.Unlock()
	if due == nil {
		return
	}
	if k == nil {
		k = new(jsonrpc.Cork)
		defer k.Release()
	}
	for i := range due.replies {
		r := &due.replies[i]
		r.to.answer(r.reply, nil, k)
	}
	for _, w := range due.workers {
		w.help(k)
	}
	clear(due.replies)
	clear(due.workers)
	due.replies, due.workers = due.replies[:0], due.workers[:0]
	dueLists.Put(due)
}
