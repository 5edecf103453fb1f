package jsonrpc

import (
	"bytes"
	"fmt"
	"sync"
)

// maxBatch is the most messages that one batch may hold.
const maxBatch = 10_000

// answerReserve is room for the answer that says that the real one is too large, without its id.
const answerReserve = 512

// batch gathers the answers to a batch until the last one is there. Every request has room for a small answer; spare is
// what is left of the frame's limit for answers that need more.
type batch struct {
	mu      sync.Mutex
	waiting int // answers that are not there yet
	spare   int // bytes
	buf     []byte
}

// expect makes room for the answer to a request with this id.
func (b *batch) expect(id []byte) {
	b.waiting++
	b.spare -= reserve(id)
}

func reserve(id []byte) int { return answerReserve + len(id) + len(",") }

// add appends one answer and returns the whole array if it was the last, and by how many bytes more or less is kept for it. An answer for which
// there is no room is replaced by what tooLarge makes, which is no larger than the reserve.
func (b *batch) add(id, frame []byte, tooLarge func(limit int) []byte) (whole []byte, change int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	room := reserve(id) - len(",")
	if extra := len(frame) - room; extra > b.spare {
		frame = tooLarge(room + b.spare)
	}
	b.spare -= max(0, len(frame)-room)
	before := len(b.buf)
	if before == 0 {
		b.buf = append(b.buf, '[')
	} else {
		b.buf = append(b.buf, ',')
	}
	b.buf = append(b.buf, frame...)
	b.waiting--
	if b.waiting > 0 {
		return nil, len(b.buf) - before
	}
	whole = append(b.buf, ']')
	b.buf = nil
	return whole, -before
}

// readBatch queues the requests of a batch. Elements that are none are answered at once, as the specification says.
func (s *stream) readBatch(frame []byte) {
	var elements [][]byte
	if err := scanArray(frame, func(e []byte) {
		if len(elements) <= maxBatch {
			elements = append(elements, e)
		}
	}); err != nil {
		s.conn.stray(frame, &fault{code: CodeParseError, why: err.Error()})
		return
	}
	if len(elements) == 0 || len(elements) > maxBatch {
		s.conn.stray(frame, &fault{code: CodeInvalidRequest, why: fmt.Sprintf("a batch holds 1 to %d messages", maxBatch)})
		return
	}
	b := &batch{spare: s.conn.opts.MaxMessageSize - len("[]")}
	var requests []*Request
	var faults []*fault
	for _, element := range elements {
		m, f := readMessage(bytes.Clone(element), s.conn.opts.ExtraDepth) // one request must not keep the whole batch in memory
		switch {
		case f != nil && !f.answer:
			faults = append(faults, f)
			b.expect(f.id)
		case f != nil || m.response != nil:
			s.conn.stray(element, &fault{code: CodeInvalidRequest, why: "answer in a batch", answer: true})
		default:
			m.request.batch = b
			requests = append(requests, m.request)
			if !m.request.Notification() {
				b.expect(m.request.ID)
			}
		}
	}
	if b.spare < 0 {
		why := fmt.Sprintf("the answers to a batch of %d do not fit into a message", len(elements))
		s.conn.stray(frame, &fault{code: CodeInvalidRequest, why: why})
		return
	}
	for _, f := range faults {
		_ = s.conn.answer(&s.cork, f.request(b), nil, f.err(), nil) // a closed connection ends the reader by itself
	}
	s.queue = requests
}
