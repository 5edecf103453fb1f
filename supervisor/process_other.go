//go:build unix && !linux

package supervisor

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ownGroup gives a process a group of its own. Without Linux's parent-death signal a worker ends by the end of its stdin.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// awaitExit cannot be done here: the process is reaped before its group is killed.
func awaitExit(int) bool { return false }

// unread is not known here.
func unread(*os.File) int { return 0 }

// startTicks is when a process started, in seconds since 1970.
func startTicks(pid int) uint64 {
	out, err := exec.Command("ps", "-o", "lstart=", "-p", strconv.Itoa(pid)).Output()
	if err != nil {
		return 0
	}
	at, err := time.ParseInLocation(time.ANSIC, strings.TrimSpace(string(out)), time.Local)
	if err != nil {
		return 0
	}
	return uint64(at.Unix())
}

func bootID() string { return "" }

// groupLives says whether the group has a process.
func groupLives(group int) bool { return unix.Kill(-group, 0) == nil }

// inGroup cannot be told here; the leader's start time decides alone.
func inGroup(int, string) bool { return false }
