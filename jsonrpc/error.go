package jsonrpc

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Error codes of JSON-RPC 2.0 and of the Language Server Protocol's cancellation.
const (
	CodeParseError       = -32700
	CodeInvalidRequest   = -32600
	CodeMethodNotFound   = -32601
	CodeInvalidParams    = -32602
	CodeInternalError    = -32603
	CodeRequestCancelled = -32800
)

// CodeStrayAnswer marks an answer to no call of ours where frames are reported. It is never on a wire.
const CodeStrayAnswer = 0

// CodeThrown is the code of an error that a worker's function threw without giving a code of its own.
const CodeThrown = 1

// Codes of whipper's own conditions. An error with one of them carries the condition's name in data.type.
const (
	CodeAtCapacity      = 1001 // AtCapacityError: no slot is free and the pool was told not to queue
	CodeTimeout         = 1002 // TimeoutError: the call outlived its timeout
	CodeWorkerCrashed   = 1003 // WorkerCrashedError: the worker process died with the call in it
	CodeCancelled       = 1004 // CancelledError: the job was cancelled before it had an outcome
	CodeQueueFull       = 1005 // QueueFullError: the queue of waiting calls has reached its limit
	CodeNotFound        = 1006 // NotFoundError: no such job, pool or worker
	CodeShuttingDown    = 1007 // ShuttingDownError: the supervisor is draining
	CodeExpired         = 1008 // ExpiredError: the job had not started by its expiresAt
	CodeMessageTooLarge = 1009 // MessageTooLargeError: a frame is larger than --max-message-size
	CodeInvalidArgument = 1010 // InvalidArgumentError: well-formed params that cannot be meant
	CodeLedger          = 1011 // LedgerError: the ledger could not be read or written
)

var typeNames = map[int64]string{
	CodeAtCapacity:      "AtCapacityError",
	CodeTimeout:         "TimeoutError",
	CodeWorkerCrashed:   "WorkerCrashedError",
	CodeCancelled:       "CancelledError",
	CodeQueueFull:       "QueueFullError",
	CodeNotFound:        "NotFoundError",
	CodeShuttingDown:    "ShuttingDownError",
	CodeExpired:         "ExpiredError",
	CodeMessageTooLarge: "MessageTooLargeError",
	CodeInvalidArgument: "InvalidArgumentError",
	CodeLedger:          "LedgerError",
}

// Error is the error member of a response. It is a Go error, so that it can travel as one and be found with errors.As.
type Error struct {
	Code    int64           `json:"code"`
	Message string          `json:"message"`
	Data    json.RawMessage `json:"data,omitempty"` // the sender's own bytes
}

// ErrorData is what whipper and its SDKs put into Error.Data. Workers may put anything else there.
type ErrorData struct {
	Type      string          `json:"type,omitempty"`
	Stack     string          `json:"stack,omitempty"`
	Fields    json.RawMessage `json:"fields,omitempty"`    // own fields of the thrown error, an object
	Retryable *bool           `json:"retryable,omitempty"` // false stops retries
	SnoozeMs  *int64          `json:"snoozeMs,omitempty"`  // run again in so many milliseconds, without charge
	Methods   []string        `json:"methods,omitempty"`   // with CodeMethodNotFound: what the worker does offer
}

// Errorf returns an Error whose message is formatted as by fmt.Sprintf. A code of whipper's own adds data.type.
func Errorf(code int64, format string, args ...any) *Error {
	e := &Error{Code: code, Message: fmt.Sprintf(format, args...)}
	if name, ok := typeNames[code]; ok {
		e.Data = json.RawMessage(`{"type":"` + name + `"}`)
	}
	return e
}

// Error gives the type, where there is one, and the message.
func (e *Error) Error() string {
	if name := e.Type(); name != "" {
		return name + ": " + e.Message
	}
	return e.Message
}

// Type is data.type, or "" where data holds none.
func (e *Error) Type() string { return e.Details().Type }

// Details decodes Data as far as it has the usual members. Data of another shape gives the zero value.
func (e *Error) Details() ErrorData {
	var d ErrorData
	if len(e.Data) == 0 || json.Unmarshal(e.Data, &d) != nil {
		return ErrorData{}
	}
	return d
}

// AsError returns err's *Error, or an internal error with its text.
func AsError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return Errorf(CodeInternalError, "%v", err)
}
