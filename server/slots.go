package server

import (
	"context"
	"sync/atomic"
	"time"
)

// maxInFlight is how many requests of one connection are served at once; while there are so many, nothing more is read from it.
const maxInFlight = 4096

// maxHeld is how many bytes the large requests of one connection may hold that are in flight, but for one request, which may have any
// size that a message may have. A further one waits, and nothing more is read from it meanwhile.
const maxHeld = 32 << 20

// maxHeldByAll is how many bytes the large requests of all connections may hold, but for one of each connection: whatever others do, it is served
// one after the other.
const maxHeldByAll = 256 << 20

// maxSmall is how many bytes a request may hold and not count as large: maxInFlight bounds those. So whoever has large calls under way can still
// ping, read and cancel them.
const maxSmall = 4 << 10

// large is what a connection's large requests in flight hold. Only the connection's reader adds to it.
type large struct {
	held  atomic.Int64  // bytes
	alone atomic.Bool   // one of them is there that takes nothing of what is for all connections
	less  chan struct{} // one token: they hold less, or have got more of what is for all
}

// takeSlot waits until fewer than maxInFlight requests are in flight, and there is room for another. False: the connection ended first.
func (s *session) takeSlot(ctx context.Context, r *request) bool {
	select {
	case s.slots <- struct{}{}:
	default:
		if !s.await(ctx, r, s.slots, nil) {
			return false
		}
	}
	if r.size > maxSmall && !s.takeRoom(ctx, r) {
		<-s.slots
		return false
	}
	return true
}

// takeRoom waits until there is room for a large request.
func (s *session) takeRoom(ctx context.Context, r *request) bool {
	l, n := &s.large, int64(r.size)
	for {
		held := l.held.Load()
		switch {
		case held > 0 && held+n > maxHeld:
			if !s.await(ctx, r, nil, l.less) {
				return false
			}
			continue
		case l.alone.CompareAndSwap(false, true):
		default:
			var ok bool
			if r.shares, ok = s.takeShare(ctx, r); !ok {
				return false
			} else if !r.shares {
				continue
			}
		}
		l.held.Add(n)
		return true
	}
}

// takeShare waits until there is room in what is for all connections, or anything has changed on this one.
func (s *session) takeShare(ctx context.Context, r *request) (taken, ok bool) {
	all, n := s.server.large, int64(r.size)
	if all.TryAcquire(n) {
		return true, true
	}
	ctx, cancel := context.WithCancel(ctx)
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		taken = all.Acquire(ctx, n) == nil
		s.large.ring()
	}()
	ok = s.await(ctx, r, nil, s.large.less)
	cancel()
	<-asked
	if taken && !ok {
		all.Release(n)
	}
	return taken, ok
}

func (l *large) ring() {
	select {
	case l.less <- struct{}{}:
	default: // nobody has looked since the last
	}
}

// leaveSlot gives back what takeSlot has taken.
func (s *session) leaveSlot(r *request) {
	<-s.slots
	if r.size <= maxSmall {
		return
	}
	if r.shares {
		s.server.large.Release(int64(r.size))
	} else {
		s.large.alone.Store(false)
	}
	s.large.held.Add(-int64(r.size))
	s.large.ring()
}

// await waits until it could send to put or receive from take. False: the connection ended first.
func (s *session) await(ctx context.Context, r *request, put chan<- struct{}, take <-chan struct{}) bool {
	r.conn.Cork().Release() // before it waits
	check := time.NewTicker(hangUpCheck)
	defer check.Stop()
	for {
		select {
		case put <- struct{}{}:
			return true
		case <-take:
			return true
		case <-ctx.Done():
			return false
		case <-check.C:
			if hungUp(s.socket) {
				s.cancelAll(errPeerGone, func(*request) bool { return true })
				_ = s.socket.Close() // ends the connection
				return false
			}
		}
	}
}
