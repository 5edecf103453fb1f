package supervisor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// adoptOrphans has the kernel hand this process what its workers' processes leave behind, instead of the machine's first process.
// It holds until this process ends.
func adoptOrphans() error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("become the parent of workers' orphans: %w", err)
	}
	return nil
}

// canKillTree says why process trees cannot be killed here, if they cannot.
func canKillTree() error {
	if !ownProc() {
		return errors.New("/proc is missing, or is that of another PID namespace (mount one of its own: unshare --mount-proc)")
	}
	fd, err := unix.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		return fmt.Errorf("the kernel has no process descriptors, which came with Linux 5.3: %w", err)
	}
	_ = unix.Close(fd)
	strangers()
	return nil
}

// ownProc says whether /proc numbers the processes as this process does.
func ownProc() bool {
	self, err := os.Readlink("/proc/self")
	return err == nil && self == strconv.Itoa(os.Getpid())
}

// tree finds the processes that a worker's process has started, wherever they have gone. There are two ways to tell: by their
// ancestors while they live, and by the mark in the environment that each inherits. A process is known by its number and its
// start time, and is killed through a descriptor that was opened before that was looked at, so no number is ever mistaken.
type tree struct {
	mark string // NAME=VALUE

	mu     sync.Mutex
	family map[int]uint64 // known by their ancestors: start time by pid
}

// remember notes the descendants of a process that is about to be killed: of those that it started with another
// environment nobody could tell later whose they were.
func (t *tree) remember(root int) {
	family := map[int]uint64{}
	for pid, s := range below(root, processes()) {
		family[pid] = s.ticks
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.family = family
}

// kill kills what is left of the tree, and returns once it is gone.
func (t *tree) kill(ctx context.Context) error {
	return killAll(ctx, func() map[int]stat { return t.find(processes()) })
}

// find gives the living members of the tree among all processes. Only what is below this process is looked at: it cannot be
// that a worker's process is found elsewhere, and it can that somebody has copied an environment.
func (t *tree) find(all map[int]stat) map[int]stat {
	t.mu.Lock()
	defer t.mu.Unlock()
	found := map[int]stat{}
	marks := map[int]string{}
	for pid, s := range below(os.Getpid(), all) {
		if ticks, known := t.family[pid]; known && ticks == s.ticks || t.owns(pid, all, marks) {
			found[pid] = s
		}
	}
	return found
}

// owns says whether the nearest ancestor that has a mark, the process itself included, has this one. marks is what was read.
func (t *tree) owns(pid int, all map[int]stat, marks map[int]string) bool {
	name, _, _ := bytes.Cut([]byte(t.mark), []byte("="))
	for self := os.Getpid(); pid != self && pid > 1; pid = all[pid].parent {
		mark, known := marks[pid]
		if !known {
			mark = variable(pid, name)
			marks[pid] = mark
		}
		if mark != "" {
			return mark == t.mark
		}
	}
	return false
}

// variable reads a variable, as NAME=VALUE, of the environment that a process was started with; empty: it has none.
func variable(pid int, name []byte) string {
	for assignment := range bytes.SplitSeq(environment(pid), []byte{0}) {
		if bytes.HasPrefix(assignment, name) && len(assignment) > len(name) && assignment[len(name)] == '=' {
			return string(assignment)
		}
	}
	return ""
}

// startAtMost bounds how long a process may be in the middle of execve(2), where its environment cannot be read.
const startAtMost = 100 * time.Millisecond

// environment reads the environment that a process was started with. It is empty for one that has ended or is another user's. While the
// kernel loads a program, the environment is empty too; that ends without an event, and soon.
func environment(pid int) []byte {
	for deadline := time.Now().Add(startAtMost); ; time.Sleep(100 * time.Microsecond) {
		text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		env, envErr := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
		if err != nil || envErr != nil || len(env) > 0 || !isLoading(text) || time.Now().After(deadline) {
			return env
		}
	}
}

// isLoading says whether /proc/PID/stat is that of a process that has no environment yet: field 51, where it ends, is 0.
func isLoading(text []byte) bool {
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:]) // from the third on
	return len(fields) > 51-3 && string(fields[51-3]) == "0" && !parseStat(text).ended()
}

// killAll kills what find finds until it finds no more.
func killAll(ctx context.Context, find func() map[int]stat) error {
	ctx, cancel := context.WithTimeout(ctx, goneAtMost)
	defer cancel()
	for {
		found := find()
		if len(found) == 0 {
			return nil
		}
		var dying []unix.PollFd
		var problem error
		for pid, s := range found {
			fd, err := killKnown(pid, s.ticks)
			if err != nil {
				problem = fmt.Errorf("kill process %d: %w", pid, err)
			}
			if fd >= 0 {
				dying = append(dying, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
			}
		}
		awaitAll(ctx, dying)
		if problem != nil && len(dying) == 0 {
			return problem // nothing will change by trying again
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%d processes are still there %s after they were killed", len(found), goneAtMost)
		}
	}
}

// killKnown kills a process if it is the one that was started then, and gives a descriptor that becomes readable when it has
// ended; -1 if it has already.
func killKnown(pid int, ticks uint64) (fd int, err error) {
	fd, err = unix.PidfdOpen(pid, 0)
	if err != nil {
		return -1, ignoreGone(err)
	}
	if startTicks(pid) == ticks {
		if err = ignoreGone(unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)); err == nil {
			return fd, nil
		}
	}
	_ = unix.Close(fd)
	return -1, err
}

func ignoreGone(err error) error {
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	return err
}

// awaitAll waits until all have ended, or ctx has, and closes the descriptors.
func awaitAll(ctx context.Context, dying []unix.PollFd) {
	deadline, _ := ctx.Deadline()
	for i := range dying {
		for {
			n, err := unix.Poll(dying[i:i+1], max(int(time.Until(deadline).Milliseconds()), 0))
			if n > 0 || err == nil || !errors.Is(err, unix.EINTR) {
				break
			}
		}
		_ = unix.Close(int(dying[i].Fd))
	}
}

// below gives the living processes among all that descend from a process.
func below(root int, all map[int]stat) map[int]stat {
	isRoot := map[int]bool{root: true}
	found := map[int]stat{}
	for pid, s := range all {
		if pid != root && !s.ended() && ancestor(pid, all, isRoot) == root {
			found[pid] = s
		}
	}
	return found
}
