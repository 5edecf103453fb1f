package whipper

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"sync"
	"syscall"

	"github.com/whipper-sidecar/whipper/jsonrpc"
)

// link is one connection to a supervisor.
type link struct {
	conn *jsonrpc.Conn
	nc   *net.UnixConn // under conn

	mu      sync.Mutex
	fault   error                               // why this side gave the connection up
	streams map[int64]*stream                   // by the number of their subscription
	waiting map[uint64]*mailbox[ProgressUpdate] // by the id of their call
}

// connect connects to the socket.
func (t target) connect(ctx context.Context, maxMessageSize int) (*link, error) {
	var d net.Dialer
	nc, err := d.DialContext(ctx, "unix", t.socket)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ENOTSOCK):
		return nil, &NoSupervisorError{Dir: t.dir, Socket: t.socket, Err: err}
	case errors.Is(err, syscall.EINVAL): // the path is too long, so nothing can listen there
		return nil, &NoSupervisorError{Dir: t.dir, Socket: t.socket, Err: errTooLong}
	case err != nil:
		return nil, fmt.Errorf("connect to supervisor: %w", err)
	}
	uc := nc.(*net.UnixConn)
	if err := t.checkPeer(uc); err != nil {
		return nil, errors.Join(err, uc.Close())
	}
	l := &link{nc: uc, streams: map[int64]*stream{}, waiting: map[uint64]*mailbox[ProgressUpdate]{}}
	l.conn = jsonrpc.NewConn(socket{uc, jsonrpc.NewPollReader(uc)}, jsonrpc.HandlerFunc(l.receive),
		jsonrpc.Options{Stray: l.giveUp, MaxMessageSize: maxMessageSize, ExtraDepth: jsonrpc.AnswerDepth})
	return l, nil
}

// socket is a connection that is read from with less to do for the runtime.
type socket struct {
	*net.UnixConn
	in io.Reader // of the connection
}

func (s socket) Read(b []byte) (int, error) { return s.in.Read(b) }

// alive says whether it has not ended.
func (l *link) alive() bool {
	select {
	case <-l.conn.Done():
		return false
	default:
		return true
	}
}

// giveUp ends the connection when the supervisor could not read a request, or we an answer: which call it belonged to is unknown,
// and that call would wait for ever.
func (l *link) giveUp(frame []byte, _ int64, why string) {
	var answer struct{ Error *Error }
	l.mu.Lock()
	if json.Unmarshal(frame, &answer) == nil && answer.Error != nil {
		l.fault = answer.Error
	} else {
		l.fault = fmt.Errorf("the supervisor sent what is no answer: %s", why)
	}
	l.mu.Unlock()
	_ = l.nc.Close() // ends the connection
}

// given is why this side gave the connection up; nil: it did not.
func (l *link) given() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.fault
}

// closed is the error of those whom the end of the connection leaves without an answer.
func (l *link) closed(method string, err error) error {
	if fault := l.given(); fault != nil && errors.Is(err, ErrClosed) {
		return fmt.Errorf("%s: %w: %w", method, err, fault)
	}
	return fmt.Errorf("%s: %w", method, err)
}

// receive takes notifications, dropping those that it does not know, and refuses requests, of which this client serves none.
func (l *link) receive(conn *jsonrpc.Conn, r *jsonrpc.Request) {
	switch {
	case !r.Notification():
	case r.Method == jsonrpc.MethodEvent:
		l.happened(r.Params)
		return
	case r.Method == jsonrpc.MethodProgress:
		l.progressed(r.Params)
		return
	}
	_ = conn.ReplyError(r, jsonrpc.Errorf(jsonrpc.CodeMethodNotFound, "method %q not found", r.Method), nil)
}
