package server

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"sync"
	"sync/atomic"

	"github.com/whipper-sidecar/whipper/jsonrpc"
)

// maxUnread is how many messages' worth of answers may wait for a peer that does not read. The results of calls come when they come: more become
// errors. What requests read from the ledger waits instead, see beginReading.
const maxUnread = 16

// Why a request's context ends.
var (
	errRequestCancelled = errors.New("the request was cancelled by its sender")
	errPeerGone         = errors.New("the connection was closed")
	errShuttingDown     = errors.New("the supervisor is shutting down")
)

// session is one connection and its requests in flight.
type session struct {
	server *Server
	socket *net.UnixConn
	limit  int           // bytes of a frame
	slots  chan struct{} // one token per request in flight
	large  large         // those of them that are
	idle   chan struct{} // one token: the last request in flight was answered

	readers chan struct{} // one token per request that has begun to read jobs

	mu       sync.Mutex
	closing  bool
	gone     error // errPeerGone once the connection has ended
	inFlight map[*request]struct{}
	byID     map[string]*request // by the id's own bytes; of two with the same id, the later
	requests sync.WaitGroup      // Add only under mu and while not closing

	answers answers // that are found on goroutines which must not be held up

	subscriptions    map[int64]*subscription
	lastSubscription int64
	progress         progressOut
	following        atomic.Pointer[following] // the stats that the peer follows; nil: none
	pumps            sync.WaitGroup            // of subscriptions, progress and answers; Add only by requests in flight
	ending           chan struct{}             // closed when all requests are answered and no more come
}

// serveConn answers one connection until the peer closes it or the server does.
func (s *Server) serveConn(ctx context.Context, uc *net.UnixConn) {
	ctx, cancel := context.WithCancelCause(ctx)
	sess := &session{
		server:   s,
		socket:   uc,
		limit:    s.serving.Load().maxMessageSize,
		slots:    make(chan struct{}, maxInFlight),
		large:    large{less: make(chan struct{}, 1)},
		idle:     make(chan struct{}, 1),
		readers:  make(chan struct{}, maxReaders),
		inFlight: map[*request]struct{}{},
		byID:     map[string]*request{},

		subscriptions: map[int64]*subscription{},
		ending:        make(chan struct{}),
	}
	conn := jsonrpc.NewConn(halfOpen{uc, jsonrpc.NewPollReader(uc), sess}, jsonrpc.HandlerFunc(func(c *jsonrpc.Conn, r *jsonrpc.Request) { sess.receive(ctx, c, r) }),
		jsonrpc.Options{MaxMessageSize: sess.limit, MaxUnread: maxUnread * sess.limit, Batches: true})
	var owned sync.WaitGroup
	owned.Go(func() {
		<-conn.Done()
		cancel(errPeerGone)
		sess.hangUp()
	})
	select {
	case <-conn.Done():
	case <-s.closing:
	}
	sess.finish()
	_ = conn.Close() // an error here is the peer's going away
	owned.Wait()
}

// receive runs on the reader's goroutine, in the order of arrival.
func (s *session) receive(ctx context.Context, c *jsonrpc.Conn, r *jsonrpc.Request) {
	if r.Method == jsonrpc.MethodCancel && r.Notification() {
		s.cancel(r.Params)
		return
	}
	m := methods[r.Method]
	switch {
	case m == nil:
		_ = c.Cork().ReplyError(c, r, unknownMethod(r.Method), nil) // a failed reply is a closed connection, here and below
		return
	case m.intake && s.server.isDraining():
		e := jsonrpc.Errorf(jsonrpc.CodeShuttingDown, "%v", errShuttingDown)
		_ = c.Cork().ReplyError(c, r, e, m.refusedMeta)
		return
	}
	req := &request{Request: r, session: s, conn: c, method: m, size: r.Size()}
	if !s.takeSlot(ctx, req) {
		return
	}
	if m.serve != nil {
		ctx, req.cancel = context.WithCancelCause(ctx)
	}
	if !s.begin(req) {
		s.leaveSlot(req)
		req.abort(errShuttingDown)
		_ = c.Cork().ReplyError(c, r, jsonrpc.Errorf(jsonrpc.CodeShuttingDown, "%v", errShuttingDown), m.refusedMeta)
		return
	}
	if m.begin != nil {
		m.begin(s.server, req, c.Cork())
		return
	}
	go func() { // ends the request
		result, err := m.serve(ctx, s.server, req)
		req.end(nil, result, nil, err)
	}()
}

// begin records a request. False: the session is closing.
func (s *session) begin(r *request) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return false
	}
	s.requests.Add(1)
	r.cause = s.gone
	s.inFlight[r] = struct{}{}
	if !r.Notification() {
		s.byID[string(r.ID)] = r
	}
	return true
}

// end forgets a request that is answered.
func (s *session) end(r *request) {
	s.mu.Lock()
	delete(s.inFlight, r)
	if s.byID[string(r.ID)] == r {
		delete(s.byID, string(r.ID))
	}
	left := len(s.inFlight) + len(s.subscriptions)
	s.mu.Unlock()
	if left == 0 {
		s.wakeLinger()
	}
	if r.cancel != nil {
		r.cancel(nil)
	}
	r.endReading()
	s.leaveSlot(r)
	s.requests.Done()
}

// wakeLinger has the reader of a peer that has ended its own direction look whether anything is left to be sent.
func (s *session) wakeLinger() {
	if s.busy() {
		return
	}
	select {
	case s.idle <- struct{}{}:
	default:
	}
}

func (s *session) busy() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.inFlight)+len(s.subscriptions) > 0
}

// finish takes no more requests, ends those that only wait for a job, and returns when all are answered and subscribers have their
// last events.
func (s *session) finish() {
	s.mu.Lock()
	s.closing = true
	s.mu.Unlock()
	s.cancelAll(errShuttingDown, func(r *request) bool { return r.method.waits })
	s.requests.Wait()
	close(s.ending)
	s.pumps.Wait()
}

func (s *session) cancelAll(cause error, which func(*request) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for r := range s.inFlight {
		if which(r) {
			r.abort(cause)
		}
	}
}

// hangUp ends what was asked for by a peer that has gone.
func (s *session) hangUp() {
	s.mu.Lock()
	s.gone = errPeerGone
	s.mu.Unlock()
	s.cancelAll(errPeerGone, func(*request) bool { return true })
}

// cancel serves a $/cancelRequest. One for an id that is not in flight comes too late and says nothing wrong.
func (s *session) cancel(params json.RawMessage) {
	var p jsonrpc.CancelParams
	if jsonrpc.DecodeParams(params, &p) != nil {
		return // a notification has no answer
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.byID[string(p.ID)]; r != nil {
		r.abort(errRequestCancelled)
	}
}
