package server

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/whipper-sidecar/whipper/internal/ownership"
)

// MaxAddress is how many bytes a socket's path may have: what macOS, the strictest system, leaves beside the closing zero.
const MaxAddress = 103

// Names in the supervisor's folder.
const (
	socketName  = "whipper.sock"
	addressName = "socket" // holds the path of the socket in use
)

// AddressTooLongError says that a socket's path was chosen by the user and does not fit.
type AddressTooLongError struct{ Path string }

func (e *AddressTooLongError) Error() string {
	return fmt.Sprintf("socket path %q has %d bytes, but the system allows %d: choose a shorter --socket", e.Path, len(e.Path), MaxAddress)
}

// Address is the path of the socket for the supervisor of folder dir: the override, where one is given; whipper.sock in
// the folder; or, where that is too long, a path in the short folder that depends only on dir. It changes nothing on disk. An override that is too long is an *AddressTooLongError.
func Address(dir, override string) (string, error) {
	if override != "" {
		path, err := filepath.Abs(override)
		if err != nil {
			return "", fmt.Errorf("socket path %q: %w", override, err)
		}
		if len(path) > MaxAddress {
			return "", &AddressTooLongError{Path: path}
		}
		return path, nil
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("folder %q: %w", dir, err)
	}
	if path := filepath.Join(dir, socketName); len(path) <= MaxAddress {
		return path, nil
	}
	sum := sha256.Sum256([]byte(dir))
	return filepath.Join(shortFolder(), hex.EncodeToString(sum[:8])+".sock"), nil
}

// shortFolder holds the sockets whose own folders have long names. It leaves room for a socket's name in any case.
func shortFolder() string {
	const room = len("/0123456789abcdef.sock")
	if runtime := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(runtime) {
		folder := filepath.Join(runtime, "whipper")
		err := ownership.Own(runtime) // as after su it may be missing, or that of another user, who could replace what is in it
		if err == nil && len(folder)+room <= MaxAddress {
			return folder
		}
	}
	return "/tmp/whipper-" + strconv.Itoa(os.Geteuid())
}
