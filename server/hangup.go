package server

import (
	"errors"
	"io"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// hangUpCheck is how often a connection that is not being read from is looked at for a peer that has gone.
const hangUpCheck = 250 * time.Millisecond

// halfOpen is a connection whose end its reader learns of only when nothing is in flight any more, so that a peer that has
// ended its own direction gets the answers to what it had asked before, and the events that it subscribed to.
type halfOpen struct {
	*net.UnixConn
	in      io.Reader // of the connection
	session *session
}

func (c halfOpen) Read(b []byte) (int, error) {
	n, err := c.in.Read(b)
	if errors.Is(err, io.EOF) {
		c.session.linger()
	}
	return n, err
}

// linger runs on the reader's goroutine and returns when nothing is in flight, or the peer is gone for good.
func (s *session) linger() {
	check := time.NewTicker(hangUpCheck)
	defer check.Stop()
	for s.busy() && !hungUp(s.socket) {
		select {
		case <-s.idle:
		case <-check.C:
		}
	}
}

// hungUp says whether the peer has closed its end, which a connection that is not being read from does not notice.
func hungUp(c *net.UnixConn) bool {
	raw, err := c.SyscallConn()
	if err != nil {
		return true
	}
	gone := false
	err = raw.Control(func(fd uintptr) {
		fds := []unix.PollFd{{Fd: int32(fd)}} // POLLHUP and POLLERR are always reported
		n, err := unix.Poll(fds, 0)
		gone = err == nil && n > 0
	})
	return gone || err != nil
}
