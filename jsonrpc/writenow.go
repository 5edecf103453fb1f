package jsonrpc

import (
	"errors"
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// NowWriter is implemented by what can write without waiting: WriteNow writes as much of b as is taken at once, which may be nothing.
type NowWriter interface {
	WriteNow(b []byte) (n int, err error)
}

// nowWriterOf gives a NowWriter for w, or nil if there is none.
func nowWriterOf(w io.Writer) NowWriter {
	switch w := w.(type) {
	case NowWriter:
		return w
	case syscall.Conn:
		return NewNowWriter(w)
	}
	return nil
}

// NewNowWriter makes a NowWriter of a pipe or socket that the runtime has made non-blocking, as it does with all that it opens. Only one
// goroutine may use it at a time.
func NewNowWriter(c syscall.Conn) NowWriter {
	raw, err := c.SyscallConn()
	if err != nil { // it is closed, which an ordinary write will tell
		return nil
	}
	w := &rawWriter{raw: raw}
	w.attempt = w.write
	return w
}

type rawWriter struct {
	raw     syscall.RawConn
	attempt func(fd uintptr) bool // made once, for it would be allocated with each write
	b       []byte
	n       int
	err     error
}

func (w *rawWriter) WriteNow(b []byte) (int, error) {
	w.b, w.n, w.err = b, 0, nil
	err := w.raw.Write(w.attempt)
	w.b = nil
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded): // one that has been left from an earlier write: the goroutine sets another
		return 0, nil
	case err != nil:
		return 0, err
	}
	return w.n, w.err
}

// write tries once, and never has the runtime wait.
func (w *rawWriter) write(fd uintptr) bool {
	for {
		n, errno := writeNow(fd, w.b)
		switch {
		case errno == unix.EINTR:
			continue
		case errno == unix.EAGAIN:
		case errno != 0:
			w.err = os.NewSyscallError("write", errno)
		default:
			w.n = n
		}
		return true
	}
}
