package jsonrpc

import (
	"encoding/json"
	"errors"
)

// ErrAnswered is what the second answer to one request gives.
var ErrAnswered = errors.New("request is answered already")

// Reply answers r with a result (nil: null). The answer to a notification goes nowhere. One request has one answer: a
// second gives ErrAnswered.
func (c *Conn) Reply(r *Request, result, meta json.RawMessage) error {
	return (*Cork)(nil).Reply(c, r, result, meta)
}

// ReplyError answers r with an error.
func (c *Conn) ReplyError(r *Request, e *Error, meta json.RawMessage) error {
	return (*Cork)(nil).ReplyError(c, r, e, meta)
}

// smallAnswer is how many bytes an answer has, about, that is never left out.
const smallAnswer = 4 << 10

// answer sends an answer, or adds it to its batch and sends that when it is whole.
func (c *Conn) answer(k *Cork, r *Request, result json.RawMessage, e *Error, meta json.RawMessage) error {
	if r.Notification() {
		return nil
	}
	if r.answered.Swap(true) {
		return ErrAnswered
	}
	m := outgoing{answer: true, to: r.ID, result: result, err: e, meta: meta}
	if size := m.size(); size > smallAnswer && c.opts.MaxUnread > 0 {
		if waiting := c.unread(); waiting > c.opts.MaxUnread {
			m.result, m.err = nil, Errorf(CodeMessageTooLarge, "an answer of %d bytes is left out: %d bytes of answers are unread, over the limit of %d", size, waiting, c.opts.MaxUnread)
		}
	}
	if r.batch != nil {
		return c.answerInBatch(k, r, &m)
	}
	err := c.add(m)
	var tooLarge *overLimit
	if errors.As(err, &tooLarge) {
		m.batch = answerTooLarge(r.ID, tooLarge.size, tooLarge.limit, meta)
		err = c.add(m)
	}
	if err == nil {
		k.hold(c)
	}
	return err
}

func (c *Conn) answerInBatch(k *Cork, r *Request, m *outgoing) error {
	frame := m.appendTo(nil)
	size := len(frame)
	if size > c.opts.MaxMessageSize {
		frame = answerTooLarge(r.ID, size, c.opts.MaxMessageSize, m.meta)
	}
	whole, change := r.batch.add(r.ID, frame, func(limit int) []byte { return answerTooLarge(r.ID, size, limit, m.meta) })
	c.inPart.Add(int64(change))
	if whole == nil {
		return nil
	}
	return c.send(k, outgoing{answer: true, batch: whole})
}

// unread is how many bytes of answers wait for the peer, or for the rest of their batch.
func (c *Conn) unread() int { return c.stream.out.unread() + int(c.inPart.Load()) }

// answerTooLarge takes the place of an answer that is over the limit.
func answerTooLarge(id json.RawMessage, size, limit int, meta json.RawMessage) []byte {
	e := Errorf(CodeMessageTooLarge, "an answer of %d bytes is over the limit of %d", size, limit)
	m := outgoing{answer: true, to: id, err: e, meta: meta}
	small := m.appendTo(nil)
	if len(small) > answerReserve {
		m.meta = nil
		small = m.appendTo(nil)
	}
	return small
}
