package jsonrpc

import "encoding/json"

// Cork gathers the connections to which its owner adds frames, so that all that go to one connection leave in one write. The owner must
// Release it before waiting for anything. It belongs to one goroutine; with the nil *Cork each frame is written at once.
type Cork struct {
	conns []*Conn
	few   [4]*Conn // what conns begins with, mostly all of it
}

// Start is Conn.Start.
func (k *Cork) Start(c *Conn, method string, params, meta json.RawMessage, done func(*Response)) (id uint64, err error) {
	id = c.lastID.Add(1)
	return id, c.start(k, id, method, params, meta, done)
}

// Notify is Conn.Notify.
func (k *Cork) Notify(c *Conn, method string, params json.RawMessage) error {
	return c.send(k, outgoing{method: method, params: params})
}

// Reply is Conn.Reply.
func (k *Cork) Reply(c *Conn, r *Request, result, meta json.RawMessage) error {
	return c.answer(k, r, result, nil, meta)
}

// ReplyError is Conn.ReplyError.
func (k *Cork) ReplyError(c *Conn, r *Request, e *Error, meta json.RawMessage) error {
	return c.answer(k, r, nil, e, meta)
}

// hold notes that c has something to be written.
func (k *Cork) hold(c *Conn) {
	if k == nil {
		c.stream.out.flush()
		return
	}
	for _, held := range k.conns {
		if held == c {
			return
		}
	}
	if k.conns == nil {
		k.conns = k.few[:0]
	}
	k.conns = append(k.conns, c)
}

// Release writes what was added, as far as each peer takes it at once; the rest follows.
func (k *Cork) Release() {
	if k == nil {
		return
	}
	for i, c := range k.conns {
		k.conns[i] = nil
		c.stream.out.flush()
	}
	k.conns = k.conns[:0]
}
