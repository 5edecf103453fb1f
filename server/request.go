package server

import (
	"context"
	"encoding/json"

	"github.com/whipper-sidecar/whipper/jsonrpc"
)

// request is one request in flight.
type request struct {
	*jsonrpc.Request
	session *session
	conn    *jsonrpc.Conn
	method  *method
	cancel  context.CancelCauseFunc // of its context; nil: it has none
	stop    func()                  // has an invoke given up; nil: not yet known. Guarded by the session's mu
	cause   error                   // why it is to end early; nil: it is not. Guarded by the session's mu
	around  func(answer func())     // answers it, with what is to be done before or after; nil: nothing is
	told    bool                    // it is answered, so no more progress is sent; guarded by the session's progress.mu
	size    int                     // bytes that it keeps
	shares  bool                    // those are of what is for all connections
	reads   bool                    // it has one of the session's tokens for readers
}

// abort has a request end early; the session's mu is held, or nobody else knows of the request. The first cause stays.
func (r *request) abort(cause error) {
	if r.cause == nil {
		r.cause = cause
	}
	if r.cancel != nil {
		r.cancel(cause)
	}
	if r.stop != nil {
		r.stop()
	}
}

// stopWith says how the request is made to end early. That may have been asked for already.
func (r *request) stopWith(stop func()) {
	r.session.mu.Lock()
	defer r.session.mu.Unlock()
	r.stop = stop
	if r.cause != nil {
		stop()
	}
}

// end answers a request, with err if it is not nil. k is the cork of the goroutine, or nil.
func (r *request) end(k *jsonrpc.Cork, result, meta json.RawMessage, err error) {
	s := r.session
	s.progress.end(r)
	s.tellStats(k, r.conn)
	if err == nil {
		r.reply(k, result, meta)
	} else {
		if meta == nil {
			meta = r.method.refusedMeta
		}
		s.mu.Lock()
		cause := r.cause
		s.mu.Unlock()
		_ = k.ReplyError(r.conn, r.Request, toError(cause, err), meta) // a failed reply is a closed connection
	}
	s.end(r)
}

func (r *request) reply(k *jsonrpc.Cork, result, meta json.RawMessage) {
	if r.around == nil {
		_ = k.Reply(r.conn, r.Request, result, meta)
		return
	}
	r.around(func() { _ = k.Reply(r.conn, r.Request, result, meta) })
}
