package endtoend

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/whipper-sidecar/whipper/internal/telemetry/otlptest"
	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

func TestWhatAWorkerPrintsAndLogsIsSentWithItsJob(t *testing.T) {
	t.Parallel()
	collector := otlptest.New(t)
	s := prepare(t, filepath.Join(t.TempDir(), "state"), "testdata/endings.py")
	exporting(s, collector, false)
	s.cmd.Env = append(s.cmd.Env, "OTEL_LOGS_EXPORTER=otlp", "OTEL_BLRP_SCHEDULE_DELAY=50")
	s.begin()
	s.says(1, "pool default is ready")
	must(t, s.dir, "call", "flaky", `"/dev/null"`) // so that the job's number is not the worker's
	gate := filepath.Join(t.TempDir(), "gate")
	check(t, syscall.Mkfifo(gate, 0o600))
	c := s.client()
	job, err := c.Submit(t.Context(), whipper.SubmitParams{Method: "speak", Params: raw(t, "two", gate)})
	check(t, err)
	said := func(r otlptest.Received, body, text string) (found []otlptest.Log) {
		for _, record := range r.Logs {
			if a := otlptest.Attributes(record.Attributes); otlptest.Value(record.Body) == body && (text == "" || a["text"] == text) {
				found = append(found, record)
			}
		}
		return found
	}
	collector.Await("the line and the record", func(r otlptest.Received) bool {
		return len(said(r, "two", "")) == 1 && len(said(r, "worker log record", "two")) == 1
	})
	check(t, os.WriteFile(gate, nil, 0)) // the line is read by another goroutine than the answer
	s.await(c, job.ID)
	r := collector.Await("the run's span", func(r otlptest.Received) bool { return len(r.Named("process default")) == 2 })
	run := r.Named("process default")[1]
	line, record := said(r, "two", "")[0], said(r, "worker log record", "two")[0]
	for what, one := range map[string]otlptest.Log{"the line": line, "the record": record} {
		a := otlptest.Attributes(one.Attributes)
		if a["worker"] != "w1" || a["job"] != job.ID || a["pid"] != otlptest.Attributes(run.Attributes)["process.pid"] || a["pool"] != "default" {
			t.Errorf("%s has %v", what, a)
		}
	}
	if string(record.TraceId) != string(run.TraceId) || string(record.SpanId) != string(run.SpanId) {
		t.Errorf("the record is of span %x, the run is %x", record.SpanId, run.SpanId)
	}
	stop(t, s)
}

func TestCallsGoOnWhileTheCollectorIsGone(t *testing.T) {
	for _, how := range []struct {
		name string
		grpc bool
		fail func(*otlptest.Collector)
	}{{"killed", true, (*otlptest.Collector).Stop}, {"blackholed", false, (*otlptest.Collector).Hang}} {
		t.Run(how.name, func(t *testing.T) {
			t.Parallel()
			collector := otlptest.New(t)
			s := prepare(t, filepath.Join(t.TempDir(), "state"), "--http", "127.0.0.1:0", "testdata/worker.py")
			exporting(s, collector, how.grpc)
			const queue = 64
			s.cmd.Env = append(s.cmd.Env, fmt.Sprint("OTEL_BSP_MAX_QUEUE_SIZE=", queue), "OTEL_BSP_MAX_EXPORT_BATCH_SIZE=32",
				"OTEL_EXPORTER_OTLP_TIMEOUT=1000", "OTEL_BSP_EXPORT_TIMEOUT=1000")
			s.begin()
			s.says(1, "pool default is ready")
			calls := s.loadWith(4, "add", 1, 2)
			calls.goesOn(50)
			collector.Await("a call's spans", func(r otlptest.Received) bool { return len(r.Named("add")) > 0 })
			how.fail(collector)
			const lost = "telemetry cannot be delivered; this is told once"
			s.says(1, lost)
			calls.goesOn(500)
			dropped := regexp.MustCompile(`(?m)^whipper_telemetry_spans_dropped_total\{.*error_type="queue_full".*\} (\S+)$`)
			eventually(t, "spans are dropped", func() bool {
				_, text := s.ask("/metrics")
				found := dropped.FindStringSubmatch(text)
				if found == nil {
					return false
				}
				n, err := strconv.ParseFloat(found[1], 64)
				return err == nil && n > 3*queue // so no more than the queue holds are kept
			})
			calls.end()
			stop(t, s)
			if n := strings.Count(s.stderr.String(), lost); n != 1 {
				t.Errorf("it was told %d times", n)
			}
		})
	}
}
