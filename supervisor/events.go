package supervisor

import (
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/whipper-sidecar/whipper/jsonrpc"
)

// Events tells subscribers what happens in the pools of one supervisor, in the order in which it happens. A publisher never waits
// for a subscriber: it adds to a buffer of bounded size, and what does not fit is counted as lost. Where nobody asks for a type of
// event, publishing one is an atomic load. The nil *Events has no subscribers.
type Events struct {
	wanted atomic.Uint64 // eventSet that some subscriber wants

	mu            sync.Mutex // makes the order; comes after a pool's lock, and before a subscription's
	subscriptions []*Subscription

	waits progressWaits
}

// NewEvents makes a bus without subscribers.
func NewEvents() *Events { return new(Events) }

// Subscribe begins to buffer the events that f wants; close the subscription after use. The error is an *UnknownEventError.
func (e *Events) Subscribe(f EventFilter) (*Subscription, error) {
	set, err := f.set()
	if err != nil {
		return nil, err
	}
	s := &Subscription{bus: e, set: set, pool: f.Pool, ready: make(chan struct{}, 1)}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.subscriptions = append(e.subscriptions, s)
	e.wanted.Store(e.wanted.Load() | uint64(set))
	return s, nil
}

// Change has s want what f wants from now on. What is buffered stays. The error is an *UnknownEventError.
func (e *Events) Change(s *Subscription, f EventFilter) error {
	set, err := f.set()
	if err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	s.set, s.pool = set, f.Pool
	e.count()
	return nil
}

// Dump writes how many subscribers there are, and how far behind the slowest is.
func (e *Events) Dump(out io.Writer) {
	e.mu.Lock()
	subscriptions := slices.Clone(e.subscriptions)
	e.mu.Unlock()
	most := 0
	var lost int64
	for _, s := range subscriptions {
		s.mu.Lock()
		most, lost = max(most, s.count), lost+s.lost
		s.mu.Unlock()
	}
	fmt.Fprintf(out, "subscribers of events: %d; the slowest has %d events to read, %d were lost since they last read\n", len(subscriptions), most, lost)
}

// leave ends a subscription.
func (e *Events) leave(s *Subscription) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.subscriptions = slices.DeleteFunc(e.subscriptions, func(other *Subscription) bool { return other == s })
	e.count()
}

// count sums up what is wanted; mu is held.
func (e *Events) count() {
	var wanted eventSet
	for _, s := range e.subscriptions {
		wanted |= s.set
	}
	e.wanted.Store(uint64(wanted))
}

// wants says whether somebody would hear of one of the events.
func (e *Events) wants(set eventSet) bool { return e != nil && eventSet(e.wanted.Load())&set != 0 }

// publish gives an event to its subscribers, to each under the names by which it asks for it; also is its second name, if it has
// one. It never blocks, and may be called with a pool's lock held. What r refers to must not change any more.
func (e *Events) publish(t, also eventType, r *record) {
	e.mu.Lock()
	defer e.mu.Unlock()
	r.event.At = jsonrpc.Time{Time: time.Now()} // under the lock, so that times rise
	size := r.size()
	for _, s := range e.subscriptions {
		if s.pool != "" && s.pool != r.event.Pool {
			continue
		}
		if s.set&t.bit != 0 {
			s.add(entry{t.name, r, size})
		}
		if s.set&also.bit != 0 {
			s.add(entry{also.name, r, size})
		}
	}
}
