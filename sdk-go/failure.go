package whipper

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"github.com/whipper-sidecar/whipper/jsonrpc"
)

// PermanentError says that running the job again would be no use: it fails at once, whatever attempts it has left.
type PermanentError struct{ Err error }

// Permanent wraps an error of a method's as a *PermanentError.
func Permanent(err error) error { return &PermanentError{Err: err} }

func (e *PermanentError) Error() string { return e.Err.Error() }
func (e *PermanentError) Unwrap() error { return e.Err }

// SnoozeError says that a job cannot be done now and should run again later. No attempt is charged, and nothing counts as failed.
type SnoozeError struct {
	For time.Duration // at least 100 ms, at most ten years
	Err error         // why; may be nil
}

// Snooze gives a *SnoozeError.
func Snooze(d time.Duration) error { return &SnoozeError{For: d} }

func (e *SnoozeError) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("snoozed for %s", e.For)
	}
	return fmt.Sprintf("snoozed for %s: %v", e.For, e.Err)
}

func (e *SnoozeError) Unwrap() error { return e.Err }

// errNotJSON is what is wrong with the result of a Raw method.
var errNotJSON = errors.New("it is not JSON")

// errCallCancelled is the cause of a method's context that has ended because its call is no longer wanted, or its timeout is over.
var errCallCancelled = errors.New("the call was cancelled")

// errExited is the error of a method that has ended its goroutine.
var errExited = errors.New("the method ended its goroutine, as runtime.Goexit does, and gave neither a result nor an error")

// resultError is a result that is no JSON.
type resultError struct{ err error }

func (e *resultError) Error() string { return fmt.Sprintf("the result cannot be encoded: %v", e.err) }
func (e *resultError) Unwrap() error { return e.err }

// panicked is a method's panic.
type panicked struct {
	value any
	stack string
}

func (p *panicked) Error() string { return fmt.Sprint(p.value) }

func (p *panicked) Unwrap() error {
	err, _ := p.value.(error)
	return err
}

// caught makes an error of what recover gives.
func caught(value any) error { return &panicked{value: value, stack: string(debug.Stack())} }

// tooLarge is the error answer in place of a result that has so many bytes. Another run would give the same.
func tooLarge(size, limit int) *jsonrpc.Error {
	return &jsonrpc.Error{
		Code:    jsonrpc.CodeMessageTooLarge,
		Message: fmt.Sprintf("a result of %d bytes is over the limit of %d", size, limit),
		Data:    json.RawMessage(`{"type":"MessageTooLargeError","retryable":false}`),
	}
}

// failure is the error answer to a call whose method gave err.
func failure(err error) *jsonrpc.Error {
	var verdict jsonrpc.ErrorData
	var snooze *SnoozeError
	var permanent *PermanentError
	switch {
	case errors.As(err, &snooze):
		ms := max(snooze.For.Milliseconds(), 0)
		verdict.SnoozeMs = &ms
	case errors.As(err, &permanent):
		no := false
		verdict.Retryable = &no
	}
	if own := ownError(err); own != nil {
		return with(own, verdict)
	}
	verdict.Type = typeName(err)
	var panicked *panicked
	if errors.As(err, &panicked) {
		verdict.Stack = panicked.stack
	}
	raw, _ := json.Marshal(verdict) // of strings, numbers and booleans only
	return &jsonrpc.Error{Code: jsonrpc.CodeThrown, Message: err.Error(), Data: raw}
}

// ownError is the error answer that the method has made itself; nil: none. That in a CallError is what some other call was answered: its code
// may be one that means something to this worker's supervisor, as that the worker has no such method, or is ending.
func ownError(err error) (own *jsonrpc.Error) {
	var panicked *panicked
	var other *CallError
	if errors.As(err, &panicked) || errors.As(err, &other) || !errors.As(err, &own) {
		return nil
	}
	return own
}

// with is e with the members of more beside its own data. Data that is no object has no members and makes room.
func with(e *jsonrpc.Error, more jsonrpc.ErrorData) *jsonrpc.Error {
	if more.SnoozeMs == nil && more.Retryable == nil {
		return e
	}
	var data map[string]json.RawMessage
	if json.Unmarshal(e.Data, &data) != nil || data == nil {
		data = map[string]json.RawMessage{}
	}
	raw, _ := json.Marshal(more) // of a number or a boolean
	_ = json.Unmarshal(raw, &data)
	raw, err := jsonrpc.Encode(data)
	if err != nil { // not of what was decoded
		return e
	}
	return &jsonrpc.Error{Code: e.Code, Message: e.Message, Data: raw}
}

// typeName is the name of the type of an error, or of the first in its chain that says more than a wrapper does.
func typeName(err error) string {
	for e := err; e != nil; e = errors.Unwrap(e) {
		if p, ok := e.(*panicked); ok && p.Unwrap() == nil { //nolint:errorlint // each link is looked at by itself
			return "panic"
		}
		name := fmt.Sprintf("%T", e)
		name = name[strings.LastIndexByte(name, '.')+1:]
		switch name {
		case "wrapError", "wrapErrors", "joinError", "errorString", "panicked":
			continue
		}
		return name
	}
	return "error"
}
