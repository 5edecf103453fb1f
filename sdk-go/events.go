package whipper

import (
	"context"
	"encoding/json"
	"fmt"
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
	once   sync.Once
	number int64 // 0: not answered; guarded by the client's mutex
	over   bool  // nobody wants it any more; guarded by the client's mutex
}

// Events subscribes, and gives what happens from the moment it returns. The sequence can be ranged over once. It ends with an error:
// ctx's, or ErrClosed when the supervisor has ended or the client was closed; leaving the loop ends the subscription too. A loop
// that is slow misses events, and the next one says how many; it holds nothing else up.
//
// Where the sequence is not ranged over, end ctx.
func (c *Client) Events(ctx context.Context, f EventFilter) (iter.Seq2[Event, error], error) {
	params, err := jsonrpc.Encode(f)
	if err != nil {
		return nil, fmt.Errorf("encode the filter of events: %w", err)
	}
	s := &stream{mailbox: newMailbox[*Event](waitingEvents)}
	r, err := c.sendRaw(ctx, jsonrpc.MethodSubscribe, params, jsonrpc.Hooks{Answered: func(r *jsonrpc.Response) { c.subscribed(s, r) }})
	if err == nil && r.Error != nil {
		err = r.Error
	}
	if err != nil {
		c.unsubscribe(s)
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { c.unsubscribe(s) })
	return func(yield func(Event, error) bool) {
		defer stop()
		defer c.unsubscribe(s)
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
			case <-c.conn.Done():
				if events, _ := s.look(); events == 0 {
					yield(Event{}, c.closed(jsonrpc.MethodSubscribe, ErrClosed))
					return
				}
			}
		}
	}, nil
}

// subscribed notes the number of a subscription, on the reader's goroutine and so before its first event.
func (c *Client) subscribed(s *stream, r *jsonrpc.Response) {
	var result jsonrpc.SubscribeResult
	if r.Error != nil || json.Unmarshal(r.Result, &result) != nil {
		return
	}
	c.mu.Lock()
	s.number = result.Subscription
	over := s.over
	if !over {
		c.streams[s.number] = s
	}
	c.mu.Unlock()
	if over {
		c.tellUnsubscribe(s.number)
	}
}

// unsubscribe ends a subscription; again, it does nothing.
func (c *Client) unsubscribe(s *stream) {
	s.once.Do(func() {
		c.mu.Lock()
		s.over = true
		number := s.number
		delete(c.streams, number)
		c.mu.Unlock()
		if number != 0 {
			c.tellUnsubscribe(number)
		}
	})
}

// tellUnsubscribe does not wait for the answer: events that still come are dropped.
func (c *Client) tellUnsubscribe(number int64) {
	params, _ := json.Marshal(jsonrpc.SubscribeResult{Subscription: number})
	_, _ = c.conn.Start(jsonrpc.MethodUnsubscribe, params, nil, func(*jsonrpc.Response) {}) // a closed connection has no subscriptions
}

// happened takes an event notification, on the reader's goroutine.
func (c *Client) happened(params json.RawMessage) {
	var e Event
	if json.Unmarshal(params, &e) != nil {
		return
	}
	c.mu.Lock()
	s := c.streams[e.Subscription]
	c.mu.Unlock()
	if s != nil {
		e.Subscription = 0 // this client's own affair
		s.put(&e)
	}
}
