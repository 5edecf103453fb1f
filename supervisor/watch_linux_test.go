package supervisor

import (
	"errors"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// watch gives what waits until a process has ended, whoever its parent is. Call it while the process lives.
func watch(t *testing.T, pid int) (awaitDeath func(time.Duration)) {
	t.Helper()
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		t.Fatalf("watch process %d: %v", pid, err)
	}
	return func(within time.Duration) {
		t.Helper()
		defer unix.Close(fd)
		const look = 10 * time.Millisecond // one more is waited where the machine stood still, however long
		for left := within; ; {
			n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(min(left, look).Milliseconds()))
			switch {
			case errors.Is(err, unix.EINTR):
			case n == 1:
				return
			case err != nil || left <= look:
				t.Errorf("process %d is still there after %s (%v)", pid, within, err)
				return
			default:
				left -= look
			}
		}
	}
}
