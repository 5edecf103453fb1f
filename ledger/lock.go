package ledger

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/whipper-sidecar/whipper/internal/ownership"
)

// lock is the flock that keeps a second supervisor away. The kernel lets go of it when the process ends, however it
// ends, so a lock is never stale; the file itself stays, since removing it would race with the next holder.
type lock struct{ file *os.File }

// acquireLock takes the lock or returns a *LockedError.
func acquireLock(path string) (*lock, error) {
	// It is opened with O_CLOEXEC, so that no worker inherits the lock.
	file, err := ownership.Open(path, os.O_RDWR|os.O_CREATE, filePerm)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	if err := flock(file); err != nil {
		defer file.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, &LockedError{Path: path, PID: holder(file)}
		}
		return nil, fmt.Errorf("lock %q: %w", path, err)
	}
	if !isLock(file) {
		file.Close()
		return nil, fmt.Errorf("lock %q: it is a file of yours, for it holds more than a process id: move it, or use another --dir", path)
	}
	l := &lock{file: file}
	if err := l.sign(); err != nil {
		file.Close()
		return nil, fmt.Errorf("write lock %q: %w", path, err)
	}
	return l, nil
}

// isLock says whether a file is one that sign has written, or a power cut has cut short.
func isLock(file *os.File) bool {
	const digits = 20
	text := make([]byte, digits+1)
	n, _ := file.ReadAt(text, 0)
	return n <= digits && strings.Trim(string(text[:n]), "0123456789\x00\n") == ""
}

func (l *lock) release() error { return l.file.Close() }

// sign writes the pid for people and for LockedError; the lock itself does not depend on it.
func (l *lock) sign() error {
	if err := l.file.Chmod(filePerm); err != nil {
		return err
	}
	if err := l.file.Truncate(0); err != nil {
		return err
	}
	_, err := l.file.WriteAt(strconv.AppendInt(nil, int64(os.Getpid()), 10), 0)
	return err
}

func flock(file *os.File) error {
	for {
		err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// holder reads the pid in a lock file, or 0.
func holder(file *os.File) int {
	text := make([]byte, 20)
	n, _ := file.ReadAt(text, 0)
	pid, err := strconv.Atoi(strings.TrimSpace(string(text[:n])))
	if err != nil {
		return 0
	}
	return pid
}
