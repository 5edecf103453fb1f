package jsonrpc

import (
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"sync"
	"time"

	"github.com/sourcegraph/jsonrpc2"
)

// stream is the jsonrpc2.ObjectStream under a Conn. The library decodes and encodes every payload that it sees, so it sees
// none: reading, the stream keeps a request in the field request and hands the library a stub of it; writing, it takes the
// message from the field message and ignores the object. Answers to our own calls go past the library. That is possible because the
// library reads from one goroutine.
type stream struct {
	conn    *Conn
	started chan struct{} // closed once conn.rpc is set
	frames  interface{ next() ([]byte, error) }
	out     *writer

	queue   []*Request // rest of a batch
	request *Request   // being handled; the reader's
	cork    Cork       // the reader's
	corked  int        // messages that were handled since it was released

	sending sync.Mutex
	message outgoing // being sent

	stubs struct {
		request reflect.Value     // of the library's message type; the reader's
		sent    jsonrpc2.Response // stands for whatever is sent
	}
}

// mostCorked is how many messages are handled at most before what they brought about is written.
const mostCorked = 32

// uncorking is what a reader reads from: it must not wait for more while something waits to be written.
type uncorking struct {
	r    io.Reader
	cork *Cork
}

func (u uncorking) Read(b []byte) (int, error) {
	u.cork.Release()
	return u.r.Read(b)
}

// ReadObject hands the library a stub of the next message. Frames that are none end in stray.
func (s *stream) ReadObject(v any) error {
	<-s.started
	for {
		select {
		case <-s.conn.Done(): // what Close still writes is no reason to serve more
			s.cork.Release()
			return ErrClosed
		default:
		}
		if s.corked++; s.corked >= mostCorked {
			s.corked = 0
			s.cork.Release()
		}
		if len(s.queue) > 0 {
			r := s.queue[0]
			s.queue[0] = nil
			if s.queue = s.queue[1:]; len(s.queue) == 0 {
				s.queue = nil // the batch can go
			}
			return s.deliver(v, r)
		}
		if s.out.unread() > s.conn.opts.MaxBuffered { // a peer that does not read is not read from
			s.cork.Release()
			if s.out.waitBelow(s.conn.opts.MaxBuffered) {
				continue
			}
		}
		frame, err := s.frames.next()
		var tooLarge *tooLargeError
		var outside *outsideError
		switch {
		case errors.As(err, &tooLarge):
			id, answer := scanCut(frame)
			s.conn.stray(frame, &fault{code: CodeMessageTooLarge, why: err.Error(), id: requestID(id), answer: answer})
			continue
		case errors.As(err, &outside):
			_, answer := scanCut(frame)
			s.conn.stray(frame, &fault{code: CodeParseError, why: err.Error(), answer: answer})
			continue
		case err != nil:
			s.conn.ended(err)
			return err
		case s.conn.opts.Batches && trimLeft(frame)[0] == '[':
			s.readBatch(frame)
			continue
		}
		m, bad := readMessage(frame, s.conn.opts.ExtraDepth)
		if bad != nil {
			s.conn.stray(frame, bad)
			continue
		}
		if m.request != nil {
			return s.deliver(v, m.request)
		}
		if done := s.conn.calls.take(m.id); done != nil {
			done(m.response)
		} else {
			s.conn.stray(frame, &fault{code: CodeInvalidRequest, why: "answer to an id that no call in flight has", answer: true})
		}
	}
}

// deliver makes v, which is a message of the library's, a stub of r. The stub is decoded once and copied from then on:
// decoding it takes the library longer than we take for all the rest of a message.
func (s *stream) deliver(v any, r *Request) error {
	s.request = r
	stub := reflect.ValueOf(v).Elem()
	if s.stubs.request.IsValid() {
		stub.Set(s.stubs.request)
		return nil
	}
	if err := json.Unmarshal([]byte(`{"id":1,"method":""}`), v); err != nil {
		return err
	}
	s.stubs.request = copyOf(stub)
	return nil
}

func copyOf(v reflect.Value) reflect.Value {
	c := reflect.New(v.Type()).Elem()
	c.Set(v)
	return c
}

// received takes the request that is to be handled, so that nothing of it is kept until the next one comes.
func (s *stream) received() *Request {
	r := s.request
	s.request = nil
	return r
}

// WriteObject adds the message that is being sent to the writer's buffer.
func (s *stream) WriteObject(any) error { return s.out.append(&s.message) }

// Close writes what is buffered, for at most a moment, and closes the connection under it.
func (s *stream) Close() error {
	<-s.started
	s.out.finish()
	moment := time.NewTimer(flushAtMost)
	defer moment.Stop()
	select {
	case <-s.out.done:
	case <-moment.C:
	}
	return s.conn.rw.Close()
}

var _ io.Closer = (*stream)(nil)
