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

// readiness is what is told when a supervisor serves: by exec when its first worker is ready, by serve when each pool has one or is
// degraded. As JSON it goes to --ready-fd, for exec also if the pool is degraded before it has a worker.
type readiness struct {
	PID    int         `json:"pid"`
	Socket string      `json:"socket"`
	Dir    string      `json:"dir"`
	HTTP   string      `json:"http,omitempty"`   // HOST:PORT of --http
	Pool   string      `json:"pool,omitempty"`   // of exec
	State  string      `json:"state,omitempty"`  // of exec: degraded, or absent
	Reason string      `json:"reason,omitempty"` // of exec: why it is degraded
	Listen []string    `json:"listen,omitempty"` // of exec: addresses of the sockets that the workers share
	Pools  []readyPool `json:"pools,omitempty"`  // of serve

	workers string
}

// readyPool is one of several pools.
type readyPool struct {
	Pool   string   `json:"pool"`
	State  string   `json:"state"`
	Reason string   `json:"reason,omitempty"` // why it is degraded
	Listen []string `json:"listen,omitempty"`

	workers string
}

// String is the line for people.
func (r readiness) String() string {
	where := fmt.Sprintf("socket %s, ledger %s", short(r.Socket), short(filepath.Join(r.Dir, "ledger.db")))
	if r.HTTP != "" {
		where += ", http://" + r.HTTP
	}
	if r.Pools == nil {
		return fmt.Sprintf("pool %s is ready: %s, %s%s", r.Pool, r.workers, where, listening(r.Listen))
	}
	var pools []string
	ready := 0
	for _, p := range r.Pools {
		text := fmt.Sprintf("%s (%s%s)", p.Pool, p.workers, listening(p.Listen))
		switch {
		case p.Reason != "":
			text = fmt.Sprintf("%s (%s: %s)", p.Pool, p.State, inOneLine(p.Reason))
		case p.State == "starting":
			text = fmt.Sprintf("%s (starting)", p.Pool)
		default:
			ready++
		}
		pools = append(pools, text)
	}
	count := plural(ready, "pool") + " ready"
	if ready < len(pools) {
		count = fmt.Sprintf("%d of %s ready", ready, plural(len(pools), "pool"))
	}
	return fmt.Sprintf("%s: %s, %s", count, strings.Join(pools, ", "), where)
}

func listening(addresses []string) string {
	if len(addresses) == 0 {
		return ""
	}
	return ", listening on " + strings.Join(addresses, ", ")
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

// write tells r and closes the descriptor: the reader finds the end of it. Again, it does nothing.
func (d *readyFD) write(r readiness) error {
	if d == nil || d.to == nil {
		return nil
	}
	defer func() { d.to = nil }()
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
