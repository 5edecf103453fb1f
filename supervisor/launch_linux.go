package supervisor

import (
	"os"

	"golang.org/x/sys/unix"
)

// descriptorFolder lists the descriptors of this process.
const descriptorFolder = "/proc/self/fd"

// dieWithParent asks for SIGKILL at the supervisor's end. The kernel forgets what was asked before when the user changes, and
// with each fork and thread.
func dieWithParent() error {
	return unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0)
}

// selfPath is this very program, even after its file was replaced.
func selfPath() (string, error) {
	const self = "/proc/self/exe"
	if _, err := os.Stat(self); err == nil {
		return self, nil
	}
	return os.Executable()
}

// own makes the pipes' other ends a worker's who runs as another user: who opens /dev/stdout anew needs that.
func own(ends []*os.File, a *Account) error {
	for _, end := range ends {
		if err := end.Chown(int(a.UID), int(a.GID)); err != nil {
			return err
		}
	}
	return nil
}
