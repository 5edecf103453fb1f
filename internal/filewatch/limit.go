package filewatch

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
)

// LimitError says that the system allows no further watch.
type LimitError struct {
	Path string // that could not be watched
	Err  error  // the system's words, which name a full disk or too many open files
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("watch folder %q: the system allows no more file watches: %v", e.Path, e.Err)
}

func (e *LimitError) Unwrap() error { return e.Err }

// Hint says how to raise the limit.
func (e *LimitError) Hint() string {
	if runtime.GOOS != "linux" {
		return "raise the limit of open files: ulimit -n 10240; or watch fewer files"
	}
	name, value := "fs.inotify.max_user_watches", "524288"
	if errors.Is(e.Err, syscall.EMFILE) {
		name, value = "fs.inotify.max_user_instances", "1024"
	}
	now := ""
	if b, err := os.ReadFile("/proc/sys/" + strings.ReplaceAll(name, ".", "/")); err == nil {
		now = " (it is " + strings.TrimSpace(string(b)) + " now)"
	}
	return fmt.Sprintf("raise it with: sudo sysctl %s=%s%s; or watch fewer folders", name, value, now)
}

// limited gives an error of the system its meaning.
func limited(path string, err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
		return &LimitError{Path: path, Err: err}
	}
	return fmt.Errorf("watch folder %q: %w", path, err)
}
