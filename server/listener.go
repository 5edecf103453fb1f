package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/whipper-sidecar/whipper/internal/ownership"
)

// socketPerm is the mode of the socket and of the file that names it.
const socketPerm = 0o600

// AddressInUseError says that somebody listens on the socket already.
type AddressInUseError struct{ Path string }

func (e *AddressInUseError) Error() string {
	return fmt.Sprintf("another process listens on socket %q: stop it, or choose another --socket", e.Path)
}

// Listener is the supervisor's socket. Close removes it, and the file that names it, from the disk.
type Listener struct {
	*net.UnixListener
	path, note string
	info       fs.FileInfo // of the socket as it was made

	once sync.Once
	err  error
}

// Listen makes the socket at path, as Address gave it, for its owner alone, and writes its path to the file "socket" in dir.
// A socket that a dead supervisor left is replaced; anything else in that place is an error: *AddressInUseError where
// somebody answers there, *ownership.Error where another user may have put it there, or could replace it. The caller holds the ledger's lock.
func Listen(dir, path string) (*Listener, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("folder %q: %w", dir, err)
	}
	if len(path) > MaxAddress {
		return nil, &AddressTooLongError{Path: path}
	}
	if err := makeFolder(dir); err != nil {
		return nil, err
	}
	parent := filepath.Dir(path)
	if parent == shortFolder() {
		err = makePrivateFolder(parent)
	} else {
		err = lookedAt(ownership.Shared(parent))
	}
	if err != nil {
		return nil, err
	}
	if err := removeStale(path); err != nil {
		return nil, err
	}
	ul, err := bind(path)
	if err != nil {
		return nil, fmt.Errorf("listen on socket %q: %w", path, err)
	}
	l := &Listener{UnixListener: ul, path: path, note: filepath.Join(dir, addressName)}
	if l.info, err = os.Lstat(path); err == nil {
		err = writeNote(l.note, path)
	}
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// Path is where the socket is.
func (l *Listener) Path() string { return l.path }

// Close removes the two files, as long as they are this listener's, and stops listening. Further calls do nothing.
func (l *Listener) Close() error {
	l.once.Do(func() {
		var faults []error
		if info, err := os.Lstat(l.path); err == nil && os.SameFile(info, l.info) {
			faults = append(faults, os.Remove(l.path))
		}
		if text, ok := readNote(l.note); ok && string(text) == l.path+"\n" {
			faults = append(faults, os.Remove(l.note))
		}
		l.err = errors.Join(append(faults, l.UnixListener.Close())...)
	})
	return l.err
}

// removeStale removes a socket that nobody listens on.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("look at socket %q: %w", path, err)
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("listen on socket %q: something that is no socket is in its place", path)
	case !ownership.Ours(info): // who may not connect to it cannot tell whether somebody listens
		return &ownership.Error{Kind: "socket", Path: path, Fault: "it is another user's: remove it if nobody listens there, or choose another --socket"}
	}
	c, err := net.Dial("unix", path)
	switch {
	case err == nil:
		_ = c.Close() // it has told all it can
		return &AddressInUseError{Path: path}
	case errors.Is(err, syscall.EAGAIN): // its queue of connections is full
		return &AddressInUseError{Path: path}
	case errors.Is(err, fs.ErrNotExist): // it has just gone
		return nil
	case !errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("look at socket %q: %w", path, err)
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("remove stale socket: %w", err)
	}
	return nil
}

// bind makes the socket with its final permissions. The umask cannot be used for that: it belongs to the whole process.
func bind(path string) (*net.UnixListener, error) {
	config := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		return raw.Control(func(fd uintptr) {
			// On Linux the file gets the descriptor's mode, so that there is no moment at which others could connect. Elsewhere
			// this fails, and the folder and the check of the peer's user stand in until the mode is set below.
			_ = syscall.Fchmod(int(fd), socketPerm)
		})
	}}
	l, err := config.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, err
	}
	ul := l.(*net.UnixListener)
	ul.SetUnlinkOnClose(false) // Listener.Close does it with more care
	if err := protect(path); err != nil {
		return nil, errors.Join(err, os.Remove(path), ul.Close())
	}
	return ul, nil
}

// protect gives the socket its permissions where it does not have them yet.
func protect(path string) error {
	info, err := os.Lstat(path)
	if err != nil || info.Mode().Perm() == socketPerm {
		return err
	}
	return os.Chmod(path, socketPerm)
}

// writeNote writes the file that tells clients where the socket is, whole or not at all. What is there and tells no path is somebody's.
func writeNote(note, path string) error {
	if _, err := os.Lstat(note); err == nil && !isNote(note) {
		return fmt.Errorf("write address of socket: %s is a file of yours, for it holds no socket's path: move it, or use another --dir", note)
	}
	temp, err := os.CreateTemp(filepath.Dir(note), ".socket-*")
	if err != nil {
		return fmt.Errorf("write address of socket: %w", err)
	}
	_, err = temp.WriteString(path + "\n")
	err = errors.Join(err, temp.Chmod(socketPerm), temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), note)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write address of socket: %w", err), os.Remove(temp.Name()))
	}
	return nil
}

// isNote says whether writeNote has written that file, or a power cut has emptied it.
func isNote(note string) bool {
	text, ok := readNote(note)
	text = bytes.TrimRight(text, "\x00")
	return ok && (len(text) == 0 || text[0] == '/' && bytes.IndexByte(text, '\n') == len(text)-1)
}

// readNote reads a file that can be a note. Others may be pipes, or of any size.
func readNote(note string) (text []byte, ok bool) {
	info, err := os.Lstat(note)
	if err != nil || !info.Mode().IsRegular() || info.Size() > int64(MaxAddress+len("\n")) {
		return nil, false
	}
	text, err = os.ReadFile(note)
	return text, err == nil
}
