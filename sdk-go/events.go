package whipper

import (
	"context"
	"encoding/json"
	"iter"
	"sync"

	"github.com/whipper-sidecar/whipper/jsonrpc"
)

// Types of events. A change of a worker's state or working status can also be asked for by its second name, which SecondName gives.
const (
	EventPoolAvailable     = jsonrpc.EventPoolAvailable
	EventPoolUnavailable   = jsonrpc.EventPoolUnavailable
	EventProcessCreated    = jsonrpc.EventProcessCreated
	EventProcessExited     = jsonrpc.EventProcessExited
	EventStateChanged      = jsonrpc.EventStateChanged
	EventStatusChanged     = jsonrpc.EventStatusChanged
	EventInactivityTimeout = jsonrpc.EventInactivityTimeout
	EventAtCapacityDropped = jsonrpc.EventAtCapacityDropped
	EventAtCapacityError   = jsonrpc.EventAtCapacityError
	EventJobQueued         = jsonrpc.EventJobQueued
	EventJobStarted        = jsonrpc.EventJobStarted
	EventJobProgress       = jsonrpc.EventJobProgress
	EventJobSucceeded      = jsonrpc.EventJobSucceeded
	EventJobFailed         = jsonrpc.EventJobFailed
	EventJobRetrying       = jsonrpc.EventJobRetrying
	EventJobCancelled      = jsonrpc.EventJobCancelled
	EventJobDropped        = jsonrpc.EventJobDropped
)

type (
	// EventFilter is what a subscriber wants: types, second names and groups ("job", "worker:process") of events, of one pool or of
	// all. The zero value is everything.
	EventFilter = jsonrpc.SubscribeParams
	// Event is one thing that happened. Lost says how many before it were missed.
	Event = jsonrpc.Event
	// EventWorker names an event's worker and its process.
	EventWorker = jsonrpc.EventWorker
	// EventJob is an event's job, without params and result.
	EventJob = jsonrpc.EventJob
	// EventError is the error of an event's job, without its data.
	EventError = jsonrpc.EventError
)

// waitingEvents is how many events may wait for whoever ranges over them.
const waitingEvents = 1024

// stream is one subscription of this client's.
type stream struct {
	*mailbox[*Event]
	once sync.Once

	state  sync.Mutex // comes before the link's
	link   *link      // nil: not answered
	number int64      // of the link's subscription
	over   bool       // nobody wants it any more
}

// Events subscribes, and gives what happens from the moment it returns. The sequence can be ranged over once. It ends with an error:
// ctx's, or ErrClosed when the connection has ended, whatever the client does to have another: what happens meanwhile nobody tells; leaving the loop ends the subscription too. A loop
// that is slow misses events, and the next one says how many; it holds nothing else up.
//
// Where the sequence is not ranged over, end ctx.
func (c *Client) Events(ctx context.Context, f EventFilter) (iter.Seq2[Event, error], error) {
	s := &stream{mailbox: newMailbox[*Event](waitingEvents)}
	s.told = func(e *Event) int64 { return e.Lost }
	q := &request{method: jsonrpc.MethodSubscribe, params: f, again: true, answered: s.subscribed}
	if _, err := decode[jsonrpc.SubscribeResult](q.method)(c.do(ctx, q)); err != nil {
		s.unsubscribe()
		return nil, err
	}
	l := s.link
	stop := context.AfterFunc(ctx, func() { s.unsubscribe() })
	return func(yield func(Event, error) bool) {
		defer stop()
		defer s.unsubscribe()
		for {
			events, lost := s.take()
			for i := range events {
				events[i].Lost += lost
				lost = 0
				if ctx.Err() != nil {
					break
				}
				if !yield(*events[i], nil) {
					return
				}
			}
			if err := ctx.Err(); err != nil {
				yield(Event{}, err)
				return
			}
			if len(events) > 0 {
				continue
			}
			select {
			case <-s.ready:
			case <-ctx.Done():
			case <-l.conn.Done():
				if events, _ := s.look(); events == 0 {
					yield(Event{}, l.closed(jsonrpc.MethodSubscribe, ErrClosed))
					return
				}
			}
		}
	}, nil
}

// subscribed notes the number of a subscription, on the reader's goroutine and so before its first event.
func (s *stream) subscribed(l *link, r *jsonrpc.Response) {
	var result jsonrpc.SubscribeResult
	if r.Error != nil || json.Unmarshal(r.Result, &result) != nil {
		return
	}
	s.state.Lock()
	defer s.state.Unlock()
	s.link, s.number = l, result.Subscription
	if s.over {
		l.tellUnsubscribe(s.number)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.streams[s.number] = s
}

// unsubscribe ends a subscription; again, it does nothing.
func (s *stream) unsubscribe() {
	s.once.Do(func() {
		s.state.Lock()
		defer s.state.Unlock()
		s.over = true
		if s.link == nil {
			return
		}
		s.link.mu.Lock()
		delete(s.link.streams, s.number)
		s.link.mu.Unlock()
		s.link.tellUnsubscribe(s.number)
	})
}

// tellUnsubscribe does not wait for the answer: events that still come are dropped.
func (l *link) tellUnsubscribe(number int64) {
	params, _ := json.Marshal(jsonrpc.SubscribeResult{Subscription: number})
	_, _ = l.conn.Start(jsonrpc.MethodUnsubscribe, params, nil, func(*jsonrpc.Response) {}) // a closed connection has no subscriptions
}

// happened takes an event notification, on the reader's goroutine.
func (l *link) happened(params json.RawMessage) {
	var e Event
	if json.Unmarshal(params, &e) != nil {
		return
	}
	l.mu.Lock()
	s := l.streams[e.Subscription]
	l.mu.Unlock()
	if s != nil {
		e.Subscription = 0 // this client's own affair
		s.put(&e)
	}
}
