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
		deadline := time.Now().Add(within)
		for {
			n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(time.Until(deadline).Milliseconds()))
			if errors.Is(err, unix.EINTR) {
				continue
			}
			if n != 1 {
				t.Errorf("process %d is still there after %s (%v)", pid, within, err)
			}
			return
		}
	}
}
