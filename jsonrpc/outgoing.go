package jsonrpc

import (
	"encoding/json"
	"strconv"
)

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

// appendTo adds the whole message.
func (m *outgoing) appendTo(b []byte) []byte {
	return m.appendTail(appendRaw(m.appendHead(b), m.payload()))
}

// payload is what the message carries; nil: nothing.
func (m *outgoing) payload() json.RawMessage {
	switch {
	case m.batch != nil:
		return m.batch
	case m.err != nil:
		return nil
	case m.answer && len(m.result) == 0:
		return null
	case m.answer:
		return m.result
	}
	return m.params
}

// appendHead adds what comes before the payload.
func (m *outgoing) appendHead(b []byte) []byte {
	switch {
	case m.batch != nil:
		return b
	case m.answer:
		return m.appendAnswerHead(b)
	}
	b = append(b, `{"jsonrpc":"2.0",`...)
	if m.id != 0 {
		b = append(b, `"id":`...)
		b = strconv.AppendUint(b, m.id, 10)
		b = append(b, ',')
	}
	b = append(b, `"method":`...)
	b = appendString(b, m.method)
	if len(m.params) > 0 {
		b = append(b, `,"params":`...)
	}
	return b
}

func (m *outgoing) appendAnswerHead(b []byte) []byte {
	to := m.to
	if to == nil {
		to = null
	}
	b = append(b, `{"jsonrpc":"2.0","id":`...)
	b = append(b, to...)
	if m.err == nil {
		return append(b, `,"result":`...)
	}
	b = append(b, `,"error":{"code":`...)
	b = strconv.AppendInt(b, m.err.Code, 10)
	b = append(b, `,"message":`...)
	b = appendString(b, m.err.Message)
	if len(m.err.Data) > 0 {
		b = append(b, `,"data":`...)
		b = appendRaw(b, m.err.Data)
	}
	return append(b, '}')
}

// appendTail adds what comes after the payload.
func (m *outgoing) appendTail(b []byte) []byte {
	if m.batch != nil {
		return b
	}
	if len(m.meta) > 0 {
		b = append(b, `,"meta":`...)
		b = appendRaw(b, m.meta)
	}
	return append(b, '}')
}

// escaped is how many bytes a character's byte may become in JSON.
const escaped = len(`\u0001`)

// size is how many bytes appendTo adds at most, about.
func (m *outgoing) size() int {
	size := 128 + escaped*len(m.method) + len(m.params) + len(m.meta) + len(m.to) + len(m.result) + len(m.batch)
	if m.err != nil {
		size += escaped*len(m.err.Message) + len(m.err.Data)
	}
	return size
}
