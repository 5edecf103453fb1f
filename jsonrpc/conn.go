package jsonrpc

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sourcegraph/jsonrpc2"
)

// ErrClosed is what calls and writes on a connection that has ended give.
var ErrClosed = errors.New("connection is closed")

// Options of a Conn. The zero value is a client's.
type Options struct {
	// Framing is how messages are told apart, in both directions; "": NDJSON.
	Framing Framing

	// MaxMessageSize is the most bytes one frame may have, in either direction, its line end or headers not counted;
	// 0: DefaultMaxMessageSize.
	MaxMessageSize int

	// ExtraDepth is how many levels beyond MaxDepth a message from the peer may nest: AnswerDepth where it answers with the payloads of jobs.
	ExtraDepth int

	// MaxBuffered is how many bytes of answers may wait for the peer before nothing more is read from it;
	// 0: 4 × MaxMessageSize. Calls and notifications of ours are not held back: their number is for the caller to bound.
	MaxBuffered int

	// MaxUnread is how many bytes of answers may wait for the peer, or for the rest of their batch, before further ones but small ones become
	// an error that says so; 0: any number. It bounds what requests that were taken on before MaxBuffered was reached can bring.
	MaxUnread int

	// StallTimeout ends the connection when the peer takes no byte for so long; 0: never.
	StallTimeout time.Duration

	// Stray gets every frame that is not a message, and every line that is in none, with the code and the words that say why; of a frame that is too large,
	// its beginning and its end. Answers to no call of ours are stray as well, with CodeStrayAnswer unless they are too
	// large: they may hold a payload, which is nobody's to log. The bytes are the receiver's. It runs on the reader's goroutine. Nil: the peer gets an error answer, with the request's id where that can be told, else with a null
	// id; an answer is never answered.
	Stray func(frame []byte, code int64, why string)

	// WriteFailed is told, once and from the writer's goroutine, that the peer can no longer be written to; the other direction
	// goes on. It must not call Close, which waits for it. Nil: the connection is closed, after what the peer had written
	// by then has been read.
	WriteFailed func(error)

	// Framed is told each frame that will be written, in their order: the id of the call in it, 0 for other messages, and its bytes.
	// It runs under a lock and must do no more than to take note. Nil: nobody is told.
	Framed func(call uint64, size int)

	// Batches has batches of requests accepted and answered.
	Batches bool
}

// Handler gets requests and notifications in the order in which they came, on the reader's goroutine: while it runs
// nothing else is read.
type Handler interface {
	ServeRPC(c *Conn, r *Request)
}

// HandlerFunc is a function as a Handler.
type HandlerFunc func(c *Conn, r *Request)

// ServeRPC calls f.
func (f HandlerFunc) ServeRPC(c *Conn, r *Request) { f(c, r) }

// Conn is one end of a connection. Its methods may be called from any goroutine.
type Conn struct {
	rw     io.ReadWriteCloser
	opts   Options
	stream *stream
	rpc    *jsonrpc2.Conn
	lastID atomic.Uint64
	calls  calls
	inPart atomic.Int64   // bytes of answers to batches that are not whole
	owned  sync.WaitGroup // the writer's goroutine

	end   sync.Once
	cause error // why the connection ended; set before Done is closed
}

// NewConn speaks on rw, which it owns from then on, until either side closes it. Closing rw must end a Read and a Write
// under way. StallTimeout needs a SetWriteDeadline method of rw's, CloseWrite one of that name.
func NewConn(rw io.ReadWriteCloser, h Handler, o Options) *Conn {
	if o.MaxMessageSize == 0 {
		o.MaxMessageSize = DefaultMaxMessageSize
	}
	if o.MaxBuffered == 0 {
		o.MaxBuffered = 4 * o.MaxMessageSize
	}
	c := &Conn{rw: rw, opts: o}
	s := &stream{
		conn:    c,
		started: make(chan struct{}),
		out:     newWriter(rw, o),
	}
	s.frames = o.Framing.reader(uncorking{rw, &s.cork}, o.MaxMessageSize)
	c.stream = s
	c.owned.Go(c.write)
	c.rpc = jsonrpc2.NewConn(context.Background(), s,
		handlerFunc(func() {
			h.ServeRPC(c, s.received())
		}),
		jsonrpc2.SetLogger(log.New(io.Discard, "", 0))) // it would log to stderr what stray and Done report
	close(s.started)
	return c
}

// handlerFunc is the library's handler: the message itself is in the stream.
type handlerFunc func()

func (f handlerFunc) Handle(context.Context, *jsonrpc2.Conn, *jsonrpc2.Request) { f() }

// Cork is that of the connection's reader: a handler, or who gets an answer, may add frames to it for any connection. They are written
// when all that the peer's last bytes held has been handled, or a few dozen messages of it.
func (c *Conn) Cork() *Cork { return &c.stream.cork }

// Start sends a call and returns its id, which counts from 1. done gets the answer on the reader's goroutine, perhaps
// before Start returns; it is not called if the connection ends first, which Done tells. Params, here and elsewhere, and results must not
// change any more: large ones are not copied. meta may be used again when Start returns.
func (c *Conn) Start(method string, params, meta json.RawMessage, done func(*Response)) (id uint64, err error) {
	return (*Cork)(nil).Start(c, method, params, meta, done)
}

func (c *Conn) start(k *Cork, id uint64, method string, params, meta json.RawMessage, done func(*Response)) error {
	c.calls.add(id, done)
	err := c.send(k, outgoing{id: id, method: method, params: params, meta: meta})
	if err != nil {
		c.calls.take(id)
	}
	return err
}

// Forget gives up a call whose answer will not come, or could not be read. An answer that comes after all is stray.
func (c *Conn) Forget(id uint64) { c.calls.take(id) }

// Notify sends a notification.
func (c *Conn) Notify(method string, params json.RawMessage) error {
	return (*Cork)(nil).Notify(c, method, params)
}

// send adds a message to the writer's buffer, and has it written when k is released.
func (c *Conn) send(k *Cork, m outgoing) error {
	err := c.add(m)
	if err == nil {
		k.hold(c)
	}
	var tooLarge *overLimit
	if errors.As(err, &tooLarge) {
		return Errorf(CodeMessageTooLarge, "%v", err)
	}
	return err
}

// add hands a message to the library, which gives the stream its turn.
func (c *Conn) add(m outgoing) error {
	s := c.stream
	s.sending.Lock()
	defer s.sending.Unlock()
	s.message = m
	err := c.rpc.SendResponse(context.Background(), &s.stubs.sent)
	s.message = outgoing{}
	return closedError(err)
}

// Room gives nil if fewer than limit bytes wait for the peer to take them, or the connection has ended, and else a channel that is
// closed when it is worth asking again. It is for those who send notifications, which nothing else holds back.
func (c *Conn) Room(limit int) <-chan struct{} { return c.stream.out.roomBelow(limit) }

// Done is closed when the connection has ended, whoever ended it.
func (c *Conn) Done() <-chan struct{} { return c.rpc.DisconnectNotify() }

// Err says why the connection ended: io.EOF when the peer closed it, ErrClosed after Close, ErrStalled for a peer that does
// not read, or what reading or writing gave. It is nil while the connection lives.
func (c *Conn) Err() error {
	select {
	case <-c.Done():
		return c.cause
	default:
		return nil
	}
}

// Close ends the connection. What is buffered is written first, for at most a second. It waits for the writer; a handler
// that is running, from which it may be called, is not waited for. On a connection that has ended it gives ErrClosed.
func (c *Conn) Close() error {
	c.ended(ErrClosed)
	err := c.rpc.Close()
	c.owned.Wait()
	return closedError(err)
}

// CloseWrite ends our direction once what is buffered is written, and goes on reading. rw must have a CloseWrite method.
func (c *Conn) CloseWrite() { c.stream.out.finish() }

// write is the writer's goroutine.
func (c *Conn) write() {
	err := c.stream.out.run()
	if err == nil {
		if half, ok := c.rw.(interface{ CloseWrite() error }); ok {
			_ = half.CloseWrite() // the peer may be gone already
		}
		return
	}
	<-c.stream.started
	select {
	case <-c.Done(): // it failed because we close
		return
	default:
	}
	if c.opts.WriteFailed != nil {
		c.opts.WriteFailed(err)
		return
	}
	c.ended(err)
	if !errors.Is(err, ErrStalled) { // the peer is gone: what it wrote before is still to be read
		moment := time.NewTimer(flushAtMost)
		defer moment.Stop()
		select {
		case <-c.Done():
		case <-moment.C:
		}
	}
	_ = c.rw.Close() // ends the reader, and with it the connection
}

// ended keeps why the connection ends; the first to know is right.
func (c *Conn) ended(err error) { c.end.Do(func() { c.cause = err }) }

// stray reports a frame that is no message.
func (c *Conn) stray(frame []byte, f *fault) {
	switch {
	case c.opts.Stray != nil && f.answer && f.code == CodeInvalidRequest:
		c.opts.Stray(frame, CodeStrayAnswer, f.why)
	case c.opts.Stray != nil:
		c.opts.Stray(frame, f.code, f.why)
	case !f.answer:
		_ = c.answer(c.Cork(), f.request(nil), nil, f.err(), nil) // a closed connection ends the reader by itself
	}
}

func closedError(err error) error {
	if errors.Is(err, jsonrpc2.ErrClosed) {
		return ErrClosed
	}
	return err
}
