package server

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// FolderError says why a folder is not fit to hold a socket.
type FolderError struct {
	Path  string
	Fault string // what is wrong, and what to do about it
}

func (e *FolderError) Error() string { return fmt.Sprintf("folder %q: %s", e.Path, e.Fault) }

// makeFolder creates dir for its owner alone, whatever the umask. One that is there keeps its permissions, but must be ours and
// not be open to everybody.
func makeFolder(dir string) error {
	err := errors.Join(os.MkdirAll(filepath.Dir(dir), 0o700), mkdirPrivate(dir))
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("create folder of socket: %w", err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("look at folder of socket: %w", err)
	}
	switch {
	case os.Geteuid() != 0 && !ours(info):
		return &FolderError{Path: dir, Fault: "it belongs to another user"}
	case info.Mode().Perm()&0o002 != 0:
		return &FolderError{Path: dir, Fault: fmt.Sprintf("its mode %04o lets every user write to it: chmod 0700 it", info.Mode().Perm())}
	}
	return nil
}

// makePrivateFolder is for a folder below one that others can write to: what is there already must be a real folder,
// ours, and closed to everybody else.
func makePrivateFolder(dir string) error {
	err := mkdirPrivate(dir)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("create folder of socket: %w", err)
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return fmt.Errorf("look at folder of socket: %w", err)
	}
	switch {
	case !info.IsDir():
		return &FolderError{Path: dir, Fault: fmt.Sprintf("it is no folder (%v): remove it", info.Mode().Type())}
	case !ours(info):
		return &FolderError{Path: dir, Fault: "it belongs to another user: set XDG_RUNTIME_DIR, or choose a short --socket"}
	case info.Mode().Perm() != 0o700:
		return &FolderError{Path: dir, Fault: fmt.Sprintf("its mode is %04o: chmod 0700 it", info.Mode().Perm())}
	}
	return nil
}

func mkdirPrivate(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	return os.Chmod(dir, 0o700) // the umask may have taken bits away
}

func ours(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && stat.Uid == uint32(os.Geteuid())
}
