package jsonrpc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

var (
	errNotUTF8   = errors.New("not UTF-8")
	errNotObject = errors.New("not an object")
)

// envelope holds the members of one message as spans of its frame; a member that is missing is nil.
type envelope struct {
	version, id, method, params, result, err, meta []byte
}

// set keeps a member of the message; of two with one name the last counts.
func (e *envelope) set(key, value []byte) {
	switch string(memberName(key)) {
	case "jsonrpc":
		e.version = value
	case "id":
		e.id = value
	case "method":
		e.method = value
	case "params":
		e.params = value
	case "result":
		e.result = value
	case "error":
		e.err = value
	case "meta":
		e.meta = value
	}
}

// scanEnvelope checks that frame is one JSON object, which may nest extra levels beyond MaxDepth, and finds the envelope's members
// in it. JSON of another kind is errNotObject.
func scanEnvelope(frame []byte, extra int) (envelope, error) {
	var e envelope
	if !utf8.Valid(frame) {
		return e, errNotUTF8
	}
	s := scanner{b: frame, extra: extra}
	s.space()
	if s.i < len(frame) && frame[s.i] != '{' {
		err := s.value(0)
		if err == nil {
			err = s.end()
		}
		if err == nil {
			err = errNotObject
		}
		return e, err
	}
	if err := s.object(0, e.set); err != nil {
		return e, err
	}
	return e, s.end()
}

// scanArray checks that frame is one JSON array and calls each with its elements.
func scanArray(frame []byte, each func(element []byte)) error {
	if !utf8.Valid(frame) {
		return errNotUTF8
	}
	s := scanner{b: frame}
	s.space()
	if err := s.array(0, each); err != nil {
		return err
	}
	return s.end()
}

// memberName strips the quotes of a key and undoes escapes, which hardly any writer uses in a key.
func memberName(key []byte) []byte {
	if bytes.IndexByte(key, '\\') < 0 {
		return key[1 : len(key)-1]
	}
	var name string
	if json.Unmarshal(key, &name) != nil {
		return nil
	}
	return []byte(name)
}

// maxIDSize bounds a request's id, in bytes: every answer repeats it, those that replace one that is too large as well.
const maxIDSize = 1 << 10

// fault says why a frame is not a message that can be served.
type fault struct {
	code   int64
	why    string
	id     json.RawMessage // the request's, where it can be told; nil: null
	answer bool            // it is an answer, and an answer is never answered
}

// request stands for the request that is at fault, in the batch in which it came.
func (f *fault) request(b *batch) *Request {
	r := &Request{ID: f.id, batch: b}
	if r.ID == nil {
		r.ID = null
	}
	return r
}

// err is what the sender is told.
func (f *fault) err() *Error {
	what := map[int64]string{
		CodeParseError: "parse error", CodeInvalidRequest: "invalid request", CodeInvalidParams: "invalid params", CodeMessageTooLarge: "message too large",
	}[f.code]
	return Errorf(f.code, "%s: %s", what, f.why)
}

// requestID gives an id that can be a request's, else nil: null counts as none.
func requestID(id []byte) json.RawMessage {
	if len(id) == 0 || len(id) > maxIDSize || id[0] != '"' && id[0] != '-' && !isDigit(id[0]) {
		return nil
	}
	return id
}

// message is what a frame holds: a request, or the answer to the call id.
type message struct {
	request  *Request
	id       uint64
	response *Response
}

// readMessage reads a frame as one message, which may nest extra levels beyond MaxDepth.
func readMessage(frame []byte, extra int) (message, *fault) {
	e, err := scanEnvelope(frame, extra)
	switch {
	case errors.Is(err, errTooDeep): // whose it is can be told all the same, mostly
		id, answer := scanCut(frame)
		return message{}, &fault{code: CodeParseError, why: err.Error(), id: requestID(id), answer: answer}
	case errors.Is(err, errNotObject):
		return message{}, &fault{code: CodeInvalidRequest, why: err.Error()}
	case err != nil:
		return message{}, &fault{code: CodeParseError, why: err.Error()}
	}
	f := &fault{code: CodeInvalidRequest, id: requestID(e.id), answer: e.method == nil && (e.result != nil || e.err != nil)}
	if f.id == nil && e.id != nil && !bytes.Equal(e.id, null) {
		f.why = fmt.Sprintf("id must be a string or a number of at most %d bytes, or null", maxIDSize)
	}
	var m message
	switch {
	case !bytes.Equal(e.version, []byte(`"2.0"`)):
		f.why = `no "jsonrpc":"2.0"`
	case f.answer:
		m.id, m.response = e.response()
		if m.response == nil {
			f.why = "answer to an id that is not a call's"
		}
	case e.method == nil:
		f.why = "neither a request nor an answer"
	case e.method[0] != '"':
		f.why = "method must be a string"
	case e.params != nil && e.params[0] != '[' && e.params[0] != '{' && !bytes.Equal(e.params, null):
		if f.why == "" && e.id != nil {
			f.code = CodeInvalidParams
		}
		f.why = "params must be an array or an object"
	case f.why == "":
		m.request = e.request(len(frame))
	}
	if f.why != "" {
		return message{}, f
	}
	return m, nil
}

// request reads a request or notification whose members have been checked. Where they are less than half of a large frame they are
// copied: white space and members that nobody knows must not be kept for them.
func (e *envelope) request(frame int) *Request {
	r := &Request{ID: e.id, Params: e.params, Meta: e.meta}
	if bytes.Equal(e.params, null) {
		r.Params = nil
	}
	if frame > readBuffer && r.Size() < frame/2 {
		r.ID, r.Params, r.Meta = bytes.Clone(r.ID), bytes.Clone(r.Params), bytes.Clone(r.Meta)
	}
	if name := memberName(e.method); name != nil {
		r.Method = string(name)
	}
	return r
}

// response reads an answer to one of our calls, whose ids are positive integers; nil if its id is none.
func (e *envelope) response() (id uint64, r *Response) {
	id, ok := callID(e.id)
	if !ok {
		return 0, nil
	}
	r = &Response{Result: e.result, Meta: e.meta}
	if e.err != nil && !bytes.Equal(e.err, null) {
		r.Result, r.Error = nil, new(Error)
		if json.Unmarshal(e.err, r.Error) != nil {
			r.Error = Errorf(CodeInternalError, "the peer's error is not an object with an integer code and a message")
			r.Error.Data = e.err
		}
	} else if e.result == nil {
		r.Result = null
	}
	return id, r
}
