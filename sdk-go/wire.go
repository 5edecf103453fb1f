package whipper

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// wire is the worker's end of the pipes to its supervisor.
type wire struct {
	in, out *os.File
	ended   chan struct{} // closed at the end of in
	hold    chan struct{} // until it is closed the reader is not told of that end, since the connection would end with it

	once sync.Once
}

// takeWire has the process's stdin and stdout to itself: they are moved to other descriptors, which no program that is executed
// inherits. In their places come /dev/null and stderr, so that nothing that this process, C code in it or a child of it prints is
// taken for a message.
func takeWire() (w *wire, err error) {
	in, err := moved(0)
	if err != nil {
		return nil, fmt.Errorf("take stdin: %w", err)
	}
	out, err := moved(1)
	if err != nil {
		return nil, fmt.Errorf("take stdout: %w", errors.Join(err, unix.Close(in)))
	}
	w = &wire{in: open(in, "stdin"), out: open(out, "stdout"), ended: make(chan struct{}), hold: make(chan struct{})}
	null, err := os.OpenFile(os.DevNull, os.O_RDONLY, 0)
	if err == nil {
		err = errors.Join(replace(int(null.Fd()), 0), replace(2, 1), null.Close())
	}
	if err == nil {
		_, err = io.WriteString(w.out, "\n") // ends what may have been printed before, without a line end
	}
	if err != nil {
		return nil, fmt.Errorf("take stdin and stdout: %w", errors.Join(err, w.Close()))
	}
	return w, nil
}

// moved copies a descriptor.
func moved(fd int) (int, error) { return unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3) }

// open makes a file of it. A pipe or a socket is this process's own and may be polled; a terminal is shared with others.
func open(fd int, name string) *os.File {
	var stat unix.Stat_t
	if unix.Fstat(fd, &stat) == nil && (stat.Mode&unix.S_IFMT == unix.S_IFIFO || stat.Mode&unix.S_IFMT == unix.S_IFSOCK) {
		_ = syscall.SetNonblock(fd, true) // reads and writes take a thread of their own otherwise
	}
	return os.NewFile(uintptr(fd), name)
}

// Read gives the end of the input only once hold is closed.
func (w *wire) Read(b []byte) (int, error) {
	n, err := w.in.Read(b)
	if err == nil {
		return n, nil
	}
	w.once.Do(func() { close(w.ended) })
	<-w.hold
	return n, err
}

func (w *wire) Write(b []byte) (int, error) { return w.out.Write(b) }

func (w *wire) Close() error { return errors.Join(w.in.Close(), w.out.Close()) }
