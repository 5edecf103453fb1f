package jsonrpc

import "encoding/json"

// outgoing is a message of ours: a call, a notification where id is 0, or the answer to a request.
type outgoing struct {
	id           uint64
	method       string
	params, meta json.RawMessage

	answer bool
	to     json.RawMessage // the request's id
	result json.RawMessage
	err    *Error
	batch  []byte // answers to a batch, which are a message already; nil: the answer is the above
}

func (m *outgoing) appendTo(b []byte) []byte {
	switch {
	case m.batch != nil:
		return append(b, m.batch...)
	case m.answer:
		return appendResponse(b, m.to, m.result, m.err, m.meta)
	}
	return appendRequest(b, m.id, m.method, m.params, m.meta)
}

// size is how many bytes appendTo adds, about; never much less.
func (m *outgoing) size() int {
	size := 128 + len(m.method) + len(m.params) + len(m.meta) + len(m.to) + len(m.result) + len(m.batch)
	if m.err != nil {
		size += len(m.err.Message) + len(m.err.Data)
	}
	return size
}
