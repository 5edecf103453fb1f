package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/whipper-sidecar/whipper/jsonrpc"
)

// acceptPause bounds the wait after a failed accept, as when the process is out of descriptors.
const acceptPause = time.Second

// Server answers the requests of all connections of one socket. Use New; Serve runs it once.
type Server struct {
	opts    Options
	serving atomic.Pointer[serving]
	started time.Time
	now     func() time.Time
	large   *semaphore.Weighted // bytes that large requests may hold, see maxHeldByAll

	draining chan struct{} // closed: no new work is taken
	closing  chan struct{} // closed: what waits for a job stops waiting, nothing new is taken
}

// serving is what a server answers for at the moment.
type serving struct {
	pools          pools
	maxMessageSize int
}

// New makes a server; Serve reports what is wrong with the options.
func New(o Options) *Server {
	o = o.withDefaults()
	s := &Server{
		opts:     o,
		started:  time.Now(),
		now:      time.Now,
		large:    semaphore.NewWeighted(int64(o.MaxHeld)),
		draining: make(chan struct{}),
		closing:  make(chan struct{}),
	}
	s.SetPools(o.Pools, o.MaxMessageSize)
	return s
}

// SetPools has other pools take the work from now on, and connections that are made from now on have that limit. What was handed to
// a pool that is not among them stays with it.
func (s *Server) SetPools(pools []Pool, maxMessageSize int) {
	s.serving.Store(&serving{pools, maxMessageSize})
}

// pools are those that take the work.
func (s *Server) pools() pools { return s.serving.Load().pools }

// Serve answers connections from l until ctx ends. It then closes l and refuses new work, while requests that only read are
// still answered; once the pools have drained it answers what is in flight, closes the connections and returns nil.
// l's connections must be *net.UnixConn. The calls in flight end when the pools give them an outcome, so the caller must drain
// the pools at the same time.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	if err := s.opts.validate(); err != nil {
		return fmt.Errorf("server options: %w", err)
	}
	var owned sync.WaitGroup
	owned.Go(func() { s.shutdown(ctx, l) })
	for pause := time.Millisecond; ; {
		nc, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			break
		}
		if err != nil {
			s.opts.Logger.Error("accept on socket", "error", err, "pause", pause)
			s.sleep(pause)
			pause = min(2*pause, acceptPause)
			continue
		}
		pause = time.Millisecond
		uc, ok := nc.(*net.UnixConn)
		if !ok || !s.trusts(uc) {
			_ = nc.Close() // there is nobody to tell
			continue
		}
		owned.Go(func() { s.serveConn(context.WithoutCancel(ctx), uc) })
	}
	owned.Wait()
	return nil
}

// shutdown follows the drain and ends the accept loop.
func (s *Server) shutdown(ctx context.Context, l net.Listener) {
	<-ctx.Done()
	close(s.draining)
	if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		s.opts.Logger.Error("close socket", "error", err)
	}
	if s.opts.PoolsDrained != nil {
		<-s.opts.PoolsDrained
	}
	close(s.closing)
}

// trusts says whether the peer is our own user or root.
func (s *Server) trusts(c *net.UnixConn) bool {
	uid, err := jsonrpc.PeerUID(c)
	if err != nil {
		s.opts.Logger.Warn("peer refused: its user is unknown", "error", err)
		return false
	}
	if uid != 0 && uid != uint32(os.Geteuid()) {
		s.opts.Logger.Warn("peer refused: it runs as another user", "uid", uid)
		return false
	}
	return true
}

// sleep pauses for d, or until the drain begins.
func (s *Server) sleep(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-s.draining:
	}
}

func (s *Server) isDraining() bool {
	select {
	case <-s.draining:
		return true
	default:
		return false
	}
}
