package jsonrpc

import (
	"bytes"
	"encoding/json"
	"strconv"
	"sync/atomic"
)

// Request is a call or a notification as it came in.
type Request struct {
	ID           json.RawMessage // the peer's own bytes; nil in a notification
	Method       string
	Params, Meta json.RawMessage // nil when absent

	batch    *batch // the batch it came in, if any
	answered atomic.Bool
}

// Notification says whether the sender wants no answer.
func (r *Request) Notification() bool { return r.ID == nil }

// Size is how many bytes the request keeps.
func (r *Request) Size() int { return len(r.ID) + len(r.Params) + len(r.Meta) }

// Response is the answer to a call of ours. Either Result or Error is set.
type Response struct {
	Result json.RawMessage // null is the four bytes
	Error  *Error
	Meta   json.RawMessage // nil when absent
}

var null = json.RawMessage("null")

// callID reads an id in the one form that we write: digits without sign, point or leading zero.
func callID(raw []byte) (uint64, bool) {
	if len(raw) == 0 || raw[0] == '0' {
		return 0, false
	}
	id, err := strconv.ParseUint(string(raw), 10, 64)
	return id, err == nil
}

func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; !plain[c] || c >= 0x80 {
			quoted, _ := json.Marshal(s) // a string always has an encoding
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// appendRaw adds JSON as it is, but for line ends between its tokens, which would end the frame. Inside a JSON string a line
// end is always escaped.
func appendRaw(b []byte, raw json.RawMessage) []byte {
	if !hasLineEnd(raw) {
		return append(b, raw...)
	}
	for _, c := range raw {
		if c != '\n' && c != '\r' { // some readers take a lone \r for a line end
			b = append(b, c)
		}
	}
	return b
}

func hasLineEnd(raw []byte) bool {
	return bytes.IndexByte(raw, '\n') >= 0 || bytes.IndexByte(raw, '\r') >= 0
}
