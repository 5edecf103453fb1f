package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// readiness is what exec tells when its first worker is ready. As JSON it goes to --ready-fd.
type readiness struct {
	PID    int      `json:"pid"`
	Socket string   `json:"socket"`
	Dir    string   `json:"dir"`
	Pool   string   `json:"pool"`
	Listen []string `json:"listen,omitempty"` // addresses of the sockets that the workers share

	workers string
}

// String is the line for people.
func (r readiness) String() string {
	text := fmt.Sprintf("pool %s is ready: %s, socket %s, ledger %s", r.Pool, r.workers, short(r.Socket), short(filepath.Join(r.Dir, "ledger.db")))
	if len(r.Listen) > 0 {
		text += ", listening on " + strings.Join(r.Listen, ", ")
	}
	return text
}

// readyFD is an inherited file descriptor that somebody waits on; nil if nobody does.
type readyFD struct{ to io.Writer }

// openReadyFD opens it; stderr is descriptor 2, which the log goes to as well.
func openReadyFD(fd int, stderr io.Writer) (*readyFD, error) {
	switch fd {
	case 0:
		return nil, nil
	case 1:
		return &readyFD{os.Stdout}, nil
	case 2:
		return &readyFD{stderr}, nil
	}
	var stat syscall.Stat_t
	if fd < 0 || syscall.Fstat(fd, &stat) != nil {
		return nil, misuse("start whipper with the descriptor open, as in: whipper exec --ready-fd 3 tasks.py 3>ready", "--ready-fd %d is not open", fd)
	}
	syscall.CloseOnExec(fd) // the workers must not hold it open
	return &readyFD{os.NewFile(uintptr(fd), "ready-fd")}, nil
}

// write tells r and closes the descriptor: the reader finds the end of it.
func (d *readyFD) write(r readiness) error {
	if d == nil {
		return nil
	}
	line, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encode readiness: %w", err)
	}
	if _, err := d.to.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("write to --ready-fd: %w", err)
	}
	file, ok := d.to.(*os.File)
	if !ok {
		return nil // the log goes there
	}
	if err := file.Close(); err != nil {
		return fmt.Errorf("close --ready-fd: %w", err)
	}
	return nil
}

// short is path as seen from the working folder, if it lies below.
func short(path string) string {
	cwd, err := os.Getwd()
	if err != nil {
		return path
	}
	if rel, err := filepath.Rel(cwd, path); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return path
}
