package whipper

import (
	"errors"
	"fmt"

	"github.com/whipper-sidecar/whipper/jsonrpc"
)

// ErrClosed is what a call gives when the connection has ended before its answer came: whether it took effect is unknown.
// errors.Is finds it.
var ErrClosed = jsonrpc.ErrClosed

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
