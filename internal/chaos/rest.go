package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// measures are what must be the same whenever a supervisor is at rest.
type measures struct {
	goroutines  int64
	processes   int
	descriptors []string
}

func (l *life) measure() measures {
	m := measures{goroutines: l.dump().goroutines, descriptors: l.descriptors()}
	owners := map[string]bool{}
	var orphans []string // marks of the workers that have left them behind
	for _, child := range l.ours() {
		if isSleep(child) {
			orphans = append(orphans, markOf(child))
		} else {
			m.processes++
			owners[markOf(child)] = true
		}
	}
	for _, mark := range orphans {
		if !owners[mark] {
			m.processes++
		}
	}
	return m
}

// dump asks the supervisor by SIGQUIT.
func (l *life) dump() dump {
	l.dumping.Lock()
	defer l.dumping.Unlock()
	select {
	case <-l.dumps: // of a dump that somebody else asked for
	default:
	}
	_ = l.cmd.Process.Signal(syscall.SIGQUIT)
	select {
	case d := <-l.dumps:
		return d
	case <-l.ended:
	case <-time.After(patience):
		l.books.violation("SIGQUIT is not answered")
	}
	return dump{}
}

// descriptors gives what the supervisor has open, but for the ledger, of which it opens more when many read it.
func (l *life) descriptors() (open []string) {
	links, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", l.cmd.Process.Pid))
	for _, link := range links {
		to, err := os.Readlink(link)
		if err == nil && !strings.Contains(to, "/ledger.db") {
			open = append(open, to)
		}
	}
	return open
}

// compare looks whether anything is left of all that was done in between. What ends on its own accord gets some time.
func (l *life) compare(before measures) {
	var now measures
	for began := time.Now(); time.Since(began) < patience; time.Sleep(200 * time.Millisecond) {
		now = l.measure()
		if now.goroutines <= before.goroutines && len(now.descriptors) <= len(before.descriptors) && now.processes <= before.processes {
			return
		}
	}
	l.books.violation("at rest the supervisor had %+v and now has %+v", before, now)
}

// ours gives the processes that were started on the stage's state folder, but for supervisors, by the environment they have.
func (s *stage) ours() (pids []int) {
	files, _ := filepath.Glob("/proc/[1-9]*/environ")
	for _, file := range files {
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if s.isOurs(pid) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// markOf gives what a worker and all that it started have in common.
func markOf(pid int) string {
	env, _ := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	_, rest, _ := strings.Cut(string(env), "WHIPPER_PROCESS=")
	mark, _, _ := strings.Cut(rest, "\x00")
	return mark
}

// isOurs says whether a process is a worker of the stage or was started by one. Clients have the folder in their environment, but no mark.
func (s *stage) isOurs(pid int) bool {
	env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	text := "\x00" + string(env)
	return err == nil && strings.Contains(text, "\x00WHIPPER_DIR="+s.state()+"\x00") && strings.Contains(text, "\x00WHIPPER_PROCESS=")
}

// nothingRuns looks whether the supervisor has taken everything with it. Of one that was killed the workers end with it, and what
// those have started at the next start.
func (l *life) nothingRuns(how ending) bool {
	var left []int
	for began := time.Now(); time.Since(began) < patience; time.Sleep(50 * time.Millisecond) {
		if left = l.ours(); how == murdered {
			left = leaders(left)
		}
		if len(left) == 0 {
			break
		}
	}
	for _, pid := range left {
		line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		l.books.violation("process %d (%q) is left by a supervisor that ended by %s", pid, line, how)
	}
	if entries, err := os.ReadDir(l.temp()); err != nil || len(entries) > 0 {
		l.books.violation("temporary files are left: %v %v", entries, err)
	}
	if how == murdered { // its socket and WAL are the next one's to put right
		return len(left) == 0
	}
	entries, err := os.ReadDir(l.state())
	if err != nil {
		l.books.violation("%v", err)
	}
	for _, e := range entries {
		switch e.Name() {
		case "ledger.db", "lock", ".gitignore", "runner":
		default:
			l.books.violation("%s is left in the state folder by a supervisor that ended by %s", e.Name(), how)
		}
	}
	return len(left) == 0
}

// leaders gives those that lead their process group: workers.
func leaders(pids []int) (first []int) {
	for _, pid := range pids {
		if group, err := syscall.Getpgid(pid); err == nil && group == pid && !isSleep(pid) {
			first = append(first, pid)
		}
	}
	return first
}

// isSleep says whether a process is one that a worker has left behind.
func isSleep(pid int) bool {
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return errors.Is(err, os.ErrNotExist) || strings.HasPrefix(string(line), "sleep\x00")
}
