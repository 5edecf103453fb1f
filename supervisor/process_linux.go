package supervisor

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// ownGroup gives a process a group of its own and has it killed when the supervisor dies.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// awaitExit blocks until the process has ended, and leaves it unreaped so that its id and its group's cannot be reused yet.
// False means that this could not be done.
func awaitExit(pid int) bool {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return err == nil
		}
	}
}

// unread says how many bytes wait in a pipe.
func unread(f *os.File) int {
	raw, err := f.SyscallConn()
	if err != nil {
		return 0
	}
	n := 0
	_ = raw.Control(func(fd uintptr) { // a pipe that is closed holds nothing
		n, _ = unix.IoctlGetInt(int(fd), unix.TIOCINQ)
	})
	return n
}

// startTicks is when a living process started, in clock ticks since boot: with the pid it names a process for good. It is 0 for
// one that has ended.
func startTicks(pid int) uint64 {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0
	}
	s := parseStat(text)
	if s.ended() {
		return 0
	}
	return s.ticks
}

// stat is what /proc/PID/stat tells of a process. Its state is empty where the text was none.
type stat struct {
	state   string
	parent  int
	group   int
	threads int
	ticks   uint64 // when it started
	cpu     uint64 // clock ticks that it and the children it has waited for have run
	rss     int64  // pages
}

// parseStat reads /proc/PID/stat. The second field, the program's name in brackets, may hold anything, so counting starts
// behind the last bracket.
func parseStat(text []byte) stat {
	var s stat
	rest := text[bytes.LastIndexByte(text, ')')+1:]
	for field := 3; field <= 24; field++ {
		rest = bytes.TrimLeft(rest, " ")
		end := bytes.IndexByte(rest, ' ')
		if end < 0 {
			return stat{} // cut short
		}
		value := rest[:end]
		rest = rest[end:]
		switch field {
		case 3:
			s.state = string(value)
		case 4:
			s.parent = int(number(value))
		case 5:
			s.group = int(number(value))
		case 14, 15, 16, 17: // user and system, its own and its children's
			s.cpu += number(value)
		case 20:
			s.threads = int(number(value))
		case 22:
			s.ticks = number(value)
		case 24:
			s.rss = int64(number(value))
		}
	}
	return s
}

// number reads decimal digits up to the first byte that is none.
func number(digits []byte) (n uint64) {
	for _, d := range digits {
		if d < '0' || d > '9' {
			break
		}
		n = n*10 + uint64(d-'0')
	}
	return n
}

// ended says whether no thread of the process is left that could have an effect: a killed process looks dead by its state as soon
// as its first thread is.
func (s stat) ended() bool { return (s.state == "Z" || s.state == "X") && s.threads <= 1 }

// bootID tells this boot of the machine from others.
func bootID() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(id))
}

// living gives the folders in /proc of a group's processes that have not ended.
func living(group int) []string {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var folders []string
	for _, e := range entries {
		if e.Name()[0] < '0' || e.Name()[0] > '9' {
			continue
		}
		text, err := os.ReadFile("/proc/" + e.Name() + "/stat")
		if err != nil {
			continue
		}
		if s := parseStat(text); s.group == group && !s.ended() {
			folders = append(folders, "/proc/"+e.Name())
		}
	}
	return folders
}

// groupLives says whether a process of the group has not ended yet.
func groupLives(group int) bool { return len(living(group)) > 0 }

// inGroup says whether a process of the group is alive that carries the mark in the environment it was started with.
func inGroup(group int, mark string) bool {
	return slices.ContainsFunc(living(group), func(folder string) bool {
		env, err := os.ReadFile(folder + "/environ")
		return err == nil && strings.Contains("\x00"+string(env), "\x00"+mark+"\x00")
	})
}
