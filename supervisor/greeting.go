package supervisor

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/whipper-sidecar/whipper/jsonrpc"
)

// greet sends a new process what its handshake begins with. One that gets nothing is ready at once.
func (w *worker) greet() {
	hello := w.handshake.hello
	if hello.method == "" {
		w.open(jsonrpc.InitializeResult{})
		return
	}
	incarnation := w.incarnation
	id, _ := w.conn.Start(hello.method, hello.params, nil, func(r *jsonrpc.Response) {
		w.post(event{incarnation: incarnation, kind: greeted, response: r}, nil)
	}) // an error means that the process is gone, which its waiter reports
	w.helloID = id
}

// greeted takes the answer to the greeting. Where the handshake allows it, "method not found" is a bare worker's.
func (w *worker) greeted(r *jsonrpc.Response) {
	if w.state != Forking {
		return
	}
	var declared jsonrpc.InitializeResult
	method := w.handshake.hello.method
	switch {
	case r.Error != nil && r.Error.Code == jsonrpc.CodeMethodNotFound && w.handshake.bare:
	case r.Error != nil:
		w.unfit(fmt.Errorf("it answered %s with error %d: %s", method, r.Error.Code, r.Error.Message))
		return
	default:
		var err error
		if declared, err = w.handshake.declared(r.Result); err != nil {
			w.log.Warn("worker's answer to its greeting is not understood", "pid", w.process.pid, "method", method, "error", err)
			declared = jsonrpc.InitializeResult{}
		}
		if v := declared.ProtocolVersion; v > jsonrpc.ProtocolVersion {
			w.unfit(fmt.Errorf("it answered %s with protocolVersion %d, and this whipper speaks %d: use a newer whipper, or an older SDK in the worker",
				method, v, jsonrpc.ProtocolVersion))
			return
		}
	}
	w.open(declared)
}

// open says what follows the greeting. From then on the worker takes calls.
func (w *worker) open(declared jsonrpc.InitializeResult) {
	for _, m := range w.handshake.opening {
		_ = w.conn.Notify(m.method, m.params) // a broken pipe is followed by the process's end
	}
	w.ready(declared)
}

// unfit ends a process that cannot become ready.
func (w *worker) unfit(why error) {
	w.log.Error("worker cannot be used and is killed", "pid", w.process.pid, "error", why)
	w.hungUp = why
	w.endFor(endNotReady)
	w.fire(onFault)
}

// farewell says what is left to say to a process that is to end, up to the next request, whose answer continues it. Then it closes
// the process's stdin.
func (w *worker) farewell() {
	for len(w.parting) > 0 {
		m := w.parting[0]
		w.parting = w.parting[1:]
		if !m.request {
			_ = w.conn.Notify(m.method, m.params) // a broken pipe is followed by the process's end
			continue
		}
		incarnation := w.incarnation
		if _, err := w.conn.Start(m.method, m.params, nil, func(*jsonrpc.Response) {
			w.post(event{incarnation: incarnation, kind: parted}, nil)
		}); err == nil {
			return
		}
	}
	w.process.stdio.eof.Store(true)
	w.conn.CloseWrite()
}

// hurry ends a farewell that waits, once the process has been signalled to end.
func (w *worker) hurry() {
	w.parting = slices.DeleteFunc(slices.Clone(w.parting), func(m outgoing) bool { return m.request })
	w.farewell()
}

// serve gets what a process sends of its own accord, on its reader's goroutine.
func (w *worker) serve(c *jsonrpc.Conn, r *jsonrpc.Request, h *handshake, pid int, post func(event, *jsonrpc.Cork)) {
	if !r.Notification() {
		if answer := h.replies[r.Method]; answer != nil {
			_ = c.Reply(r, answer(r.Params), nil) // a closed connection is reported by itself
			return
		}
		_ = c.ReplyError(r, jsonrpc.Errorf(jsonrpc.CodeMethodNotFound, "method %q is not the supervisor's", r.Method), nil)
		return
	}
	read := h.notices[r.Method]
	if read == nil {
		w.log.Debug("worker sent an unknown notification", "pid", pid, "method", r.Method)
		return
	}
	n, ok := read(r.Params)
	switch {
	case !ok || len(n.value) > maxProgress:
	case n.value != nil, n.call != 0:
		post(event{kind: notified, notice: &n}, c.Cork())
	default:
		w.logRecord(context.Background(), &n, pid, 0)
	}
}

// logRecord logs what a process wants to have logged; job is 0 where it does not say for which, or that is over.
func (w *worker) logRecord(ctx context.Context, n *notice, pid int, job int64) {
	text, cut := n.text, 0
	if len(text) > maxLog {
		text = strings.Clone(strings.ToValidUTF8(text[:maxLog], "")) // no character is cut in two
		cut = len(n.text) - len(text)
	}
	attrs := []any{"pid", pid, "text", text}
	if cut > 0 {
		attrs = append(attrs, "cut", cut)
	}
	if job != 0 {
		attrs = append(attrs, "job", job)
	}
	w.log.Log(ctx, n.level, "worker log record", append(attrs, n.attrs...)...)
}

// maxLog is the most bytes of a log record's text that are kept, and of its attributes: two thousand records wait for a collector that hangs.
const maxLog = 64 << 10

// maxProgress is the most bytes of a progress value that is kept.
const maxProgress = 64 << 10

// noticed logs a record of a call, or keeps the call's progress and tells of it.
func (w *worker) noticed(n notice) {
	c := w.reported(n)
	switch {
	case n.value == nil && c == nil:
		w.logRecord(context.Background(), &n, w.process.pid, 0)
		return
	case n.value == nil:
		w.logRecord(c.context(), &n, w.process.pid, c.job.ID)
		return
	case c == nil:
		return
	}
	c.progress = n.value
	w.pool.tellProgress(c)
}

// reported is the call that a progress report is about, or nil.
func (w *worker) reported(n notice) *call {
	if n.token == nil {
		return w.callByID(n.call)
	}
	var named *call
	for c := range w.calls {
		switch {
		case c.phase == starting || !bytes.Equal(c.tokenAt(w.handshake.token), n.token):
		case named != nil:
			return nil // callers must not use a token twice at a time
		default:
			named = c
		}
	}
	return named
}

// tokenAt is the member of the call's params by which the worker reports progress, which the caller chose; nil: it has none. It is
// looked for once, and only if there is any report.
func (c *call) tokenAt(path []string) json.RawMessage {
	if c.token == nil {
		c.token = json.RawMessage{}
		value := json.RawMessage(c.job.Params)
		for _, name := range path {
			var members map[string]json.RawMessage
			if json.Unmarshal(value, &members) != nil {
				return c.token
			}
			value = members[name]
		}
		c.token = append(c.token, value...)
	}
	return c.token
}
