package server

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/whipper-sidecar/whipper/internal/ownership"
)

// makeFolder creates dir for its owner alone, whatever the umask. One that is there keeps its permissions, but must be safe from others.
func makeFolder(dir string) error {
	err := errors.Join(os.MkdirAll(filepath.Dir(dir), 0o700), mkdirPrivate(dir))
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("create folder of socket: %w", err)
	}
	return lookedAt(ownership.Own(dir))
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
		return lookedAt(err)
	}
	fault := ""
	switch {
	case !info.IsDir():
		fault = fmt.Sprintf("it is no folder (%v): remove it", info.Mode().Type())
	case !ownership.Ours(info):
		fault = "it belongs to another user: set XDG_RUNTIME_DIR, or choose a short --socket"
	case info.Mode().Perm() != 0o700:
		fault = fmt.Sprintf("its mode is %04o: chmod 0700 it", info.Mode().Perm())
	default:
		return nil
	}
	return &ownership.Error{Kind: "folder", Path: dir, Fault: fault}
}

func mkdirPrivate(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	return os.Chmod(dir, 0o700) // the umask may have taken bits away
}

// lookedAt says what was done when the system refused to tell of a folder.
func lookedAt(err error) error {
	if wrong := (*ownership.Error)(nil); err == nil || errors.As(err, &wrong) {
		return err
	}
	return fmt.Errorf("look at folder of socket: %w", err)
}
