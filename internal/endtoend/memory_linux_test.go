package endtoend

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

// limitMemory leaves a process so many bytes of address space more than it has. Its children keep the limits that they have.
func limitMemory(t *testing.T, pid int, more uint64) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "statm"))
	check(t, err)
	var pages uint64
	_, err = fmt.Sscan(string(text), &pages)
	check(t, err)
	size := pages*uint64(os.Getpagesize()) + more
	check(t, unix.Prlimit(pid, unix.RLIMIT_AS, &unix.Rlimit{Cur: size, Max: size}, nil))
}

// Go ends a process that finds no memory, wherever it is at the time. That is as good as SIGKILL.
func TestASupervisorThatFindsNoMoreMemoryEndsAndLosesNothingAcknowledged(t *testing.T) {
	const count, clients = 50, 32
	folder := t.TempDir()
	dir, early, late, gate := filepath.Join(folder, "state"), filepath.Join(folder, "early"), filepath.Join(folder, "late"), filepath.Join(folder, "gate")
	check(t, syscall.Mkfifo(gate, 0o600)) // a worker's open waits for a reader
	args := []string{"--min-workers", "2", "--max-workers", "2", "testdata/worker.py"}
	s := start(t, dir, args...)
	c := s.client()
	peers := make([]*peer, clients)
	for i := range peers {
		peers[i] = s.connect()
		check(t, peers[i].SetWriteDeadline(time.Now().Add(patience)))
	}
	wait := func(c *whipper.Client, jobs map[string]int64) {
		t.Helper()
		result, err := c.Wait(t.Context(), whipper.WaitParams{IDs: slices.Collect(maps.Values(jobs)), TimeoutMs: patience.Milliseconds()})
		check(t, err)
		for _, job := range result.Jobs {
			if job.State != "succeeded" {
				t.Errorf("job %d is %s", job.ID, job.State)
			}
		}
	}
	ended := submitEffects(t, c, early, count, 0)
	wait(c, ended)
	running := submitEffects(t, c, gate, 2, 0)
	for _, id := range running {
		eventually(t, "a job runs", func() bool {
			job, err := c.Get(t.Context(), whipper.GetParams{ID: id})
			check(t, err)
			return job.State == "running"
		})
	}
	queued := submitEffects(t, c, late, count, 0)
	workers := s.workers(c, anyState)
	submitter := s.client()
	var more sync.WaitGroup
	more.Go(func() { // as long as there is somebody who acknowledges
		for n := 0; ; n++ {
			name := fmt.Sprint("more", n)
			r, err := submitter.Submit(t.Context(), whipper.SubmitParams{Method: "effect", Params: raw(t, late, name)})
			if err == nil {
				queued[name] = r.ID
			} else if refused := (*whipper.Error)(nil); !errors.As(err, &refused) || refused.Code != 1011 {
				return
			}
		}
	})

	// Frames of nearly the size that is allowed, whose ends never come, are held in memory.
	limitMemory(t, s.cmd.Process.Pid, 32<<20)
	frame := strings.Repeat("x", 15<<20)
	for _, p := range peers {
		if _, err := io.WriteString(p, frame); err != nil {
			break
		}
	}
	if code := s.exitCode(); code == 0 {
		t.Error("it ended with exit code 0")
	}
	more.Wait()
	t.Logf("%d jobs were acknowledged while memory went short", len(queued)-count)
	for _, pid := range workers {
		eventually(t, "its workers end", func() bool { return !alive(pid) })
	}
	if out := must(t, dir, "ledger", "check"); !strings.Contains(out, "is sound") {
		t.Errorf("ledger check: %s", out)
	}

	s = start(t, dir, args...)
	reader, err := os.OpenFile(gate, os.O_RDWR, 0) // which waits for no writer
	check(t, err)
	defer reader.Close()
	c = s.client()
	for _, jobs := range []map[string]int64{ended, running, queued} {
		wait(c, jobs)
	}
	for path, jobs := range map[string]map[string]int64{early: ended, late: queued} {
		ran := effects(t, path)
		for name := range jobs {
			if ran[name] != 1 {
				t.Errorf("%s of %s ran %d times", name, path, ran[name])
			}
		}
	}
	s.signal(syscall.SIGTERM)
	if code := s.exitCode(); code != 0 {
		t.Errorf("exit code after SIGTERM: %d", code)
	}
	nothingLeft(t, dir)
}
