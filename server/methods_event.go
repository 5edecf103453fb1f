package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/supervisor"
)

const (
	maxSubscriptions = 16 // of one connection
	eventsAtOnce     = 16
	lastEvents       = time.Second // for a peer to take its last events in
)

// subscription is one of a connection's, and the goroutine that sends its events.
type subscription struct {
	id     int64
	events *supervisor.Subscription
	stop   chan struct{} // closed by whoever takes it out of the session
	done   chan struct{} // closed when the last event is sent
}

func (s *Server) subscribe(_ context.Context, r *request, p jsonrpc.SubscribeParams) (jsonrpc.SubscribeResult, error) {
	if p.Pool != "" {
		if _, err := s.pools().named(p.Pool); err != nil {
			return jsonrpc.SubscribeResult{}, err
		}
	}
	filter := supervisor.EventFilter{Types: p.Types, Pool: p.Pool}
	if p.Subscription != 0 {
		return s.resubscribe(r, p, filter)
	}
	events, err := s.opts.Events.Subscribe(filter)
	if err != nil {
		return jsonrpc.SubscribeResult{}, unknownEvent(p.Types, err)
	}
	sub := &subscription{events: events, stop: make(chan struct{}), done: make(chan struct{})}
	if !r.session.add(sub) {
		events.Close()
		return jsonrpc.SubscribeResult{}, jsonrpc.Errorf(jsonrpc.CodeInvalidArgument,
			"this connection has %d subscriptions, as many as one may have; unsubscribe, or connect again", maxSubscriptions)
	}
	r.around = func(answer func()) {
		answer()
		r.session.pumps.Go(func() { r.session.pump(r.conn, sub) })
	}
	return jsonrpc.SubscribeResult{Subscription: sub.id}, nil
}

// resubscribe changes what a subscription wants: no event is missed or told twice, and the order stays.
func (s *Server) resubscribe(r *request, p jsonrpc.SubscribeParams, f supervisor.EventFilter) (jsonrpc.SubscribeResult, error) {
	sub := r.session.subscription(p.Subscription)
	if sub == nil {
		return jsonrpc.SubscribeResult{}, noSubscription(p.Subscription)
	}
	if err := s.opts.Events.Change(sub.events, f); err != nil {
		return jsonrpc.SubscribeResult{}, unknownEvent(p.Types, err)
	}
	return jsonrpc.SubscribeResult{Subscription: sub.id}, nil
}

func unknownEvent(types []string, err error) error {
	var unknown *supervisor.UnknownEventError
	if errors.As(err, &unknown) {
		return invalid(fmt.Sprintf("types[%d]", slices.Index(types, unknown.Type)), "%v", err)
	}
	return err
}

func noSubscription(id int64) error {
	return jsonrpc.Errorf(jsonrpc.CodeNotFound, "this connection has no subscription %d", id)
}

// unsubscribe answers when no more events of the subscription will come.
func (s *Server) unsubscribe(ctx context.Context, r *request, p jsonrpc.SubscribeResult) (struct{}, error) {
	sub := r.session.remove(p.Subscription)
	if sub == nil {
		return struct{}{}, noSubscription(p.Subscription)
	}
	close(sub.stop)
	select {
	case <-sub.done:
		return struct{}{}, nil
	case <-ctx.Done():
		return struct{}{}, ctx.Err()
	}
}

// add takes a subscription on and gives it its number. False: there are too many.
func (s *session) add(sub *subscription) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.subscriptions) >= maxSubscriptions {
		return false
	}
	s.lastSubscription++
	sub.id = s.lastSubscription
	s.subscriptions[sub.id] = sub
	return true
}

// subscription gives the one of that number, or nil.
func (s *session) subscription(id int64) *subscription {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.subscriptions[id]
}

// remove takes a subscription out and gives it, or nil.
func (s *session) remove(id int64) *subscription {
	s.mu.Lock()
	sub := s.subscriptions[id]
	delete(s.subscriptions, id)
	s.mu.Unlock()
	s.wakeLinger()
	return sub
}

// pump sends a subscription's events, as fast as the peer takes them, until the subscription or the connection ends. When the server
// ends, the peer gets those that are left, if it takes them soon.
func (s *session) pump(c *jsonrpc.Conn, sub *subscription) {
	defer close(sub.done)
	defer sub.events.Close()
	ending := s.ending
	var deadline <-chan time.Time
	for {
		select {
		case <-sub.stop:
			return
		default:
		}
		events := sub.events.Take(eventsAtOnce)
		if len(events) == 0 && ending == nil {
			return
		}
		if len(events) == 0 {
			select {
			case <-sub.events.Ready():
			case <-ending:
				ending, deadline = nil, time.After(lastEvents)
			case <-sub.stop:
				return
			case <-c.Done():
				return
			}
			continue
		}
		for i := range events {
			for room := c.Room(roomForNotes); room != nil; room = c.Room(roomForNotes) {
				select {
				case <-room:
				case <-ending:
					ending, deadline = nil, time.After(lastEvents)
				case <-deadline:
					return
				case <-sub.stop:
					return
				case <-c.Done():
					return
				}
			}
			s.tellStats(nil, c)
			events[i].Subscription = sub.id
			params, err := jsonrpc.Encode(events[i])
			if err != nil || c.Notify(jsonrpc.MethodEvent, params) != nil {
				return // closed: an event can always be encoded
			}
		}
	}
}
