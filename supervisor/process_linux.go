package supervisor

import (
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
	s := parseStat(string(text))
	if s.ended() {
		return 0
	}
	return s.ticks
}

// stat is what /proc/PID/stat tells of a process.
type stat struct {
	state   string
	group   int
	threads int
	ticks   uint64
}

// parseStat reads /proc/PID/stat. The second field, the program's name in brackets, may hold anything, so counting starts
// behind the last bracket.
func parseStat(text string) stat {
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) < 20 {
		return stat{}
	}
	s := stat{state: fields[0]}
	s.group, _ = strconv.Atoi(fields[2])
	s.threads, _ = strconv.Atoi(fields[17])
	s.ticks, _ = strconv.ParseUint(fields[19], 10, 64)
	return s
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
		if s := parseStat(string(text)); s.group == group && !s.ended() {
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
