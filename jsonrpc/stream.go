package jsonrpc

import (
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strconv"
	"sync"
	"time"

	"github.com/sourcegraph/jsonrpc2"
)

// stream is the jsonrpc2.ObjectStream under a Conn. The library decodes and encodes every payload that it sees, so it sees
// none: reading, the stream keeps the message in the field in and hands the library a stub of it; writing, it takes the
// message from the hook OnSend, which runs right before, and ignores the object. Both are possible because the library
// reads from one goroutine and writes under one lock.
type stream struct {
	conn    *Conn
	started chan struct{} // closed once conn.rpc is set
	frames  interface{ next() ([]byte, error) }
	out     *writer

	queue []*Request // rest of a batch
	in    struct {   // the message being handled; the reader's
		message
		frame []byte
	}
	stubs struct { // the reader's
		request, response reflect.Value      // of the library's message type
		answer            *jsonrpc2.Response // what response points to
	}

	forgotten struct {
		mu  sync.Mutex
		ids []uint64 // of calls that the library is to let go of, which it does when they are answered
	}

	sending struct { // the message being sent; under the library's lock
		request  *jsonrpc2.Request
		response *jsonrpc2.Response
	}
}

// ReadObject hands the library a stub of the next message. Frames that are none end in stray.
func (s *stream) ReadObject(v any) error {
	<-s.started
	for {
		select {
		case <-s.conn.Done(): // what Close still writes is no reason to serve more
			return ErrClosed
		default:
		}
		if len(s.queue) > 0 {
			r := s.queue[0]
			s.queue[0] = nil
			if s.queue = s.queue[1:]; len(s.queue) == 0 {
				s.queue = nil // the batch can go
			}
			return s.deliver(v, message{request: r}, nil)
		}
		if s.out.waitBelow(s.conn.opts.MaxBuffered) { // a peer that does not read is not read from
			continue
		}
		if id := s.nextForgotten(); id != 0 {
			return s.deliver(v, message{id: id}, nil)
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
		m, fault := readMessage(frame)
		if fault != nil {
			s.conn.stray(frame, fault)
			continue
		}
		return s.deliver(v, m, frame)
	}
}

func (s *stream) forget(id uint64) {
	s.forgotten.mu.Lock()
	defer s.forgotten.mu.Unlock()
	s.forgotten.ids = append(s.forgotten.ids, id)
}

// nextForgotten gives a call that was forgotten before the last frame came, or 0.
func (s *stream) nextForgotten() (id uint64) {
	s.forgotten.mu.Lock()
	defer s.forgotten.mu.Unlock()
	if n := len(s.forgotten.ids); n > 0 {
		id, s.forgotten.ids = s.forgotten.ids[n-1], s.forgotten.ids[:n-1]
	}
	return id
}

// deliver makes v, which is a message of the library's, a stub of m. A stub is decoded once and copied from then on:
// decoding it takes the library longer than we take for all the rest of a message.
func (s *stream) deliver(v any, m message, frame []byte) error {
	s.in.message, s.in.frame = m, frame
	stub := reflect.ValueOf(v).Elem()
	switch {
	case m.request != nil && s.stubs.request.IsValid():
		stub.Set(s.stubs.request)
	case m.request != nil:
		if err := json.Unmarshal([]byte(`{"id":1,"method":""}`), v); err != nil {
			return err
		}
		s.stubs.request = copyOf(stub)
	case s.stubs.answer != nil:
		s.stubs.answer.ID.Num = m.id
		stub.Set(s.stubs.response)
	default:
		if err := json.Unmarshal([]byte(`{"result":0,"id":`+strconv.FormatUint(m.id, 10)+`}`), v); err != nil {
			return err
		}
		s.stubs.response = copyOf(stub)
	}
	return nil
}

func copyOf(v reflect.Value) reflect.Value {
	c := reflect.New(v.Type()).Elem()
	c.Set(v)
	return c
}

// received takes the message that is being handled, so that nothing of it is kept until the next one comes.
func (s *stream) received() (m message, frame []byte) {
	m, frame = s.in.message, s.in.frame
	s.in.message, s.in.frame = message{}, nil
	return m, frame
}

// WriteObject adds the message that OnSend announced to the writer's buffer.
func (s *stream) WriteObject(any) error {
	req, resp := s.sending.request, s.sending.response
	s.sending.request, s.sending.response = nil, nil
	if req == nil {
		return s.out.append(0, true, func(b []byte) []byte { return append(b, *resp.Result...) })
	}
	c := callOf(req)
	params, meta := c.params, c.meta
	c.params, c.meta = nil, nil // the library keeps the request until it is answered
	return s.out.append(req.ID.Num, false, func(b []byte) []byte {
		return appendRequest(b, req.ID.Num, req.Method, params, meta)
	})
}

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
