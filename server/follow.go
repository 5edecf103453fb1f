package server

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/whipper-sidecar/whipper/jsonrpc"
)

// followEvery is how long a change of stats that comes with no answer and no event may stay untold.
const followEvery = 100 * time.Millisecond

// following is a pool whose stats a peer keeps a copy of.
type following struct {
	pool    Pool
	over    chan struct{} // closed when the peer follows something else
	version atomic.Uint64 // of the pool's stats, as far as the peer has been told of it

	mu   sync.Mutex // held from the look to the notification, so that a newer one is never followed by an older one
	told jsonrpc.PoolStats
}

// newFollowing looks at a pool's stats; told is what the peer is to be answered.
func newFollowing(p Pool) *following {
	f := &following{pool: p, over: make(chan struct{})}
	f.version.Store(p.StatsVersion())
	f.told = p.Stats()
	return f
}

// follow has the peer told of a pool's stats, instead of those that it followed before, until the connection ends. answer sends those that
// it begins with: nothing is told before it, and whatever is answered after it finds the peer a follower.
func (s *session) follow(c *jsonrpc.Conn, f *following, answer func()) {
	f.mu.Lock()
	before := s.following.Swap(f)
	answer()
	f.mu.Unlock()
	if before != nil {
		close(before.over)
	}
	s.pumps.Go(func() { s.keepTelling(c, f) })
}

// keepTelling tells of changes that no answer and no event follows soon. While nothing changes it sleeps.
func (s *session) keepTelling(c *jsonrpc.Conn, f *following) {
	for comes(f.pool.StatsAfter(f.version.Load()), s, c, f) && comes(time.After(followEvery), s, c, f) {
		for room := c.Room(roomForNotes); room != nil && comes(room, s, c, f); room = c.Room(roomForNotes) {
		}
		s.tellStats(nil, c)
	}
	s.tellStats(nil, c)
}

// comes waits for news. False: nobody follows any more.
func comes[T any](news <-chan T, s *session, c *jsonrpc.Conn, f *following) bool {
	select {
	case <-news:
		return true
	case <-s.ending:
	case <-f.over:
	case <-c.Done():
	}
	return false
}

// tellStats tells the peer of the stats that it follows, if they have changed. It comes before each answer and event, so that who has
// those finds them counted, and goes to the same cork, if any.
func (s *session) tellStats(k *jsonrpc.Cork, c *jsonrpc.Conn) {
	if f := s.following.Load(); f != nil && f.version.Load() != f.pool.StatsVersion() {
		f.tell(k, c)
	}
}

func (f *following) tell(k *jsonrpc.Cork, c *jsonrpc.Conn) {
	f.mu.Lock()
	defer f.mu.Unlock()
	version := f.pool.StatsVersion()
	if now := f.pool.Stats(); now != f.told {
		f.told = now
		if params, err := jsonrpc.Encode(jsonrpc.StatsNote{Pool: f.pool.Name(), Stats: now}); err == nil {
			_ = k.Notify(c, jsonrpc.MethodStatsNote, params) // a failed one is a closed connection
		}
	}
	f.version.Store(version) // last: who sees it may answer at once
}
