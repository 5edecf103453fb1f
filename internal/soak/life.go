package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

// life is one supervisor process.
type life struct {
	*stage
	cmd    *exec.Cmd
	log    *os.File
	client *whipper.Client // for looking and steering
	ended  chan struct{}   // closed when the process has

	goroutines chan int // as its dumps tell
	steering   sync.Mutex
	stopped    map[int]bool // processes that got SIGSTOP
}

// start starts a supervisor and waits until it is ready.
func (s *stage) start(ctx context.Context) (*life, error) {
	l := &life{stage: s, ended: make(chan struct{}), goroutines: make(chan int, 1), stopped: map[int]bool{}}
	ready, told, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer ready.Close()
	errs, stderr, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	if l.log, err = os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
		return nil, err
	}
	n := strconv.Itoa(workers)
	args := append([]string{
		"exec", "--dir", s.state(), "--ready-fd", "3", "--min-workers", n, "--max-workers", n, "--kill-tree", "--method-concurrency", "chatter=1",
		"--invocation-timeout", "3s", "--flush-timeout", "300ms", "--force-kill-timeout", "2s", "--drain-timeout", "5s",
		"--ping-interval", "1s", "--max-total-calls", "2000", "--max-age", "30s", "--max-rss", "500MiB", "--max-queue-size", "200",
	}, s.kind.command...)
	l.cmd = exec.Command(s.binary, args...)
	l.cmd.Env = append(os.Environ(), "TMPDIR="+s.temp(), workerEnv+"=1")
	l.cmd.Stderr = stderr
	l.cmd.ExtraFiles = []*os.File{told}
	err = l.cmd.Start()
	_ = told.Close()
	_ = stderr.Close()
	if err != nil {
		return nil, fmt.Errorf("start whipper: %w", err)
	}
	go l.read(errs)
	go func() {
		_ = l.cmd.Wait() // ProcessState tells
		close(l.ended)
	}()
	_ = ready.SetReadDeadline(time.Now().Add(patience))
	var r struct{ PID int }
	if err := json.NewDecoder(ready).Decode(&r); err != nil {
		l.abandon()
		return nil, fmt.Errorf("whipper exec did not get ready: %w; see %s", err, l.log.Name())
	}
	return l, ctx.Err()
}

var (
	goroutinesLine = regexp.MustCompile(`^goroutines: (\d+)$`)
	faults         = []string{"panic:", "fatal error:", "worker state machine", "DATA RACE"}
)

// read keeps what the supervisor prints.
func (l *life) read(r *os.File) {
	defer l.log.Close() // a log that cannot be written is no violation
	defer r.Close()     // it was only read
	lines := bufio.NewReaderSize(r, 64<<10)
	for {
		line, err := lines.ReadString('\n')
		_, _ = l.log.WriteString(line)
		line = strings.TrimSuffix(line, "\n")
		if m := goroutinesLine.FindStringSubmatch(line); m != nil {
			n, _ := strconv.Atoi(m[1])
			select {
			case l.goroutines <- n:
			default:
			}
		}
		for _, fault := range faults {
			if strings.Contains(line, fault) && !strings.Contains(line, "worker output") {
				l.books.violation("log: %s", line)
			}
		}
		if err != nil {
			return
		}
	}
}

// end ends the supervisor, and looks at how it does.
func (l *life) end(how ending) bool {
	sig, want := syscall.SIGTERM, 0
	if how == murdered {
		sig, want = syscall.SIGKILL, -1
		l.books.murder()
	}
	_ = l.cmd.Process.Signal(sig)
	select {
	case <-l.ended:
	case <-time.After(patience):
		l.books.violation("the supervisor did not end within %s of %v; see the dump in %s", patience, sig, l.log.Name())
		_ = l.cmd.Process.Signal(syscall.SIGQUIT)
		time.Sleep(time.Second)
		return false
	}
	if code := l.cmd.ProcessState.ExitCode(); code != want {
		l.books.violation("the supervisor's exit code after %v is %d", sig, code)
	}
	return true
}

// abandon ends what is left of the life.
func (l *life) abandon() {
	_ = l.cmd.Process.Kill() // ended already, if all went well
	<-l.ended
}

// whole waits until every worker is ready and has nothing to do.
func (l *life) whole(ctx context.Context) bool {
	var last string
	for began := time.Now(); time.Since(began) < patience; time.Sleep(20 * time.Millisecond) {
		if ctx.Err() != nil {
			return false
		}
		list, err := l.client.Workers(ctx, whipper.PoolParams{})
		if err != nil {
			l.books.violation("list workers: %v", err)
			return false
		}
		ready := 0
		for _, w := range list.Workers {
			// A process that is just being started is not known to be ours yet.
			if w.State == "processing" && w.Calls == 0 && l.isOurs(w.PID) {
				ready++
			}
		}
		if ready == workers && len(list.Workers) == workers {
			return true
		}
		last = fmt.Sprintf("%+v", list.Workers)
	}
	l.books.violation("after %s the pool is not whole: %s", patience, last)
	return false
}

// measures are what must be the same whenever the supervisor is at rest.
type measures struct {
	goroutines, processes int
	descriptors           []string
}

func (l *life) measure() measures {
	var m measures
	pid := l.cmd.Process.Pid
	_ = l.cmd.Process.Signal(syscall.SIGQUIT)
	select {
	case m.goroutines = <-l.goroutines:
	case <-time.After(patience):
		l.books.violation("SIGQUIT is not answered")
	}
	links, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	for _, link := range links {
		to, err := os.Readlink(link)
		if err == nil && !strings.Contains(to, "/ledger.db") { // of which the ledger opens some more when many read it
			m.descriptors = append(m.descriptors, to)
		}
	}
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

// compare looks whether anything is left of all that was done in between. What ends on its own accord gets some time.
func (l *life) compare(before measures) {
	var now measures
	for began := time.Now(); time.Since(began) < 10*time.Second; time.Sleep(200 * time.Millisecond) {
		now = l.measure()
		if now.goroutines <= before.goroutines && len(now.descriptors) <= len(before.descriptors) && now.processes <= before.processes {
			return
		}
	}
	l.books.violation("at rest the supervisor had %+v and now has %+v", before, now)
}

// ours gives the processes that were started on the stage's state folder, but for the supervisor, by the environment they have.
func (l *life) ours() (pids []int) {
	files, _ := filepath.Glob("/proc/[1-9]*/environ")
	for _, file := range files {
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if pid != l.cmd.Process.Pid && l.isOurs(pid) {
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

func (l *life) isOurs(pid int) bool {
	env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	return err == nil && strings.Contains("\x00"+string(env), "\x00WHIPPER_DIR="+l.state()+"\x00")
}

// nothingRuns looks whether the supervisor has taken everything with it. Of one that was killed the workers end with it, and what
// those have started at the next start.
func (l *life) nothingRuns(how ending) bool {
	var left []int
	for began := time.Now(); time.Since(began) < 5*time.Second; time.Sleep(50 * time.Millisecond) {
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
