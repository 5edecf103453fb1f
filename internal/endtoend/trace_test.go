package endtoend

import (
	"encoding/hex"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/whipper-sidecar/whipper/internal/telemetry/otlptest"
	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

// caller is the trace context of somebody who calls.
var caller = whipper.Trace{
	Traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", Tracestate: "vendor=1", Baggage: "tenant=acme",
}

// exporting has a supervisor send traces, soon, to a collector over gRPC or HTTP.
func exporting(s *supervisor, c *otlptest.Collector, grpc bool) {
	endpoint, protocol := c.HTTP(), "http/protobuf"
	if grpc {
		endpoint, protocol = c.GRPC(), "grpc"
	}
	s.cmd.Env = append(s.cmd.Env, "OTEL_TRACES_EXPORTER=otlp", "OTEL_BSP_SCHEDULE_DELAY=50",
		"OTEL_EXPORTER_OTLP_ENDPOINT="+endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL="+protocol, "OTEL_METRICS_EXPORTER=none", "OTEL_LOGS_EXPORTER=none")
}

// relaying serves the pools first, in Python, and second, in Go. Scope is that of the spans that are whipper's own.
func relaying(t *testing.T, dir string, c *otlptest.Collector, grpc bool, flags ...string) *supervisor {
	t.Helper()
	worker := filepath.Join(t.TempDir(), "worker")
	if out, err := exec.Command("go", "build", "-o", worker, "../matrix/worker").CombinedOutput(); err != nil {
		t.Fatalf("build a worker: %v\n%s", err, out)
	}
	file := filepath.Join(t.TempDir(), "whipper.yaml")
	poolsFile(t, file, "first: {script: SCRIPTS/relay.py, max-workers: 1}", "second: {command: ["+worker+"], max-workers: 1}")
	s := prepare(t, dir, append([]string{"-c", file}, flags...)...)
	s.cmd.Args[1] = "serve"
	exporting(s, c, grpc)
	s.begin()
	s.says(1, "(?m)^whipper: 2 pools ready")
	return s
}

// await waits for a job's end.
func (s *supervisor) await(c *whipper.Client, id int64) *whipper.Job {
	s.t.Helper()
	done, err := c.Wait(s.t.Context(), whipper.WaitParams{IDs: []int64{id}})
	check(s.t, err)
	return &done.Jobs[0]
}

// spanSeen is what a test looks at of a span.
type spanSeen struct {
	Kind       tracepb.Span_SpanKind
	Parent     string // "": none
	Attributes map[string]any
	Links      []string // kind and span
	Events     []string
	Status     string
}

func seen(s otlptest.Span) spanSeen {
	v := spanSeen{Kind: s.Kind, Parent: hex.EncodeToString(s.ParentSpanId), Attributes: otlptest.Attributes(s.Attributes), Status: s.Status.GetMessage()}
	for _, l := range s.Links {
		v.Links = append(v.Links, fmt.Sprintf("%v %x", otlptest.Attributes(l.Attributes)["whipper.link"], l.SpanId))
	}
	for _, e := range s.Events {
		v.Events = append(v.Events, e.Name)
	}
	return v
}

func TestATraceGoesFromTheCallerThroughAWorkerToTheNext(t *testing.T) {
	for _, grpc := range []bool{false, true} {
		t.Run(map[bool]string{false: "http", true: "grpc"}[grpc], func(t *testing.T) {
			t.Parallel()
			collector := otlptest.New(t)
			s := relaying(t, filepath.Join(t.TempDir(), "state"), collector, grpc)
			c := s.client()
			job, err := c.Submit(t.Context(), whipper.SubmitParams{Pool: "first", Method: "relay", Params: raw(t, 3, 4), Trace: caller})
			check(t, err)
			first := s.await(c, job.ID)
			id, err := strconv.ParseInt(string(first.Result), 10, 64)
			check(t, err)
			second := s.await(c, id)
			if string(second.Result) != "7" {
				t.Errorf("the second job gave %s", second.Result)
			}
			r := collector.Await("all spans of both jobs", func(r otlptest.Received) bool { return len(r.Spans) >= 6 })
			own := map[string]otlptest.Span{}
			for _, span := range r.Spans {
				if span.Scope != "github.com/whipper-sidecar/whipper" {
					continue
				}
				if other, twice := own[span.Name]; twice {
					t.Errorf("there are two spans %s: %v and %v", span.Name, other, span)
				}
				own[span.Name] = span
				if got := hex.EncodeToString(span.TraceId); got != caller.Traceparent[3:35] {
					t.Errorf("%s is of trace %s", span.Name, got)
				}
				if span.TraceState != caller.Tracestate {
					t.Errorf("%s has tracestate %q", span.Name, span.TraceState)
				}
			}
			at := func(name string) string { return hex.EncodeToString(own[name].SpanId) }
			want := map[string]spanSeen{}
			for _, one := range []struct {
				pool, method, parent string
				job                  *whipper.Job
			}{{"first", "relay", caller.Traceparent[36:52], first}, {"second", "add", at("relay"), second}} {
				workers, err := c.Workers(t.Context(), whipper.PoolParams{Pool: one.pool})
				check(t, err)
				pid := int64(workers.Workers[0].PID)
				id := strconv.FormatInt(one.job.ID, 10)
				process := otlptest.Attributes(own["process "+one.pool].Attributes)
				if wait, ok := process["whipper.queue.wait"].(float64); !ok || wait < 0 || wait > patience.Seconds() {
					t.Errorf("process %s waited for %v", one.pool, process["whipper.queue.wait"])
				}
				request := otlptest.Attributes(own[one.method].Attributes)
				if n, err := strconv.Atoi(fmt.Sprint(request["jsonrpc.request.id"])); err != nil || n < 1 {
					t.Errorf("the request to %s has id %v", one.method, request["jsonrpc.request.id"])
				}
				want["send "+one.pool] = spanSeen{Kind: tracepb.Span_SPAN_KIND_PRODUCER, Parent: one.parent, Attributes: map[string]any{
					"messaging.system": "whipper", "messaging.destination.name": one.pool, "messaging.operation.name": "send",
					"messaging.operation.type": "send", "messaging.message.id": id, "rpc.method": one.method,
				}}
				want["process "+one.pool] = spanSeen{Kind: tracepb.Span_SPAN_KIND_CONSUMER, Parent: at("send " + one.pool), Attributes: map[string]any{
					"messaging.system": "whipper", "messaging.destination.name": one.pool, "messaging.operation.name": "process",
					"messaging.operation.type": "process", "messaging.message.id": id, "rpc.method": one.method,
					"whipper.job.run": int64(1), "whipper.job.attempt": int64(1), "whipper.queue.wait": process["whipper.queue.wait"],
					"whipper.worker": "w1", "process.pid": pid, "whipper.outcome": "succeeded",
				}}
				want[one.method] = spanSeen{Kind: tracepb.Span_SPAN_KIND_CLIENT, Parent: at("process " + one.pool), Attributes: map[string]any{
					"rpc.system.name": "jsonrpc", "rpc.method": one.method, "jsonrpc.request.id": request["jsonrpc.request.id"],
					"jsonrpc.protocol.version": "2.0", "process.pid": pid,
				}}
			}
			got := map[string]spanSeen{}
			for name, span := range own {
				got[name] = seen(span)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			if second.Baggage != caller.Baggage {
				t.Errorf("the second job's baggage is %q", second.Baggage)
			}
			stop(t, s)
		})
	}
}

func TestATraceGoesOnAfterASupervisorWasKilled(t *testing.T) {
	t.Parallel()
	collector := otlptest.New(t)
	dir := filepath.Join(t.TempDir(), "state")
	s := relaying(t, dir, collector, true)
	c := s.client()
	_, err := c.Pause(t.Context(), whipper.PauseParams{Pool: "first"})
	check(t, err)
	job, err := c.Submit(t.Context(), whipper.SubmitParams{
		Pool: "first", Method: "flaky", Params: raw(t, filepath.Join(t.TempDir(), "there")), Trace: caller, Backoff: &whipper.Backoff{BaseMs: 1, Factor: 1, CapMs: 1},
	})
	check(t, err)
	sent := collector.Await("the send span", func(r otlptest.Received) bool { return len(r.Named("send first")) == 1 }).Named("send first")[0]
	s.signal(syscall.SIGKILL)
	if code := s.exitCode(); code != -1 {
		t.Fatalf("the supervisor ended with %d", code)
	}

	s = relaying(t, dir, collector, false)
	s.await(s.client(), job.ID)
	runs := collector.Await("both runs", func(r otlptest.Received) bool { return len(r.Named("process first")) == 2 }).Named("process first")
	for i, run := range runs {
		if string(run.TraceId) != string(sent.TraceId) || string(run.ParentSpanId) != string(sent.SpanId) {
			t.Errorf("run %d is within span %x of trace %x, the job was sent in span %x of trace %x", i+1, run.ParentSpanId, run.TraceId, sent.SpanId, sent.TraceId)
		}
	}
	failed, again := seen(runs[0]), seen(runs[1])
	if diff := cmp.Diff([]string{"whipper.retry"}, failed.Events); diff != "" || failed.Attributes["whipper.outcome"] != "error" || failed.Attributes["error.type"] == nil {
		t.Errorf("the first run is %v", failed)
	}
	if want := fmt.Sprintf("previous %x", runs[0].SpanId); len(again.Links) != 1 || again.Links[0] != want {
		t.Errorf("the second run links to %v, not to %s", again.Links, want)
	}
	stop(t, s)
}

func TestAJobOfAScheduleBeginsATraceThatLinksToWhoMadeTheSchedule(t *testing.T) {
	t.Parallel()
	collector := otlptest.New(t)
	s := relaying(t, filepath.Join(t.TempDir(), "state"), collector, false)
	_, err := s.client().PutSchedule(t.Context(), whipper.SchedulePutParams{
		Name: "s", Spec: "@every 1s", Pool: "second", Method: "add", Params: raw(t, 1, 2), Traceparent: caller.Traceparent,
	})
	check(t, err)
	r := collector.Await("two times", func(r otlptest.Received) bool { return len(r.Named("process second")) >= 2 })
	traces := map[string]bool{}
	for _, sent := range r.Named("send second")[:2] {
		traces[hex.EncodeToString(sent.TraceId)] = true
		v := seen(sent)
		if want := "schedule " + caller.Traceparent[36:52]; v.Parent != "" || len(v.Links) != 1 || v.Links[0] != want {
			t.Errorf("%v is within %q and links to %v, not to %s", v.Attributes, v.Parent, v.Links, want)
		}
	}
	if len(traces) != 2 || traces[caller.Traceparent[3:35]] {
		t.Errorf("the jobs' traces are %v", traces)
	}
	if run := r.Named("process second")[0]; !traces[hex.EncodeToString(run.TraceId)] {
		t.Errorf("the run is of trace %x, not of %v", run.TraceId, traces)
	}
	stop(t, s)
}

func TestRunsMayHaveTracesOfTheirOwn(t *testing.T) {
	t.Parallel()
	collector := otlptest.New(t)
	s := relaying(t, filepath.Join(t.TempDir(), "state"), collector, false, "--trace-runs", "link")
	c := s.client()
	job, err := c.Submit(t.Context(), whipper.SubmitParams{Pool: "second", Method: "add", Params: raw(t, 1, 2), Trace: caller})
	check(t, err)
	s.await(c, job.ID)
	r := collector.Await("the run", func(r otlptest.Received) bool {
		return len(r.Named("process second")) == 1 && len(r.Named("send second")) == 1
	})
	sent, run := r.Named("send second")[0], r.Named("process second")[0]
	v := seen(run)
	if want := fmt.Sprintf("send %x", sent.SpanId); v.Parent != "" || len(v.Links) != 1 || v.Links[0] != want || string(run.TraceId) == string(sent.TraceId) {
		t.Errorf("the run, of trace %x, is within %q and links to %v, not to %s", run.TraceId, v.Parent, v.Links, want)
	}
	stop(t, s)
}
