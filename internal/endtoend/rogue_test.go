package endtoend

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

// besides is what calls beside another came to.
type besides struct {
	longest  time.Duration
	answered []time.Time
}

// within counts those that were answered during a run. That a call took long can be the machine's doing as well.
func (b besides) within(run whipper.Attempt) (n int) {
	for _, at := range b.answered {
		if at.After(run.StartedAt.Time) && at.Before(run.FinishedAt.Time) {
			n++
		}
	}
	return n
}

// neighbours calls a pool without pause until it is stopped.
func neighbours(t *testing.T, c *whipper.Client) (stop func() besides) {
	t.Helper()
	return neighboursOf(t, c, "echo", raw(t, "beside"), `["beside"]`)
}

// neighboursOf is neighbours with another method, and what it answers.
func neighboursOf(t *testing.T, c *whipper.Client, method string, params json.RawMessage, want string) (stop func() besides) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var calls besides
	var caller sync.WaitGroup
	caller.Go(func() {
		for ctx.Err() == nil {
			began := time.Now()
			result, _, err := c.Invoke(t.Context(), whipper.InvokeParams{Method: method, Params: params, TimeoutMs: patience.Milliseconds()})
			if err != nil || string(result) != want {
				t.Errorf("a call beside it got %s, %v", result, err)
				return
			}
			calls.longest = max(calls.longest, time.Since(began))
			calls.answered = append(calls.answered, time.Now())
			time.Sleep(time.Millisecond) // this is no benchmark
		}
	})
	return func() besides {
		cancel()
		caller.Wait()
		return calls
	}
}

// mostMemory is the most that a process has ever held, in bytes.
func mostMemory(t *testing.T, pid int) (n int64) {
	t.Helper()
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		t.Skipf("memory of a process is not known here: %v", err)
	}
	_, peak, _ := strings.Cut(string(text), "VmHWM:")
	if _, err := fmt.Sscanf(peak, "%d kB", &n); err != nil {
		t.Fatalf("memory of process %d: %v in %q", pid, err, text)
	}
	return n << 10
}

// whole waits until so many workers are ready and have nothing to do: one whose call has timed out has still to be killed.
func whole(t *testing.T, c *whipper.Client, workers int) {
	t.Helper()
	for began := time.Now(); ; time.Sleep(time.Millisecond) {
		stats, err := c.Stats(t.Context(), whipper.PoolParams{})
		check(t, err)
		list, err := c.Workers(t.Context(), whipper.PoolParams{})
		check(t, err)
		ready := 0
		for _, w := range list.Workers {
			if w.State == "processing" {
				ready++
			}
		}
		if ready == workers && stats.IdleWorkerCount == workers {
			return
		}
		if time.Since(began) > patience {
			t.Fatalf("%d of %d workers are ready: %+v", ready, workers, list.Workers)
		}
	}
}

// Of a worker that misbehaves, the calls of others must not notice anything, and the ledger must tell what happened.
func TestWhateverAWorkerDoesOthersAreServedAndTheLedgerTells(t *testing.T) {
	const hang = 4 * time.Second // the timeout of calls that never end
	crashed := func(code int, signal, tail string) func(*testing.T, whipper.Job) {
		return func(t *testing.T, job whipper.Job) {
			a := job.Attempts[0]
			if job.State != "failed" || job.Error.Code != whipper.CodeWorkerCrashed || len(job.Attempts) != 1 || a.Outcome != "crashed" {
				t.Errorf("job %+v", job)
			}
			if signal != a.Signal || (a.ExitCode == nil) != (code == 0) || a.ExitCode != nil && *a.ExitCode != code || a.StderrTail != tail {
				t.Errorf("attempt %+v", a)
			}
		}
	}
	timedOut := func(t *testing.T, job whipper.Job) {
		if job.State != "failed" || job.Error.Code != whipper.CodeTimeout || len(job.Attempts) != 1 || job.Attempts[0].Outcome != "timeout" {
			t.Errorf("job %+v", job)
		}
	}
	succeeded := func(want string) func(*testing.T, whipper.Job) {
		return func(t *testing.T, job whipper.Job) {
			if job.State != "succeeded" || string(job.Result) != want || len(job.Attempts) != 1 {
				t.Errorf("job %d is %s with a result of %d bytes after %d attempts, %+v", job.ID, job.State, len(job.Result), len(job.Attempts), job.Error)
			}
		}
	}
	dir := filepath.Join(t.TempDir(), "state")
	s := start(t, dir, "--min-workers", "2", "--max-workers", "2", "--max-concurrent-calls", "1", "--flush-timeout", "200ms", "--max-message-size", "4MiB",
		"--", "python3", "testdata/rogue.py")
	c := s.client()
	before := mostMemory(t, s.cmd.Process.Pid)
	var daemon int
	for _, rogue := range []struct {
		method  string
		params  []any
		timeout time.Duration
		check   func(*testing.T, whipper.Job)
	}{
		{"exit", []any{3}, patience, crashed(3, "", "out of paper")},
		{"kill", []any{syscall.SIGSEGV}, patience, crashed(0, "SIGSEGV", "")},
		{"stop", nil, hang, timedOut},
		{"deaf", nil, hang, timedOut},
		{"stubborn", nil, hang, timedOut},
		{"hold-stdout", nil, patience, crashed(4, "", "")},
		{"daemon", nil, patience, func(t *testing.T, job whipper.Job) {
			var err error
			if daemon, err = strconv.Atoi(string(job.Result)); err != nil || !alive(daemon) {
				t.Errorf("job %+v", job)
			}
			killed := job.Attempts[0].PID
			check(t, syscall.Kill(killed, syscall.SIGKILL))
			for began := time.Now(); slices.Contains(s.workers(c, anyState), killed); time.Sleep(time.Millisecond) { // until then it may be given a call
				if time.Since(began) > patience {
					t.Fatal("it is not replaced")
				}
			}
		}},
		{"endless", []any{1024}, patience, succeeded(`"after all"`)},
		{"bytes", []any{5000}, patience, succeeded(`"` + strings.Repeat("y", 5000) + `"`)},
		{"chatter", []any{30_000}, patience, succeeded("30000")},
	} {
		t.Run(rogue.method, func(t *testing.T) {
			whole(t, c, 2)
			stop := neighbours(t, c)
			submitted, err := c.Submit(t.Context(), whipper.SubmitParams{
				Method: rogue.method, Params: raw(t, rogue.params...), MaxAttempts: 1, TimeoutMs: rogue.timeout.Milliseconds(),
			})
			check(t, err)
			_, err = c.Wait(t.Context(), whipper.WaitParams{IDs: []int64{submitted.ID}, TimeoutMs: patience.Milliseconds()})
			check(t, err)
			beside := stop()
			job, err := c.Get(t.Context(), whipper.GetParams{ID: submitted.ID})
			check(t, err)
			if n := beside.within(job.Attempts[0]); rogue.timeout == hang && n < 10 {
				t.Errorf("%d calls beside it were answered while it hung, the longest took %s", n, beside.longest)
			}
			rogue.check(t, job)
			if after := mostMemory(t, s.cmd.Process.Pid); after > before+64<<20 {
				t.Errorf("the supervisor grew from %d to %d MiB", before>>20, after>>20)
			}
		})
	}
	eventually(t, "a daemon in the worker's group ends with it", func() bool { return !alive(daemon) })
	stats, err := c.Stats(t.Context(), whipper.PoolParams{})
	check(t, err)
	if n := stats.Workers.StrayLines; n != 30_001 { // and the endless one
		t.Errorf("%d stray lines are counted", n)
	}
	s.signal(syscall.SIGTERM)
	if code := s.exitCode(); code != 0 {
		t.Errorf("exit code after SIGTERM: %d", code)
	}
	nothingLeft(t, dir)
}

func TestAWorkersOwnAnswersAreNotHeldUpByWhatItPrints(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	s := start(t, dir, "--min-workers", "1", "--max-workers", "1", "--", "python3", "testdata/rogue.py")
	c := s.client()
	stop := neighbours(t, c)
	handled := func() int64 {
		stats, err := c.Stats(t.Context(), whipper.PoolParams{})
		check(t, err)
		return stats.Workers.CallsHandled
	}
	before := handled()
	result, _, err := c.Invoke(t.Context(), whipper.InvokeParams{Method: "chatter", Params: raw(t, 20_000), TimeoutMs: patience.Milliseconds()})
	check(t, err)
	if string(result) != "20000" {
		t.Errorf("result %s", result)
	}
	if others := handled() - before - 1; others < 10 {
		t.Errorf("%d calls in the same worker were answered while it printed 10,000 lines a second", others)
	}
	t.Logf("the longest took %s", stop().longest)
	if printed := strings.Count(s.stderr.String(), "of a program that prints"); printed < 1000 {
		t.Errorf("only %d lines are in the log", printed)
	}
}

func TestAPoolThatCannotStartSaysWhyKeepsItsJobsAndRecoversByItself(t *testing.T) {
	dir, cause := filepath.Join(t.TempDir(), "state"), filepath.Join(t.TempDir(), "cause")
	script := `if test -e ` + cause + `; then echo "no licence" >&2; exit 5; fi; exec python3 testdata/rogue.py`
	s := start(t, dir, "--min-workers", "2", "--max-workers", "2", "--", "sh", "-c", script)
	c := s.client()
	condition := func() whipper.Pool {
		pools, err := c.Pools(t.Context())
		check(t, err)
		return pools.Pools[0]
	}
	until := func(what string, is func(whipper.Pool) bool) {
		t.Helper()
		for began := time.Now(); !is(condition()); time.Sleep(10 * time.Millisecond) { // status has no event for this
			if time.Since(began) > patience {
				t.Fatalf("the pool is not %s: %+v", what, condition())
			}
		}
	}
	check(t, os.WriteFile(cause, nil, 0o600)) // mid-run
	for _, pid := range s.workers(c, anyState) {
		check(t, syscall.Kill(pid, syscall.SIGKILL))
	}
	until("degraded", func(p whipper.Pool) bool { return p.State == "degraded" })
	if p := condition(); !strings.Contains(p.Reason, "exit code 5") || !strings.Contains(p.Reason, "no licence") {
		t.Errorf("the reason is %q", p.Reason)
	}
	if out := must(t, dir, "pool", "status"); !strings.Contains(out, "degraded") || !strings.Contains(out, "no licence") {
		t.Errorf("pool status says:\n%s", out)
	}
	kept, err := c.Submit(t.Context(), whipper.SubmitParams{Method: "echo", Params: raw(t, 1), MaxAttempts: 1})
	check(t, err)
	if n := condition().Jobs["queued"]; n != 1 {
		t.Errorf("%d jobs are kept", n)
	}
	check(t, os.Remove(cause))
	result, err := c.Wait(t.Context(), whipper.WaitParams{IDs: []int64{kept.ID}, TimeoutMs: patience.Milliseconds()})
	check(t, err)
	if job := result.Jobs[0]; job.State != "succeeded" || job.Attempt != 1 {
		t.Errorf("job %+v", job)
	}
	until("available", func(p whipper.Pool) bool { return p.State == "available" && p.Reason == "" })
	s.signal(syscall.SIGTERM)
	if code := s.exitCode(); code != 0 {
		t.Errorf("exit code after SIGTERM: %d", code)
	}
}

func TestAWorkerThatHadServedIsReplacedAtOnceHoweverOften(t *testing.T) {
	s := start(t, filepath.Join(t.TempDir(), "state"), "--min-workers", "1", "--max-workers", "1", "--", "sh", "-c", "exec python3 testdata/rogue.py")
	c := s.client()
	var took []time.Duration
	for range 10 {
		_, _, err := c.Invoke(t.Context(), whipper.InvokeParams{Method: "echo", Params: raw(t, 1)})
		check(t, err)
		pid := s.workers(c, "processing")[0]
		check(t, syscall.Kill(pid, syscall.SIGKILL))
		eventually(t, "it is replaced", func() bool {
			list, err := c.Workers(t.Context(), whipper.PoolParams{})
			check(t, err)
			w := list.Workers[0]
			if w.PID == 0 || w.PID == pid {
				return false
			}
			took = append(took, w.StartedAt.Sub(w.LastExit.At.Time))
			return true
		})
	}
	// A process that was of no use is followed by the next one after 50 ms at the least, and longer each time.
	if quickest := slices.Min(took); quickest >= 50*time.Millisecond {
		t.Errorf("it took %s", took)
	}
	if strings.Contains(s.stderr.String(), "degraded") {
		t.Error("the pool was degraded")
	}
}
