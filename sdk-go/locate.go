package whipper

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/whipper-sidecar/whipper/jsonrpc"
)

const (
	folderName  = ".whipper"
	socketName  = "whipper.sock"
	addressName = "socket" // a file with the path of the socket in use
)

// FindDir looks for the folder .whipper in start and then in each folder above it, as git does for its own, and returns its
// absolute path. "" is the working folder. Where there is none it returns a *NoFolderError.
func FindDir(start string) (dir string, err error) {
	start, err = filepath.Abs(start)
	if err != nil {
		return "", fmt.Errorf("find %s: %w", folderName, err)
	}
	for at := start; ; at = filepath.Dir(at) {
		dir := filepath.Join(at, folderName)
		info, err := os.Stat(dir)
		switch {
		case err == nil && info.IsDir():
			return dir, nil
		case err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission):
			return "", fmt.Errorf("find %s: %w", folderName, err)
		}
		if at == filepath.Dir(at) {
			return "", &NoFolderError{Start: start}
		}
	}
}

// target is where a client connects to.
type target struct {
	dir, socket string
	owner       uint32 // whose process must answer, beside root's
}

// locate finds the socket that the options mean.
func locate(o Options) (target, error) {
	if o.Dir == "" && o.Socket == "" {
		o = Options{Dir: os.Getenv("WHIPPER_DIR"), Socket: os.Getenv("WHIPPER_SOCKET")}
	}
	if o.Socket != "" {
		return target{socket: o.Socket, owner: uint32(os.Geteuid())}, nil
	}
	if o.Dir == "" {
		dir, err := FindDir("")
		if err != nil {
			return target{}, &NoSupervisorError{Err: err}
		}
		o.Dir = dir
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return target{}, fmt.Errorf("folder %q: %w", o.Dir, err)
	}
	owner, err := ownerOf(dir)
	if err != nil {
		return target{}, err
	}
	t := target{dir: dir, socket: filepath.Join(dir, socketName), owner: owner}
	text, err := os.ReadFile(filepath.Join(dir, addressName))
	switch {
	case err == nil:
		t.socket = strings.TrimSuffix(string(text), "\n")
	case !errors.Is(err, fs.ErrNotExist):
		return target{}, fmt.Errorf("read address of socket: %w", err)
	}
	return t, nil
}

// ownerOf gives the owner of a supervisor's folder, who must be this user or root. Root may use anybody's.
func ownerOf(dir string) (uint32, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return 0, &NoSupervisorError{Dir: dir, Socket: filepath.Join(dir, socketName), Err: err}
	}
	if !info.IsDir() {
		return 0, fmt.Errorf("%s is not a folder", dir)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, fmt.Errorf("folder %q: its owner is unknown", dir)
	}
	if me := uint32(os.Geteuid()); stat.Uid != me && stat.Uid != 0 && me != 0 {
		return 0, &UntrustedError{What: "folder", Path: dir, UID: stat.Uid}
	}
	return stat.Uid, nil
}

// checkPeer makes sure that the process at the other end is this user's, the folder's owner's, or root's.
func (t target) checkPeer(c *net.UnixConn) error {
	uid, err := jsonrpc.PeerUID(c)
	if err != nil {
		return fmt.Errorf("process at socket %q: its user is unknown: %w", t.socket, err)
	}
	if uid != 0 && uid != uint32(os.Geteuid()) && uid != t.owner {
		return &UntrustedError{What: "process at socket", Path: t.socket, UID: uid}
	}
	return nil
}
