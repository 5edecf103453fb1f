package jsonrpc

import (
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// pollReader reads from a pipe or socket that the runtime has made non-blocking, with less to do for the runtime than its own Read. Only one
// goroutine may use it at a time.
type pollReader struct {
	raw     syscall.RawConn
	attempt func(fd uintptr) bool // made once, for it would be allocated with each read
	b       []byte
	n       int
	err     error
}

// NewPollReader makes a reader of a pipe or socket that the runtime has made non-blocking, as it does with all that it opens. Deadlines and
// Close end its reads as they do r's own. Only one goroutine may use it at a time. Where r is none, it is r itself.
func NewPollReader(r io.Reader) io.Reader {
	c, ok := r.(syscall.Conn)
	if !ok {
		return r
	}
	raw, err := c.SyscallConn()
	if err != nil { // it is closed, which an ordinary read will tell
		return r
	}
	p := &pollReader{raw: raw}
	p.attempt = p.read
	return p
}

func (p *pollReader) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	p.b, p.n, p.err = b, 0, nil
	err := p.raw.Read(p.attempt)
	p.b = nil
	switch {
	case err != nil:
		return 0, err
	case p.err != nil:
		return 0, p.err
	case p.n == 0:
		return 0, io.EOF
	}
	return p.n, nil
}

// read tries once, and says whether that was the end of it: else the runtime waits until there is something.
func (p *pollReader) read(fd uintptr) bool {
	for {
		n, errno := readNow(fd, p.b)
		switch {
		case errno == unix.EINTR:
			continue
		case errno == unix.EAGAIN:
			return false
		case errno != 0:
			p.err = os.NewSyscallError("read", errno)
		default:
			p.n = n
		}
		return true
	}
}
