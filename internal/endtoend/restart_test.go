package endtoend

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

func TestARollingRestartUnderLoadFailsNoCall(t *testing.T) {
	eachLanguage(t, func(t *testing.T, command []string) {
		dir := filepath.Join(t.TempDir(), "state")
		log := filepath.Join(t.TempDir(), "effects")
		s := start(t, dir, append([]string{"--min-workers", "3", "--max-workers", "3"}, command...)...)
		c := s.client()
		eventually(t, "three workers serve", func() bool { return len(s.workers(c, "processing")) == 3 })
		before := s.workers(c, anyState)

		load := s.loadWith(6, "add", 1, 2)
		load.goesOn(50)
		long := invoke(t, c, "sleep", 1.5)
		ids := submitEffects(t, c, log, 300, 0.01)
		for how, restart := range map[string]func(){
			"SIGHUP":       func() { s.signal(syscall.SIGHUP); s.says(1, `(?m)^whipper: SIGHUP: pool default: 3 workers replaced$`) },
			"pool restart": func() { must(t, dir, "pool", "restart") },
		} {
			restart()
			var after []int
			eventually(t, how+" has replaced every process", func() bool {
				after = s.workers(c, "processing")
				return len(after) == 3 && !slices.ContainsFunc(after, func(pid int) bool { return slices.Contains(before, pid) })
			})
			before = after
			load.goesOn(50)
		}
		if got := <-long; got != `"slept"` {
			t.Errorf("the long call got %q", got)
		}
		all := make([]int64, 0, len(ids))
		for _, id := range ids {
			all = append(all, id)
		}
		jobs, err := c.Wait(t.Context(), whipper.WaitParams{IDs: all, TimeoutMs: patience.Milliseconds()})
		check(t, err)
		ran := effects(t, log)
		for _, job := range jobs.Jobs {
			if job.State != "succeeded" || job.Attempt != 1 {
				t.Errorf("job %d is %s after %d attempts", job.ID, job.State, job.Attempt)
			}
		}
		for name := range ids {
			if ran[name] != 1 {
				t.Errorf("%s ran %d times", name, ran[name])
			}
		}
		calls, slowest := load.end()
		t.Logf("%d calls, the slowest took %s", calls, slowest)
		eventually(t, "the old processes are gone", func() bool { return len(s.workers(c, anyState)) == 3 })
		stop(t, s)
	})
}

func TestAReplacementThatDoesNotComeUpLeavesTheOldOneServing(t *testing.T) {
	eachLanguage(t, func(t *testing.T, command []string) {
		t.Parallel()
		dir := filepath.Join(t.TempDir(), "state")
		command, good := ownScript(t, command)
		script := command[len(command)-1]
		s := start(t, dir, append([]string{"--min-workers", "2", "--max-workers", "2"}, command...)...)
		c := s.client()
		eventually(t, "two workers serve", func() bool { return len(s.workers(c, "processing")) == 2 })
		before := s.workers(c, anyState)
		load := s.loadWith(3, "add", 1, 2)
		load.goesOn(10)

		check(t, os.WriteFile(script, []byte("this is { no language of any kind\n"), 0o600))
		out := cli(t, dir, "pool", "restart")
		if out.code != 1 || out.stdout != "" || !strings.Contains(out.stderr, "go on serving: ") || !strings.Contains(out.stderr, "before it was ready; it printed:\n") {
			t.Errorf("pool restart: %+v", out)
		}
		s.signal(syscall.SIGHUP)
		s.says(1, `(?m)^whipper: SIGHUP: pool default: a new worker did not get ready, the old workers go on serving: .* it printed: … .+$`)
		load.goesOn(10)
		if after := s.workers(c, anyState); !slices.Equal(after, before) {
			t.Errorf("processes %v, before %v", after, before)
		}

		check(t, os.WriteFile(script, good, 0o600))
		if got := must(t, dir, "pool", "restart"); got != "pool default: 2 workers replaced" {
			t.Errorf("pool restart printed %q", got)
		}
		load.goesOn(10)
		load.end()
		stop(t, s)
	})
}

// ownScript gives a command with a copy of its script, to be changed, and what is in it.
func ownScript(t *testing.T, command []string) (own []string, content []byte) {
	t.Helper()
	last := len(command) - 1
	content, err := os.ReadFile(command[last])
	check(t, err)
	script := filepath.Join(t.TempDir(), filepath.Base(command[last]))
	check(t, os.WriteFile(script, content, 0o600))
	own = slices.Clone(command)
	own[last] = script
	return own, content
}

// stop has a supervisor drain, and wants it to end well.
func stop(t *testing.T, s *supervisor) {
	t.Helper()
	s.signal(syscall.SIGTERM)
	if code := s.exitCode(); code != 0 {
		t.Errorf("exit code after SIGTERM: %d", code)
	}
}

func TestSIGHUPsThatComeDuringARollMakeOneMore(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	gate := filepath.Join(folder, "gate")
	script := filepath.Join(folder, "slow.py")
	check(t, os.WriteFile(script, []byte(`
import os, time
while not os.path.exists(os.path.join(os.path.dirname(__file__), "gate")):
    time.sleep(0.005)
def one(): return 1
`), 0o600))
	check(t, os.WriteFile(gate, nil, 0o600))
	s := start(t, filepath.Join(t.TempDir(), "state"), "--min-workers", "1", "--max-workers", "1", script)
	c := s.client()
	check(t, os.Remove(gate))
	s.signal(syscall.SIGHUP)
	eventually(t, "a replacement starts", func() bool { return len(s.workers(c, "forking")) == 1 })
	for i := range 4 {
		s.signal(syscall.SIGHUP)
		s.signal(syscall.SIGQUIT) // when its answer is there, the SIGHUP before it has been taken
		s.says(i+1, `whipper: end of the state`)
	}
	check(t, os.WriteFile(gate, nil, 0o600))
	s.says(2, `whipper: SIGHUP: pool default: 1 worker replaced`)
	if newest := s.newest(c); newest != "w3" { // a third roll would have begun at once
		t.Errorf("two rolls after w1 there is a worker %s", newest)
	}
	stop(t, s)
}

// newest is the id of the worker that was started last.
func (s *supervisor) newest(c *whipper.Client) string {
	s.t.Helper()
	dumps := strings.Count(s.stderr.String(), "whipper: end of the state")
	s.signal(syscall.SIGQUIT) // signals that were sent before have been taken when this is answered
	s.says(dumps+1, `whipper: end of the state`)
	list, err := c.Workers(s.t.Context(), whipper.PoolParams{})
	check(s.t, err)
	return list.Workers[len(list.Workers)-1].ID
}

func TestAPausedPoolRunsNothingAndTakesEverything(t *testing.T) {
	eachLanguage(t, func(t *testing.T, command []string) {
		t.Parallel()
		dir := filepath.Join(t.TempDir(), "state")
		log := filepath.Join(t.TempDir(), "effects")
		s := start(t, dir, command...)
		c := s.client()
		running, open := hold(t, c)
		eventually(t, "the call runs", func() bool { return s.calls(c) == 1 })
		must(t, dir, "pool", "pause")
		ids := submitEffects(t, c, log, 50, 0)
		waiting := invoke(t, c, "effect", log, "call")
		open()
		if got := <-running; got != `"held"` {
			t.Errorf("the call that ran got %q", got)
		}
		eventually(t, "the call waits", func() bool { return strings.Contains(must(t, dir, "pool", "status"), "51 queued") })
		if ran := effects(t, log); len(ran) != 0 || s.calls(c) != 0 {
			t.Errorf("while paused, %d ran and %d run", len(ran), s.calls(c))
		}
		must(t, dir, "pool", "resume")
		if got := <-waiting; got != `"call"` {
			t.Errorf("the call that waited got %q", got)
		}
		for _, id := range ids {
			_, err := c.Wait(t.Context(), whipper.WaitParams{IDs: []int64{id}, TimeoutMs: patience.Milliseconds()})
			check(t, err)
		}
		if ran := effects(t, log); len(ran) != 51 {
			t.Errorf("after resume %d ran", len(ran))
		}

		// A pool that is paused drains as any other, and leaves its jobs for the next start.
		must(t, dir, "pool", "pause")
		left := must(t, dir, "submit", "add", "1", "2")
		stop(t, s)
		if job := jobs(t, dir); len(job) == 0 || !strings.Contains(must(t, dir, "ledger", "--json", "--state", "queued"), `"id":`+left) {
			t.Errorf("job %s is not queued", left)
		}
	})
}

// calls is how many calls the workers have.
func (s *supervisor) calls(c *whipper.Client) int {
	s.t.Helper()
	list, err := c.Workers(s.t.Context(), whipper.PoolParams{})
	check(s.t, err)
	n := 0
	for _, w := range list.Workers {
		n += w.Calls
	}
	return n
}

func TestAPoolIsResizedUnderLoad(t *testing.T) {
	eachLanguage(t, func(t *testing.T, command []string) {
		t.Parallel()
		dir := filepath.Join(t.TempDir(), "state")
		s := start(t, dir, append([]string{"--min-workers", "1", "--max-workers", "1"}, command...)...)
		c := s.client()
		load := s.loadWith(4, "sleep", 0.01)
		for _, n := range []string{"4", "2", "3", "1"} {
			must(t, dir, "pool", "resize", "--min-workers", n, "--max-workers", n)
			eventually(t, n+" workers serve", func() bool {
				return len(s.workers(c, "processing")) == len(s.workers(c, anyState)) && len(s.workers(c, anyState)) == int(n[0]-'0')
			})
			load.goesOn(10)
		}
		load.end()
		stop(t, s)
	})
}
