package endtoend

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

// poolsFile writes a file of pools with their settings, and gives its path.
func poolsFile(t *testing.T, path string, pools ...string) {
	t.Helper()
	scripts, err := filepath.Abs("testdata")
	check(t, err)
	text := strings.ReplaceAll("pools:\n  "+strings.Join(pools, "\n  ")+"\n", "SCRIPTS", scripts)
	check(t, os.WriteFile(path+".new", []byte(text), 0o600))
	check(t, os.Rename(path+".new", path))
}

func TestAFileIsChangedUnderLoadWithoutAFailedCall(t *testing.T) {
	dir, file := filepath.Join(t.TempDir(), "state"), filepath.Join(t.TempDir(), "whipper.yaml")
	poolsFile(t, file,
		"python: {script: SCRIPTS/worker.py, min-workers: 2, max-workers: 2}",
		"node: {script: SCRIPTS/worker.mjs, min-workers: 2, max-workers: 2}",
		"going: {script: SCRIPTS/worker.py}",
		"broken: {command: [sh, -c, echo I cannot start >&2; exit 7]}")
	s := serve(t, dir, file)
	s.says(1, `(?m)^whipper: 3 of 4 pools ready: .* broken \(degraded: exit code 7 before it was ready; it printed: … I cannot start\)`)
	c := s.client()
	python, node := s.loadOn("python", 4, "add", 1, 2), s.loadOn("node", 4, "add", 3, 4)
	python.goesOn(20)
	node.goesOn(20)
	gate := gate(t)
	last, err := c.Submit(t.Context(), whipper.SubmitParams{Pool: "going", Method: "effect", Params: raw(t, gate, "last")})
	check(t, err)
	eventually(t, "the job runs", func() bool {
		job, err := c.Get(t.Context(), whipper.GetParams{ID: last.ID})
		check(t, err)
		return job.State == "running"
	})

	poolsFile(t, file,
		"python: {script: SCRIPTS/worker.py, min-workers: 3, max-workers: 3, load-strategy: least-busy, env: {NEW: yes}}",
		"node: {script: SCRIPTS/worker.mjs, min-workers: 1, max-workers: 1, max-total-calls: 50}",
		"coming: {script: SCRIPTS/worker.mjs}",
		"broken: {script: SCRIPTS/worker.py}")
	s.signal(syscall.SIGHUP)
	pass(t, gate)
	s.says(1, `(?m)^whipper: SIGHUP: pool python: min-workers, max-workers, load-strategy, env changed; [23] workers replaced; `+
		`pool node: min-workers, max-workers, max-total-calls changed; 1 worker replaced; pool coming: started; `+
		`pool broken: script, command changed; \d workers? replaced; pool going: stopped$`)
	python.goesOn(50)
	node.goesOn(50)
	for _, pool := range []string{"coming", "broken"} {
		if got := must(t, dir, "call", "--pool", pool, "add", "1", "2"); got != "3" {
			t.Errorf("pool %s answers %s", pool, got)
		}
	}
	if job := jobs(t, dir)[last.ID]; job.State != "succeeded" || job.Attempt != 1 {
		t.Errorf("the last job of the pool that went is %s after %d attempts", job.State, job.Attempt)
	}
	for name, load := range map[string]*load{"python": python, "node": node} {
		calls, slowest := load.end()
		t.Logf("%s: %d calls, the slowest took %s", name, calls, slowest)
	}
	stop(t, s)
	nothingLeft(t, dir)
}

func TestKilledWithSeveralPoolsNoneLosesAJob(t *testing.T) {
	dir, file := filepath.Join(t.TempDir(), "state"), filepath.Join(t.TempDir(), "whipper.yaml")
	log := filepath.Join(t.TempDir(), "effects")
	poolsFile(t, file, "python: {script: SCRIPTS/worker.py}", "node: {script: SCRIPTS/worker.mjs}")
	s := serve(t, dir, file)
	c := s.client()
	const each = 100
	ids := map[int64]string{}
	for _, pool := range []string{"python", "node"} {
		batch := whipper.SubmitBatchParams{}
		for i := range each {
			batch.Jobs = append(batch.Jobs, whipper.SubmitParams{Pool: pool, Method: "effect", Params: raw(t, log, fmt.Sprintf("%s-%d", pool, i), 0.01)})
		}
		submitted, err := c.SubmitBatch(t.Context(), batch)
		check(t, err)
		for i, id := range submitted.IDs {
			ids[id] = fmt.Sprintf("%s-%d", pool, i)
		}
	}
	eventually(t, "both pools work", func() bool {
		ran := effects(t, log)
		return ran["python-5"] > 0 && ran["node-5"] > 0
	})
	s.signal(syscall.SIGKILL)
	s.exitCode()

	s = serve(t, dir, file)
	all := make([]int64, 0, len(ids))
	for id := range ids {
		all = append(all, id)
	}
	done, err := s.client().Wait(t.Context(), whipper.WaitParams{IDs: all, TimeoutMs: patience.Milliseconds()})
	check(t, err)
	ran := effects(t, log)
	for _, job := range done.Jobs {
		if name := ids[job.ID]; job.State != "succeeded" || ran[name] == 0 || !strings.HasPrefix(name, job.Pool) {
			t.Errorf("job %d, %s of pool %s, is %s and ran %d times", job.ID, name, job.Pool, job.State, ran[name])
		}
	}
	stop(t, s)
	nothingLeft(t, dir)
}
