//go:build unix && !linux

package supervisor

import (
	"testing"
	"time"
)

// watch gives what waits until a process has ended. There is no event for that of another's child, so it looks again and again.
func watch(t *testing.T, pid int) (awaitDeath func(time.Duration)) {
	return func(within time.Duration) {
		t.Helper()
		look := time.NewTicker(5 * time.Millisecond)
		defer look.Stop()
		for deadline := time.Now().Add(within); alive(pid); <-look.C {
			if time.Now().After(deadline) {
				t.Errorf("process %d is still there after %s", pid, within)
				return
			}
		}
	}
}
