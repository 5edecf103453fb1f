package endtoend

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// newTerminal opens a pseudo-terminal: closing the master closes the terminal.
func newTerminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	check(t, err)
	t.Cleanup(func() { master.Close() })
	check(t, unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	check(t, err)
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	check(t, err)
	t.Cleanup(func() { slave.Close() })
	return master, slave
}

// onTerminal has a command run in a session of its own, with the terminal as its own.
func onTerminal(cmd *exec.Cmd, slave *os.File) {
	cmd.Stdin = slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 0}
}

func TestAClosedTerminalDrains(t *testing.T) {
	t.Parallel()
	master, slave := newTerminal(t)
	s := prepare(t, filepath.Join(t.TempDir(), "state"), "testdata/worker.py")
	onTerminal(s.cmd, slave)
	s.begin()
	check(t, slave.Close())
	s.says(1, `pool default is ready`)
	running, open := hold(t, s.client())
	eventually(t, "the call runs", func() bool { return s.calls(s.client()) == 1 })
	check(t, master.Close())
	s.signal(syscall.SIGHUP) // as a shell would send as well: no second signal that kills
	s.signal(syscall.SIGHUP)
	s.says(1, `whipper: the terminal is gone: draining with 1 running call`)
	open()
	if got := <-running; got != `"held"` {
		t.Errorf("the call got %q", got)
	}
	if code := s.exitCode(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

func TestSIGHUPRestartsWhileTheTerminalIsThere(t *testing.T) {
	t.Parallel()
	_, slave := newTerminal(t)
	s := prepare(t, filepath.Join(t.TempDir(), "state"), "--max-workers", "1", "testdata/worker.py")
	onTerminal(s.cmd, slave)
	s.begin()
	s.says(1, `pool default is ready`)
	s.signal(syscall.SIGHUP)
	s.says(1, `whipper: SIGHUP: pool default: 1 worker replaced`)
	stop(t, s)
}

// The shell is the session's first process. When it dies, the kernel sends SIGHUP to those on the terminal, which is still open.
func TestTheEndOfTheSessionDrains(t *testing.T) {
	t.Parallel()
	_, slave := newTerminal(t)
	s := prepare(t, filepath.Join(t.TempDir(), "state"), "testdata/worker.py")
	s.cmd.Path, s.cmd.Args = "/bin/sh", append([]string{"sh", "-c", `"$@"; :`, "sh"}, s.cmd.Args...) // the : keeps sh from becoming whipper
	output, written, err := os.Pipe()
	check(t, err)
	defer output.Close()
	s.cmd.Stderr = written
	onTerminal(s.cmd, slave)
	s.begin()
	check(t, written.Close())
	copied := make(chan struct{})
	go func() { // until whipper ends, which outlives the shell
		defer close(copied)
		_, _ = s.stderr.ReadFrom(output)
	}()
	s.says(1, `pool default is ready`)
	t.Cleanup(func() { _ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL) }) // gone, if all went well
	s.signal(syscall.SIGKILL)
	select {
	case <-copied:
	case <-time.After(patience):
		t.Fatal("it goes on without a terminal")
	}
	if !strings.Contains(s.stderr.String(), "whipper: the terminal is gone: draining") {
		t.Error("it ended without saying why")
	}
}

func TestSIGHUPUnderNohupStaysIgnored(t *testing.T) {
	t.Parallel()
	s := prepare(t, filepath.Join(t.TempDir(), "state"), "--max-workers", "1", "testdata/worker.py")
	s.cmd.Path, s.cmd.Args = "/bin/sh", append([]string{"sh", "-c", `trap "" HUP; exec "$@"`, "sh"}, s.cmd.Args...)
	s.begin()
	s.says(1, `pool default is ready`)
	s.signal(syscall.SIGHUP)
	if newest := s.newest(s.client()); newest != "w1" {
		t.Errorf("SIGHUP made a worker %s", newest)
	}
	stop(t, s)
}
