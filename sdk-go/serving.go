package whipper

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/whipper-sidecar/whipper/jsonrpc"
)

// lastMoments is how long methods may go on after the supervisor has gone.
const lastMoments = 3 * time.Second

// answerOverhead is the bytes of an answer beside its id and its result.
const answerOverhead = len(`{"jsonrpc":"2.0","id":,"result":}`)

// errSupervisorGone is the cause of a method's context that has ended because nobody waits for its answer.
var errSupervisorGone = errors.New("the supervisor is gone")

// serving is a worker at work. Its goroutines are those of the calls, and the connection's.
type serving struct {
	Server
	names []string
	spans map[string][]trace.SpanStartOption // by method
	base  context.Context                    // of all calls
	conn  *jsonrpc.Conn
	limit int            // bytes of a message
	calls sync.WaitGroup // Add only under mu and while not declining

	shutdown chan struct{} // closed by $/shutdown
	once     sync.Once

	mu        sync.Mutex
	declining bool            // no call begins any more
	running   map[string]*run // by id
}

// run is one call that is served.
type run struct {
	call      *Call
	request   *jsonrpc.Request
	cancel    context.CancelCauseFunc
	cancelled atomic.Bool
	span      trace.Span // of its goroutine
}

// timeoutNews is how long the supervisor's word is waited for when a deadline has passed.
const timeoutNews = time.Second

// awaitTimeout waits for the supervisor to say that the call's time is over, as its clock has it. An error that comes of the deadline
// must not be quicker than that, or it would count as the method's own.
func awaitTimeout(ctx context.Context) {
	news := time.NewTimer(timeoutNews)
	defer news.Stop()
	select {
	case <-ctx.Done():
	case <-news.C:
	}
}

// atWork is the worker that this process is, for log records that belong to no call; nil: none.
var atWork atomic.Pointer[serving]

func (s Server) serve(ctx context.Context, w *wire, limit int) error {
	base, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	v := &serving{
		Server:   s,
		names:    slices.Sorted(maps.Keys(s.Methods)),
		spans:    map[string][]trace.SpanStartOption{},
		base:     base,
		limit:    limit,
		shutdown: make(chan struct{}),
		running:  map[string]*run{},
	}
	for _, name := range v.names {
		v.spans[name] = spanOptions(name)
	}
	ready := make(chan struct{})
	v.conn = jsonrpc.NewConn(w, jsonrpc.HandlerFunc(func(_ *jsonrpc.Conn, r *jsonrpc.Request) {
		<-ready
		v.receive(r)
	}), jsonrpc.Options{MaxMessageSize: limit})
	atWork.Store(v)
	defer atWork.Store(nil)
	close(ready)

	select {
	case <-ctx.Done():
	case <-v.shutdown:
	case <-w.ended:
	case <-v.conn.Done(): // it cannot be written to
	}
	v.decline()
	done := make(chan struct{})
	go func() { // left to the end of the process where a method does not return
		v.calls.Wait()
		close(done)
	}()
	select {
	case <-done:
		v.flush()
	case <-v.gone(w):
		cancel(errSupervisorGone)
		moment := time.NewTimer(lastMoments)
		defer moment.Stop()
		select {
		case <-done:
		case <-moment.C:
		}
	}
	_ = v.conn.Close() // the supervisor may be gone: nobody is left to be told
	close(w.hold)
	return nil
}

// gone gives a channel that is closed when nobody wants the answers any more. The input may end after $/shutdown, but not before.
func (v *serving) gone(w *wire) <-chan struct{} {
	gone := make(chan struct{})
	go func() { // ends with the connection
		defer close(gone)
		select {
		case <-w.ended:
			select {
			case <-v.shutdown: // it came before
				<-v.conn.Done()
			default:
			}
		case <-v.conn.Done():
		}
	}()
	return gone
}

// flush has the answers written.
func (v *serving) flush() {
	for room := v.conn.Room(1); room != nil; room = v.conn.Room(1) {
		select {
		case <-room:
		case <-v.conn.Done():
		}
	}
}

// decline has no more calls begin.
func (v *serving) decline() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.declining = true
}

// receive runs on the reader's goroutine.
func (v *serving) receive(r *jsonrpc.Request) {
	switch r.Method { // an answer that cannot be sent is the supervisor's end, here and below
	case jsonrpc.MethodInitialize:
		_ = v.conn.Reply(r, v.declaration(), nil)
		return
	case jsonrpc.MethodPing:
		_ = v.conn.Reply(r, nil, nil)
		return
	case jsonrpc.MethodCancel:
		v.cancel(r.Params)
		return
	case jsonrpc.MethodShutdown:
		v.once.Do(func() { close(v.shutdown) })
		return
	}
	m, ok := v.Methods[r.Method]
	switch {
	case !ok:
		_ = v.conn.ReplyError(r, v.unknown(r.Method), nil)
	case !v.begin(r, m):
		_ = v.conn.ReplyError(r, jsonrpc.Errorf(jsonrpc.CodeShuttingDown, "the worker is shutting down"), nil)
	}
}

func (v *serving) declaration() json.RawMessage {
	result := jsonrpc.InitializeResult{
		ProtocolVersion: jsonrpc.ProtocolVersion, Name: v.Name, Version: v.Version, Concurrency: v.Concurrency,
	}
	for _, name := range v.names {
		result.Methods = append(result.Methods, jsonrpc.WorkerMethod{Name: name})
	}
	raw, _ := jsonrpc.Encode(result) // of strings and numbers only
	return raw
}

func (v *serving) unknown(name string) *jsonrpc.Error {
	e := jsonrpc.Errorf(jsonrpc.CodeMethodNotFound, "method %q not found", name)
	if !strings.HasPrefix(name, "$/") {
		e.Data, _ = jsonrpc.Encode(jsonrpc.ErrorData{Type: "MethodNotFoundError", Methods: v.names}) // of strings only
	}
	return e
}

func (v *serving) cancel(params json.RawMessage) {
	var p jsonrpc.CancelParams
	if len(params) == 0 || json.Unmarshal(params, &p) != nil || p.ID == nil {
		return
	}
	v.mu.Lock()
	r := v.running[idKey(p.ID)]
	v.mu.Unlock()
	if r != nil {
		r.cancelled.Store(true)
		r.cancel(errCallCancelled)
	}
}

// begin serves a call on a goroutine of its own. The supervisor sends no more than were declared. False: the call is declined.
func (v *serving) begin(r *jsonrpc.Request, m Method) bool {
	c := &Call{Method: r.Method, id: r.ID, conn: v.conn, over: &atomic.Bool{}}
	var meta callMeta
	if len(r.Meta) > 0 && json.Unmarshal(r.Meta, &meta) == nil {
		c.Job, c.Attempt, c.Deadline = meta.Job, meta.Attempt, meta.Deadline.Time
	}
	ctx, cancel := context.WithCancelCause(context.WithValue(withTrace(v.base, meta.Trace), callKey{}, c))
	one := &run{call: c, request: r, cancel: cancel}
	key := idKey(r.ID)
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.declining {
		cancel(nil)
		return false
	}
	if r.ID != nil {
		v.running[key] = one
	}
	v.calls.Go(func() {
		var result json.RawMessage
		err := errExited
		spanned, span := startSpan(ctx, c, v.spans[c.Method])
		one.span = span
		defer func() { v.answer(ctx, one, result, err) }() // whatever the method does to its goroutine
		result, err = m.serve(spanned, c.Deadline, r.Params)
	})
	return true
}

// answer ends a call.
func (v *serving) answer(ctx context.Context, one *run, result json.RawMessage, err error) {
	c, r := one.call, one.request
	if err != nil && !c.Deadline.IsZero() && !time.Now().Before(c.Deadline) {
		awaitTimeout(ctx)
	}
	c.over.Store(true)
	one.cancel(nil)
	key := idKey(r.ID)
	v.mu.Lock()
	if v.running[key] == one {
		delete(v.running, key)
	}
	v.mu.Unlock()
	var e *jsonrpc.Error
	switch {
	case err == nil && len(result)+len(r.ID)+answerOverhead > v.limit:
		e = tooLarge(len(result), v.limit)
	case err == nil:
	case one.cancelled.Load():
		e = jsonrpc.Errorf(jsonrpc.CodeRequestCancelled, "%v", err)
	default:
		e = failure(err)
	}
	endSpan(one.span, e)
	if e != nil {
		_ = v.conn.ReplyError(r, e, nil)
	} else {
		_ = v.conn.Reply(r, result, nil)
	}
}

// serve calls the function, with a context that ends at the deadline if there is one. A panic is an error.
func (m Method) serve(ctx context.Context, deadline time.Time, params json.RawMessage) (result json.RawMessage, err error) {
	if !deadline.IsZero() {
		var stop context.CancelFunc
		ctx, stop = context.WithDeadline(ctx, deadline)
		defer stop()
	}
	defer func() {
		if value := recover(); value != nil {
			result, err = nil, caught(value)
		}
	}()
	return m.call(ctx, params)
}
