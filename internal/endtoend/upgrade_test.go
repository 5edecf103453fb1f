package endtoend

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	_ "modernc.org/sqlite" // to make ledgers of text

	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

const (
	// upgradeTasks are the worker of the ledgers of earlier schemas, see migrations/testdata/make.sh.
	upgradeTasks = "../../migrations/testdata/tasks.py"
	// olderVar names a checkout of an earlier commit with its bin/whipper, see `make older`. Without, the older one is this one.
	olderVar = "WHIPPER_OLDER"
)

func olderBinary() string {
	if checkout := os.Getenv(olderVar); checkout != "" {
		return filepath.Join(checkout, "bin/whipper")
	}
	return binary
}

// olderSchema says whether the older one has an earlier schema than this one.
func olderSchema(t *testing.T) bool {
	t.Helper()
	checkout := os.Getenv(olderVar)
	if checkout == "" {
		return false
	}
	steps, err := filepath.Glob("../../migrations/sqlite/*.sql")
	check(t, err)
	known, err := filepath.Glob(filepath.Join(checkout, "migrations/sqlite/*.sql"))
	check(t, err)
	return len(known) < len(steps)
}

// states waits until all jobs of a folder are final but those for later, and gives their states by the first of their params.
func (s *supervisor) states(c *whipper.Client) map[string]string {
	s.t.Helper()
	states := map[string]string{}
	eventually(s.t, "all jobs are final", func() bool {
		list, err := c.List(s.t.Context(), whipper.ListParams{Limit: 1000, Payloads: true})
		check(s.t, err)
		for _, job := range list.Jobs {
			name, _, _ := strings.Cut(strings.TrimPrefix(string(job.Params), `["`), `"`)
			states[name[:min(len(name), 20)]] = job.State
			if job.FinishedAt == nil && job.RunAt.Year() < job.CreatedAt.Year()+10 {
				return false
			}
		}
		return true
	})
	return states
}

func TestASupervisorTakesOverWhatOneOfEachEarlierSchemaLeftWhenItWasKilled(t *testing.T) {
	ledgers, err := filepath.Glob("../../migrations/testdata/ledger.v*.sql")
	if err != nil || len(ledgers) == 0 {
		t.Fatalf("ledgers %q, %v", ledgers, err)
	}
	for _, path := range ledgers {
		t.Run(filepath.Base(path), func(t *testing.T) {
			text, err := os.ReadFile(path)
			check(t, err)
			dir, left := filepath.Join(t.TempDir(), "state"), filepath.Join(t.TempDir(), "effects")
			check(t, os.Mkdir(dir, 0o700))
			db, err := sql.Open("sqlite", filepath.Join(dir, "ledger.db"))
			check(t, err)
			_, err = db.Exec(string(text))
			check(t, err)
			check(t, db.Close())
			t.Setenv("EFFECTS", left)
			s := start(t, dir, "--max-workers", "1", upgradeTasks)
			c := s.client()
			states := s.states(c)
			for name, want := range map[string]string{
				"called": "succeeded", "done": "succeeded", "large ": "succeeded", "no paper": "failed", "no ink": "failed",
				"again": "succeeded", "at-most-once": "failed", "call": "failed",
				"queued": "succeeded", strings.Repeat("x", 20): "succeeded", "in a hundred years": "queued", "nobody waits for it": "cancelled",
			} {
				if states[name] != want {
					t.Errorf("the job of %q is %q, want %s", name, states[name], want)
				}
			}
			content, err := os.ReadFile(left)
			check(t, err)
			ran := strings.Split(strings.TrimSpace(string(content)), "\n")
			want := []string{"again", "queued", strings.Repeat("x", 2000)}
			if states["first of one"] != "" {
				want = append(want, "first of one", "second of one")
				if slices.Index(ran, "first of one") > slices.Index(ran, "second of one") {
					t.Errorf("jobs of one key ran in the order %.200q", ran)
				}
			}
			slices.Sort(ran)
			slices.Sort(want)
			if !slices.Equal(ran, want) {
				t.Errorf("what ran is %.200q, want %.200q", ran, want)
			}
			known, err := c.Submit(t.Context(), whipper.SubmitParams{Method: "echo", Params: raw(t, "queued"), IdempotencyKey: "later"})
			if err != nil || !known.Duplicate {
				t.Errorf("its key is forgotten: %+v, %v", known, err)
			}
			if out := must(t, dir, "ledger", "check"); !strings.Contains(out, "is sound") {
				t.Errorf("ledger check: %s", out)
			}
			if strings.Contains(string(text), "nightly") && !strings.Contains(must(t, dir, "schedule", "list"), "nightly") {
				t.Error("its schedule is gone")
			}
			s.signal(syscall.SIGTERM)
			if code := s.exitCode(); code != 0 {
				t.Errorf("exit code %d", code)
			}
		})
	}
}

func TestASupervisorTakesOverFromAnOlderOneHoweverThatEnded(t *testing.T) {
	for _, end := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM} {
		t.Run(end.String(), func(t *testing.T) {
			dir, left, runs := filepath.Join(t.TempDir(), "state"), filepath.Join(t.TempDir(), "effects"), t.TempDir()
			t.Setenv("RUNS", runs)
			this := binary
			binary = olderBinary()
			defer func() { binary = this }()
			older := start(t, dir, "--max-workers", "1", "--max-concurrent-calls", "1", "--drain-timeout", "100ms", "--force-kill-timeout", "500ms", upgradeTasks)
			binary = this
			check(t, os.Unsetenv("RUNS"))

			// The new command line with the older supervisor.
			if out := must(t, dir, "call", "echo", `"called"`); out != `["called"]` {
				t.Errorf("call: %s", out)
			}
			must(t, dir, "submit", "hang", `"again"`)
			eventually(t, "a job runs", func() bool {
				_, err := os.Stat(filepath.Join(runs, "again"))
				return err == nil
			})
			for n := range 3 {
				must(t, dir, "submit", "--key", strconv.Itoa(n), "echo", fmt.Sprintf(`"queued%d"`, n))
			}
			if out := must(t, dir, "pool", "status"); !strings.Contains(out, "available") {
				t.Errorf("pool status: %s", out)
			}
			held := fmt.Sprintf("ledger is held by process %d", older.cmd.Process.Pid)
			if out := cli(t, dir, "exec", upgradeTasks); out.code != 4 || !strings.Contains(out.stderr, held) {
				t.Errorf("while it runs: exit code %d, %s", out.code, out.stderr)
			}

			older.signal(end)
			older.exitCode()
			t.Setenv("EFFECTS", left)
			s := start(t, dir, "--max-workers", "1", upgradeTasks)
			states := s.states(s.client())
			for _, name := range []string{"called", "again", "queued0", "queued1", "queued2"} {
				if states[name] != "succeeded" {
					t.Errorf("the job of %q is %q", name, states[name])
				}
			}
			if ran := effects(t, left); len(ran) != 4 || ran["again"] != 1 || ran["queued2"] != 1 {
				t.Errorf("what ran after it: %v", ran)
			}

			// The older command line with the new supervisor.
			binary = olderBinary()
			if out := must(t, dir, "call", "echo", `"called again"`); out != `["called again"]` {
				t.Errorf("call: %s", out)
			}
			id := must(t, dir, "submit", "echo", `"submitted"`)
			if out := must(t, dir, "wait", id); !strings.Contains(out, "submitted") {
				t.Errorf("wait: %s", out)
			}
			must(t, dir, "pool", "status")
			must(t, dir, "stats")
			s.signal(syscall.SIGTERM)
			s.exitCode()

			// The older one does not touch what it does not know. What it does, it takes over again.
			if olderSchema(t) {
				if out := cli(t, dir, "exec", upgradeTasks); out.code != 4 || !strings.Contains(out.stderr, "has schema version") {
					t.Errorf("the older one on the upgraded ledger: exit code %d, %s", out.code, out.stderr)
				}
				return
			}
			s = start(t, dir, "--max-workers", "1", upgradeTasks)
			if out := must(t, dir, "submit", "--wait", "echo", `"back"`); out != `["back"]` {
				t.Errorf("submit to the older one, which is back: %s", out)
			}
			s.signal(syscall.SIGTERM)
			s.exitCode()
		})
	}
}
