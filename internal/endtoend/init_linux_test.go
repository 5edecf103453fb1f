package endtoend

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

// startInit runs `whipper exec` as the first process of a PID namespace, as in a container.
func startInit(t *testing.T, args ...string) *supervisor {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "state")
	ready, told, err := os.Pipe()
	check(t, err)
	defer ready.Close()
	s := &supervisor{t: t, dir: dir, stderr: newBuffer(), ended: make(chan struct{})}
	script := `mount --make-rprivate / && mount -t proc proc /proc && exec "$0" "$@"`
	s.cmd = exec.Command("/bin/sh", append([]string{"-c", script, binary, "exec", "--dir", dir, "--ready-fd", "3"}, args...)...)
	s.cmd.Stderr = s.stderr
	s.cmd.ExtraFiles = []*os.File{told}
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS}
	err = s.cmd.Start()
	told.Close()
	if errors.Is(err, fs.ErrPermission) {
		t.Skipf("a PID namespace takes privileges that are missing here: %v", err)
	}
	check(t, err)
	go func() {
		s.err = s.cmd.Wait()
		close(s.ended)
	}()
	t.Cleanup(func() {
		_ = s.cmd.Process.Kill() // ended already, if all went well
		<-s.ended
		if t.Failed() {
			t.Logf("stderr of whipper exec:\n%s", s.stderr.String())
		}
	})
	_ = ready.SetReadDeadline(time.Now().Add(patience))
	var r struct{ PID int }
	if err := json.NewDecoder(ready).Decode(&r); err != nil {
		if strings.Contains(s.stderr.String(), "mount") {
			t.Skipf("mounting takes privileges that are missing here: %s", s.stderr.String())
		}
		t.Fatalf("whipper exec did not get ready: %v", err)
	}
	if r.PID != 1 {
		t.Fatalf("whipper exec is process %d of its namespace", r.PID)
	}
	return s
}

// below gives the processes that descend from one, by their state (R, S, Z, …).
func below(t *testing.T, root int) (states map[int]string) {
	t.Helper()
	files, err := filepath.Glob("/proc/[1-9]*/stat")
	check(t, err)
	parents, state := map[int]int{}, map[int]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		fields := strings.Fields(string(text[strings.LastIndex(string(text), ")")+1:]))
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		check(t, err)
		state[pid] = fields[0]
		parents[pid], err = strconv.Atoi(fields[1])
		check(t, err)
	}
	states = map[int]string{}
	for pid := range parents {
		for p := parents[pid]; p != 0; p = parents[p] {
			if p == root {
				states[pid] = state[pid]
			}
		}
	}
	return states
}

// orphanArgs are for a worker that leaves orphans behind: `orphans N` starts that many, which end at once, and `exit N` ends it.
var orphanArgs = []string{"--min-workers", "2", "--max-workers", "2", "testdata/orphans.py"}

func TestAsTheFirstProcessWhipperReapsOrphansAndStillKnowsItsWorkersExitCodes(t *testing.T) {
	t.Parallel()
	s := startInit(t, orphanArgs...)
	c := s.client()
	for range 5 {
		var jobs []int64
		for i := range 8 { // workers end while orphans do
			r, err := c.Submit(t.Context(), whipper.SubmitParams{Method: "orphans", Params: raw(t, 10)})
			check(t, err)
			jobs = append(jobs, r.ID)
			r, err = c.Submit(t.Context(), whipper.SubmitParams{Method: "exit", Params: raw(t, 40+i), MaxAttempts: 1})
			check(t, err)
			jobs = append(jobs, r.ID)
		}
		_, err := c.Wait(t.Context(), whipper.WaitParams{IDs: jobs, TimeoutMs: patience.Milliseconds()})
		check(t, err)
		for i, id := range jobs {
			job, err := c.Get(t.Context(), whipper.GetParams{ID: id})
			check(t, err)
			switch last := job.Attempts[len(job.Attempts)-1]; {
			case i%2 == 0 && job.State != "succeeded":
				t.Errorf("job %d is %s", id, job.State)
			case i%2 == 1 && (last.Outcome != "crashed" || last.ExitCode == nil || *last.ExitCode != 40+i/2):
				t.Errorf("job %d, whose worker ended with exit code %d, has %+v on record", id, 40+i/2, last)
			}
		}
	}
	eventually(t, "of 400 orphans that have ended, none is a zombie", func() bool {
		for _, state := range below(t, s.cmd.Process.Pid) {
			if state == "Z" {
				return false
			}
		}
		return true
	})
	s.signal(syscall.SIGTERM)
	if code := s.exitCode(); code != 0 {
		t.Errorf("exit code after SIGTERM: %d", code)
	}
}

func TestAsTheFirstProcessWhipperStillEndsBySignals(t *testing.T) {
	t.Parallel()
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		s := startInit(t, orphanArgs...)
		c := s.client()
		held, err := c.Submit(t.Context(), whipper.SubmitParams{Method: "hold", TimeoutMs: patience.Milliseconds()})
		check(t, err)
		for { // until it runs
			job, err := c.Get(t.Context(), whipper.GetParams{ID: held.ID})
			check(t, err)
			if job.State == "running" {
				break
			}
		}
		s.signal(sig)
		select {
		case <-s.ended:
			t.Fatalf("%v ended it at once", sig)
		case <-time.After(200 * time.Millisecond): // it drains
		}
		s.signal(sig)
		if code := s.exitCode(); code != 0 {
			t.Errorf("exit code after two of %v: %d", sig, code)
		}
	}
}

func TestKillTreeLeavesNoDaemonOfAWorkerAndNoZombie(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "state")
	s := start(t, dir, append([]string{"--kill-tree"}, orphanArgs...)...)
	c := s.client()
	for range 10 {
		_, _, err := c.Invoke(t.Context(), whipper.InvokeParams{Method: "daemon"})
		check(t, err)
		_, _, err = c.Invoke(t.Context(), whipper.InvokeParams{Method: "orphans", Params: raw(t, 5)})
		check(t, err)
	}
	daemons := func() (n int) {
		for pid, state := range below(t, s.cmd.Process.Pid) {
			if line, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline"); err == nil && strings.HasPrefix(string(line), "sleep\x001000") && state != "Z" {
				n++
			}
		}
		return n
	}
	eventually(t, "10 daemons, of which some may still be starting", func() bool { return daemons() == 10 })
	for _, pid := range s.workers(c, anyState) {
		check(t, syscall.Kill(pid, syscall.SIGKILL))
	}
	eventually(t, "workers that have ended leave no daemon and no zombie", func() bool {
		left := daemons()
		for _, state := range below(t, s.cmd.Process.Pid) {
			if state == "Z" {
				left++
			}
		}
		return left == 0
	})
	s.signal(syscall.SIGTERM)
	if code := s.exitCode(); code != 0 {
		t.Errorf("exit code after SIGTERM: %d", code)
	}
	nothingLeft(t, dir)
}
