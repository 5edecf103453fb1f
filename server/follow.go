package server

import (
	"sync"
	"time"

	"github.com/whipper-sidecar/whipper/jsonrpc"
)

// followEvery is how long a change of stats that comes with no answer and no event may stay untold.
const followEvery = 100 * time.Millisecond

// following is a pool whose stats a peer keeps a copy of.
type following struct {
	pool Pool

	mu   sync.Mutex // held from the look to the notification, so that a newer one is never followed by an older one
	told jsonrpc.PoolStats
}

// follow has the peer told of a pool's stats, instead of those that it followed before, until the connection ends.
func (s *session) follow(c *jsonrpc.Conn, f *following) {
	if s.following.Swap(f) == nil {
		s.pumps.Go(func() { s.keepTelling(c) })
	}
}

// keepTelling tells of changes that no answer follows.
func (s *session) keepTelling(c *jsonrpc.Conn) {
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if c.Room(roomForNotes) == nil {
				s.tellStats(c)
			}
		case <-s.ending:
			s.tellStats(c)
			return
		case <-c.Done():
			return
		}
	}
}

// tellStats tells the peer of the stats that it follows, if they have changed. It comes before each answer and event, so that who has
// those finds them counted.
func (s *session) tellStats(c *jsonrpc.Conn) {
	f := s.following.Load()
	if f == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.pool.Stats()
	if now == f.told {
		return
	}
	f.told = now
	if params, err := jsonrpc.Encode(jsonrpc.StatsNote{Pool: f.pool.Name(), Stats: now}); err == nil {
		_ = c.Notify(jsonrpc.MethodStatsNote, params) // a failed one is a closed connection
	}
}
