package endtoend

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/whipper-sidecar/whipper/internal/telemetry/otlptest"
	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

func TestASubmissionThatIsRefusedShowsInItsSpan(t *testing.T) {
	t.Parallel()
	collector := otlptest.New(t)
	s := traced(t, filepath.Join(t.TempDir(), "state"), collector, true, "--max-backlog", "1", "--at-capacity", "error", "testdata/endings.py")
	c := s.client()
	gate := filepath.Join(t.TempDir(), "gate")
	check(t, syscall.Mkfifo(gate, 0o600))
	running, err := c.Submit(t.Context(), whipper.SubmitParams{Method: "speak", Params: raw(t, "it runs", gate)})
	check(t, err)
	s.says(1, "it runs")
	_, err = c.Submit(t.Context(), whipper.SubmitParams{Method: "fails"}) // all that may be queued
	check(t, err)

	submit := func() error {
		_, err := c.Submit(t.Context(), whipper.SubmitParams{Method: "fails", Trace: caller})
		return err
	}
	batch := func() error {
		one := whipper.SubmitParams{Method: "fails", Trace: caller}
		_, err := c.SubmitBatch(t.Context(), whipper.SubmitBatchParams{Jobs: []whipper.SubmitParams{one, one}})
		return err
	}
	invoke := func() error {
		_, _, err := c.Invoke(t.Context(), whipper.InvokeParams{Method: "fails", Trace: caller})
		return err
	}
	refused := func(ask func() error, code int64) string {
		t.Helper()
		var e *whipper.Error
		if err := ask(); !errors.As(err, &e) || e.Code != code {
			t.Fatalf("got %v, not code %d", err, code)
		}
		return "ERROR: " + e.Message
	}
	one := func(code string) map[string]any {
		return attributes("messaging.system", "whipper", "messaging.destination.name", "default", "messaging.operation.name", "send",
			"messaging.operation.type", "send", "rpc.method", "fails", "error.type", code)
	}
	two := one("1005")
	delete(two, "rpc.method")
	two["messaging.batch.message_count"] = int64(2)
	const own = "github.com/whipper-sidecar/whipper"
	want := []spanSeen{
		{Scope: own, Parent: callersSpan, Attributes: one("1005"), Status: refused(submit, whipper.CodeQueueFull)},
		{Scope: own, Parent: callersSpan, Attributes: two, Status: refused(batch, whipper.CodeQueueFull)},
		{Scope: own, Parent: callersSpan, Attributes: one("1001"), Status: refused(invoke, whipper.CodeAtCapacity)},
	}
	s.signal(syscall.SIGTERM)
	s.says(1, "draining with 1 running call")
	want = append(want,
		spanSeen{Scope: own, Parent: callersSpan, Attributes: one("1007"), Status: refused(submit, whipper.CodeShuttingDown)},
		spanSeen{Scope: own, Parent: callersSpan, Attributes: one("1007"), Status: refused(invoke, whipper.CodeShuttingDown)})
	check(t, os.WriteFile(gate, nil, 0)) // the drain is over then
	if code := s.exitCode(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	r := collector.Received()
	if runs := runsOf(r, running.ID); len(runs) != 1 {
		t.Errorf("job %d has the runs %v", running.ID, runs)
	}
	var got []spanSeen
	for _, span := range r.Named("send default") {
		if v := seen(span); v.Status != "" {
			got = append(got, v)
		}
	}
	byStatus := func(a, b spanSeen) int { return strings.Compare(a.Status, b.Status) }
	slices.SortStableFunc(want, byStatus)
	slices.SortStableFunc(got, byStatus)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
