package jsonrpc

import (
	"encoding/json"
	"reflect"
	"strings"
	"time"
)

// ProtocolVersion is the version of the worker wire that this supervisor speaks.
const ProtocolVersion = 1

// Time is a moment on the wire: RFC 3339 in UTC with milliseconds.
type Time struct{ time.Time }

const timeLayout = "2006-01-02T15:04:05.000Z07:00"

// MarshalJSON writes the moment in UTC with milliseconds.
func (t Time) MarshalJSON() ([]byte, error) {
	return []byte(t.UTC().Format(`"` + timeLayout + `"`)), nil
}

// UnmarshalJSON reads a moment with any offset. What is none, or no year of four digits in UTC and so could not be written again, is a
// *json.UnmarshalTypeError, to which the decoder adds the member's name.
func (t *Time) UnmarshalJSON(b []byte) error {
	if t.Time.UnmarshalJSON(b) == nil {
		if year := t.UTC().Year(); year >= 0 && year <= 9999 {
			return nil
		}
	}
	const most = 40 // bytes, of what may be anything
	given := string(b)
	if len(given) > most {
		given = strings.ToValidUTF8(given[:most], "") + "…"
	}
	return &json.UnmarshalTypeError{Value: given, Type: reflect.TypeFor[Time]()}
}

// AppendTo appends the moment's text, unquoted, to b.
func (t Time) AppendTo(b []byte) []byte { return t.UTC().AppendFormat(b, timeLayout) }

// TimePtr returns nil for the zero time.
func TimePtr(t time.Time) *Time {
	if t.IsZero() {
		return nil
	}
	return &Time{t}
}

// Methods of the worker wire. Names that begin with "$/" are whipper's own.
const (
	MethodInitialize = "$/initialize"
	MethodPing       = "$/ping"
	MethodCancel     = "$/cancelRequest"
	MethodShutdown   = "$/shutdown"
	MethodProgress   = "$/progress"
	MethodLog        = "$/log"
)

// InitializeParams is sent to a worker first of all.
type InitializeParams struct {
	ProtocolVersion int    `json:"protocolVersion"`
	Pool            string `json:"pool"`
	Worker          string `json:"worker"`
}

// InitializeResult is a worker's answer; every member may be missing.
type InitializeResult struct {
	ProtocolVersion int            `json:"protocolVersion"`
	Name            string         `json:"name,omitempty"`
	Version         string         `json:"version,omitempty"`
	Concurrency     int            `json:"concurrency,omitempty"` // calls at once; 0 means 1
	Methods         []WorkerMethod `json:"methods,omitempty"`
}

// WorkerMethod is one method that a worker declares.
type WorkerMethod struct {
	Name string `json:"name"`
}

// CancelParams names the call that is no longer wanted.
type CancelParams struct {
	ID json.RawMessage `json:"id"`
}

// ProgressParams is a worker's, and then the socket's, report on a running call.
type ProgressParams struct {
	ID    json.RawMessage `json:"id,omitempty"`
	Job   int64           `json:"job,omitempty"` // on the socket
	Value json.RawMessage `json:"value"`
}

// LogParams is a structured log record of a worker.
type LogParams struct {
	ID         json.RawMessage `json:"id,omitempty"` // the call it belongs to
	Level      string          `json:"level"`        // debug, info, warn or error
	Message    string          `json:"message"`
	Attributes map[string]any  `json:"attributes,omitempty"`
}
