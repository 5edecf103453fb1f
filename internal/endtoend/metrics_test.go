package endtoend

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestMetricsAreThereForPromtool(t *testing.T) {
	t.Parallel()
	s := start(t, filepath.Join(t.TempDir(), "state"), "--http", "127.0.0.1:0", "testdata/worker.py")
	must(t, s.dir, "call", "add", "1", "2")
	must(t, s.dir, "submit", "--wait", "add", "1", "2")
	code, text := s.ask("/metrics")
	if code != 200 {
		t.Fatalf("/metrics: %d %s", code, text)
	}
	for _, pattern := range []string{
		`(?m)^whipper_call_duration_seconds_count\{.*rpc_method="add".*whipper_outcome="succeeded".*whipper_pool="default".*\} 2$`,
		`(?m)^whipper_call_wait_seconds_count\{.*\} 2$`,
		`(?m)^whipper_call_active\{.*whipper_pool="default".*\} 0$`,
		`(?m)^whipper_queue_jobs\{.*whipper_queue_state="submitted".*\} 0$`,
		`(?m)^whipper_queue_oldest_seconds\{.*\} 0$`,
		`(?m)^whipper_pool_workers\{.*whipper_worker_state="processing".*\} 1$`,
		`(?m)^whipper_worker_forks_total\{.*\} 1$`,
		`(?m)^whipper_ledger_commit_duration_seconds_count [1-9]`,
		`(?m)^whipper_ledger_commit_operations_sum [1-9]`,
		`(?m)^whipper_ledger_size_bytes\{.*whipper_ledger_file="database".*\} [1-9]`,
		`(?m)^whipper_ledger_size_bytes\{.*whipper_ledger_file="wal".*\} [1-9]`,
	} {
		if !regexp.MustCompile(pattern).MatchString(text) {
			t.Errorf("there is no %s", pattern)
		}
	}
	if strings.Contains(text, "otel_scope") {
		t.Error("each line has the scope, which is the same everywhere")
	}
	if t.Failed() {
		t.Log(text)
	}
	stop(t, s)
	promtool := os.Getenv("PROMTOOL") // of .ci/run
	if promtool == "" {
		var err error
		if promtool, err = exec.LookPath("promtool"); err != nil {
			t.Skip("promtool, of Debian's package prometheus, is not installed: it would check the form of /metrics")
		}
	}
	lint := exec.Command(promtool, "check", "metrics")
	lint.Stdin = strings.NewReader(text)
	if out, err := lint.CombinedOutput(); err != nil {
		t.Errorf("promtool: %v\n%s", err, out)
	}
}
