package whipper

import (
	"errors"
	"fmt"

	"github.com/whipper-sidecar/whipper/jsonrpc"
)

// ErrClosed is what a call gives when the client was closed, or its only connection has ended, before the answer came: whether it took
// effect is unknown. errors.Is finds it.
var ErrClosed = jsonrpc.ErrClosed

// Whipper's own conditions, for errors.Is. An error of a worker's is none of them, whatever its code.
const (
	ErrAtCapacity      = condition(jsonrpc.CodeAtCapacity)      // no slot is free, and the pool was told not to queue
	ErrTimeout         = condition(jsonrpc.CodeTimeout)         // the call, or the wait, took longer than its timeout
	ErrWorkerCrashed   = condition(jsonrpc.CodeWorkerCrashed)   // the process died with the call in it, or the supervisor did
	ErrCancelled       = condition(jsonrpc.CodeCancelled)       // the job was cancelled
	ErrQueueFull       = condition(jsonrpc.CodeQueueFull)       // no more calls may wait
	ErrNotFound        = condition(jsonrpc.CodeNotFound)        // no such job, pool or schedule
	ErrShuttingDown    = condition(jsonrpc.CodeShuttingDown)    // the supervisor is ending
	ErrExpired         = condition(jsonrpc.CodeExpired)         // the job had not started by its ExpiresAt
	ErrMessageTooLarge = condition(jsonrpc.CodeMessageTooLarge) // a call or a result is over its limit
	ErrInvalidArgument = condition(jsonrpc.CodeInvalidArgument) // something is asked for that cannot be meant
	ErrLedger          = condition(jsonrpc.CodeLedger)          // the ledger cannot be read or written
)

// condition is a code of whipper's own as a sentinel.
type condition int64

func (c condition) Error() string { return jsonrpc.Errorf(int64(c), "").Type() }

// CallError is an error answer. Its text is Err's, which errors.As finds too, and errors.Is finds the condition that it is.
type CallError struct {
	Method string       // of the socket, as job.invoke; of a job's error, the job's
	Meta   ResponseMeta // of an invocation: which job and worker it was, and whose error
	Err    *Error
}

func (e *CallError) Error() string { return e.Err.Error() }
func (e *CallError) Unwrap() error { return e.Err }

func (e *CallError) Is(target error) bool {
	c, ok := target.(condition)
	if !ok || e.Err.Code != int64(c) {
		return false
	}
	// A worker that sees that its result is too large says so itself.
	return !e.FromWorker() || c == ErrMessageTooLarge && e.Err.Type() == c.Error()
}

// FromWorker says whether the worker's method gave the error. Else it is whipper's.
func (e *CallError) FromWorker() bool { return e.Meta.ErrorSource == "worker" }

// UnknownOutcomeError says that the connection ended after a request was sent and before its answer came: whether it took effect is
// unknown. The client does not send it again, since then it might take effect twice. It is an ErrClosed.
type UnknownOutcomeError struct {
	Method string // of the socket, as job.submit
	Err    error
}

func (e *UnknownOutcomeError) Error() string {
	return fmt.Sprintf("%s: the supervisor ended before it answered, and whether it took effect is unknown: %v", e.Method, e.Err)
}

func (e *UnknownOutcomeError) Unwrap() error { return e.Err }

// errNotBack is why there is no supervisor while others try to connect.
var errNotBack = errors.New("it has not come back")

// errTooLong is why nothing listens at a path that the system does not allow. A supervisor whose folder has such a path
// listens elsewhere and notes in the folder where, as long as it runs.
var errTooLong = errors.New("the folder names no socket, and its own would have too long a path")

// NoSupervisorError says that nothing listens where a supervisor should.
type NoSupervisorError struct {
	Dir    string // the supervisor's folder; "" where only the socket is known, or no folder was found
	Socket string // "" where no folder was found
	Err    error  // why: a *NoFolderError, or the system's reason
}

func (e *NoSupervisorError) Error() string {
	switch {
	case e.Socket == "":
		return fmt.Sprintf("no supervisor: %v", e.Err)
	case e.Dir == "":
		return fmt.Sprintf("no supervisor listens on socket %q: %v", e.Socket, e.Err)
	default:
		return fmt.Sprintf("no supervisor is running in folder %q: %v", e.Dir, e.Err)
	}
}

func (e *NoSupervisorError) Unwrap() error { return e.Err }

// NoFolderError says that neither a folder nor any of its parents has a supervisor's folder in it.
type NoFolderError struct{ Start string }

func (e *NoFolderError) Error() string {
	return fmt.Sprintf("no folder %s in %q or above it", folderName, e.Start)
}

// UntrustedError says that a supervisor's folder, or the process that listens on its socket, belongs to another user.
type UntrustedError struct {
	Path string
	What string // "folder" or "process at socket"
	UID  uint32
}

func (e *UntrustedError) Error() string {
	return fmt.Sprintf("%s %q belongs to user %d, not to this one: not connected", e.What, e.Path, e.UID)
}

// NoBinaryError says that the program whipper was not found.
type NoBinaryError struct {
	Path string // what was named, by an option or by WHIPPER_BIN; "": nothing was, and it is not on PATH
	Err  error
}

func (e *NoBinaryError) Error() string {
	const help = "install it with: go install github.com/whipper-sidecar/whipper/cmd/whipper@latest"
	if e.Path == "" {
		return fmt.Sprintf("the program whipper is not on PATH, and neither StartOptions.Binary nor WHIPPER_BIN names it; %s", help)
	}
	return fmt.Sprintf("the program whipper cannot be run as %q: %v; %s", e.Path, e.Err, help)
}

func (e *NoBinaryError) Unwrap() error { return e.Err }

// StartError says that a supervisor that was started did not get ready.
type StartError struct {
	Err    error  // how it ended, or why its workers do not come up
	Output string // the end of what it printed
}

func (e *StartError) Error() string {
	if e.Output == "" {
		return fmt.Sprintf("the supervisor did not get ready: %v", e.Err)
	}
	return fmt.Sprintf("the supervisor did not get ready: %v; it printed:\n%s", e.Err, e.Output)
}

func (e *StartError) Unwrap() error { return e.Err }
