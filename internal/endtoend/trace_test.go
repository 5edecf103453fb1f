package endtoend

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
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

// Parts of caller's traceparent.
var (
	callersTrace = caller.Traceparent[3:35]
	callersSpan  = caller.Traceparent[36:52]
)

// soon is when a run is tried again.
var soon = &whipper.Backoff{BaseMs: 1, Factor: 1, CapMs: 1}

// exporting has a supervisor send traces, soon, to a collector over gRPC or HTTP.
func exporting(s *supervisor, c *otlptest.Collector, grpc bool) {
	endpoint, protocol := c.HTTP(), "http/protobuf"
	if grpc {
		endpoint, protocol = c.GRPC(), "grpc"
	}
	s.cmd.Env = append(s.cmd.Env, "OTEL_TRACES_EXPORTER=otlp", "OTEL_BSP_SCHEDULE_DELAY=50",
		"OTEL_EXPORTER_OTLP_ENDPOINT="+endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL="+protocol, "OTEL_METRICS_EXPORTER=none", "OTEL_LOGS_EXPORTER=none")
}

// traced serves a script, and sends traces to a collector.
func traced(t *testing.T, dir string, c *otlptest.Collector, grpc bool, args ...string) *supervisor {
	t.Helper()
	s := prepare(t, dir, append([]string{"--max-workers", "1"}, args...)...)
	exporting(s, c, grpc)
	s.begin()
	s.says(1, "pool default is ready")
	return s
}

// relaying serves the pools first, in Python, and second, in Go. Both are applications that have OpenTelemetry set up, and send to the same
// collector.
func relaying(t *testing.T, c *otlptest.Collector, grpc bool) *supervisor {
	t.Helper()
	python, err := filepath.Abs("../../sdk-python/.venv/bin/python")
	check(t, err)
	if _, err := os.Stat(python); err != nil {
		t.Fatalf("%v\nmake test installs it; make servers does only that", err)
	}
	self, err := os.Executable()
	check(t, err)
	file := filepath.Join(t.TempDir(), "whipper.yaml")
	poolsFile(t, file,
		fmt.Sprintf("first: {script: SCRIPTS/relay.py, interpreter: %s, max-workers: 1, env: {OTEL_EXPORTER_OTLP_ENDPOINT: %q}}", python, c.HTTP()),
		fmt.Sprintf("second: {command: [%s], max-workers: 1, env: {OTEL_EXPORTER_OTLP_ENDPOINT: %q, %s: yes}}", self, c.HTTP(), envApplication))
	s := prepare(t, filepath.Join(t.TempDir(), "state"), "-c", file)
	s.cmd.Args[1] = "serve"
	exporting(s, c, grpc)
	s.begin()
	s.says(1, "(?m)^whipper: 2 pools ready")
	return s
}

// order has an application in Node that traces submit a job and wait for the one that follows on it. It gives the ids of both, and the result.
func order(t *testing.T, s *supervisor, c *otlptest.Collector) (first, second, result int64) {
	t.Helper()
	server(t, "mcp-server-everything") // its packages are installed
	cmd := exec.Command("node", "testdata/servers/caller.mjs")
	cmd.Env = append(os.Environ(), "WHIPPER_DIR="+s.dir, "OTEL_EXPORTER_OTLP_ENDPOINT="+c.HTTP(),
		"TRACEPARENT="+caller.Traceparent, "TRACESTATE="+caller.Tracestate, "BAGGAGE="+caller.Baggage)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	var told [3]int64
	if err != nil || json.Unmarshal(out, &told) != nil {
		t.Fatalf("the application in Node: %v, it printed %q\n%s", err, out, stderr.String())
	}
	return told[0], told[1], told[2]
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
	Scope      string
	Parent     string // "": none
	Attributes map[string]any
	Links      []string // kind and span
	Events     []string // name and attributes
	Status     string   // "": unset; else its message, which may be cut
}

func seen(s otlptest.Span) spanSeen {
	v := spanSeen{Scope: s.Scope, Parent: hex.EncodeToString(s.ParentSpanId), Attributes: otlptest.Attributes(s.Attributes)}
	if s.Status.GetCode() != tracepb.Status_STATUS_CODE_UNSET {
		v.Status = strings.TrimPrefix(s.Status.Code.String(), "STATUS_CODE_") + ": " + s.Status.Message
	}
	for _, l := range s.Links {
		v.Links = append(v.Links, fmt.Sprintf("%v %x", otlptest.Attributes(l.Attributes)["whipper.link"], l.SpanId))
	}
	for _, e := range s.Events {
		v.Events = append(v.Events, strings.TrimSuffix(fmt.Sprint(e.Name, " ", otlptest.Attributes(e.Attributes)), " map[]"))
	}
	return v
}

// kindOf is a span's kind as docs/tracing.md names it.
func kindOf(s otlptest.Span) string {
	return strings.ToLower(strings.TrimPrefix(s.Kind.String(), "SPAN_KIND_"))
}

// byKind gives the spans by kind and name. No two may have the same.
func byKind(t *testing.T, spans []otlptest.Span) map[string]otlptest.Span {
	t.Helper()
	all := map[string]otlptest.Span{}
	for _, span := range spans {
		key := kindOf(span) + " " + span.Name
		if other, twice := all[key]; twice {
			t.Errorf("there are two spans %s: %v and %v", key, other, span)
		}
		all[key] = span
	}
	return all
}

func TestATraceGoesFromNodeThroughPythonToGo(t *testing.T) {
	for _, grpc := range []bool{false, true} {
		t.Run(map[bool]string{false: "http", true: "grpc"}[grpc], func(t *testing.T) {
			t.Parallel()
			collector := otlptest.New(t)
			s := relaying(t, collector, grpc)
			first, second, result := order(t, s, collector)
			if result != 7 {
				t.Errorf("the second job gave %d", result)
			}
			r := collector.Await("all spans of both jobs", func(r otlptest.Received) bool { return len(r.Spans) >= 9 })
			spans := byKind(t, r.Spans)
			for name, span := range spans {
				if got := hex.EncodeToString(span.TraceId); got != callersTrace || span.TraceState != caller.Tracestate {
					t.Errorf("%s is of trace %s, with tracestate %q", name, got, span.TraceState)
				}
			}
			at := func(name string) string { return hex.EncodeToString(spans[name].SpanId) }
			want := map[string]spanSeen{"internal order": {Scope: "shop", Parent: callersSpan, Attributes: map[string]any{}}}
			c := s.client()
			for _, one := range []struct {
				pool, method, parent, scope string
				job                         int64
			}{
				{"first", "relay", "internal order", "whipper", first},
				{"second", "add", "server relay", "github.com/whipper-sidecar/whipper/sdk-go", second},
			} {
				workers, err := c.Workers(t.Context(), whipper.PoolParams{Pool: one.pool})
				check(t, err)
				pid := int64(workers.Workers[0].PID)
				id := strconv.FormatInt(one.job, 10)
				send, process, call, serve := "producer send "+one.pool, "consumer process "+one.pool, "client "+one.method, "server "+one.method
				waited := otlptest.Attributes(spans[process].Attributes)["whipper.queue.wait"]
				if seconds, ok := waited.(float64); !ok || seconds < 0 || seconds > patience.Seconds() {
					t.Errorf("%s waited for %v", process, waited)
				}
				request := otlptest.Attributes(spans[call].Attributes)["jsonrpc.request.id"]
				if n, err := strconv.Atoi(fmt.Sprint(request)); err != nil || n < 1 {
					t.Errorf("%s has id %v", call, request)
				}
				const own = "github.com/whipper-sidecar/whipper"
				want[send] = spanSeen{Scope: own, Parent: at(one.parent), Attributes: map[string]any{
					"messaging.system": "whipper", "messaging.destination.name": one.pool, "messaging.operation.name": "send",
					"messaging.operation.type": "send", "messaging.message.id": id, "rpc.method": one.method,
				}}
				want[process] = spanSeen{Scope: own, Parent: at(send), Attributes: map[string]any{
					"messaging.system": "whipper", "messaging.destination.name": one.pool, "messaging.operation.name": "process",
					"messaging.operation.type": "process", "messaging.message.id": id, "rpc.method": one.method,
					"whipper.job.run": int64(1), "whipper.job.attempt": int64(1), "whipper.queue.wait": waited,
					"whipper.worker": "w1", "process.pid": pid, "whipper.outcome": "succeeded",
				}}
				want[call] = spanSeen{Scope: own, Parent: at(process), Attributes: map[string]any{
					"rpc.system.name": "jsonrpc", "rpc.method": one.method, "jsonrpc.request.id": request,
					"jsonrpc.protocol.version": "2.0", "process.pid": pid,
				}}
				want[serve] = spanSeen{Scope: one.scope, Parent: at(call), Attributes: map[string]any{
					"rpc.system.name": "jsonrpc", "rpc.method": one.method, "jsonrpc.request.id": request,
					"jsonrpc.protocol.version": "2.0", "whipper.job.id": one.job, "whipper.job.attempt": int64(1),
				}}
				job, err := c.Get(t.Context(), whipper.GetParams{ID: one.job})
				check(t, err)
				if job.Baggage != caller.Baggage {
					t.Errorf("the baggage of the job in pool %s is %q", one.pool, job.Baggage)
				}
			}
			got := map[string]spanSeen{}
			for name, span := range spans {
				got[name] = seen(span)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			stop(t, s)
		})
	}
}

func TestATraceGoesOnAfterASupervisorWasKilled(t *testing.T) {
	t.Parallel()
	collector := otlptest.New(t)
	dir := filepath.Join(t.TempDir(), "state")
	s := traced(t, dir, collector, true, "testdata/endings.py")
	c := s.client()
	_, err := c.Pause(t.Context(), whipper.PauseParams{})
	check(t, err)
	job, err := c.Submit(t.Context(), whipper.SubmitParams{Method: "flaky", Params: raw(t, filepath.Join(t.TempDir(), "there")), Trace: caller, Backoff: soon})
	check(t, err)
	sent := collector.Await("the send span", func(r otlptest.Received) bool { return len(r.Named("send default")) == 1 }).Named("send default")[0]
	s.signal(syscall.SIGKILL)
	if code := s.exitCode(); code != -1 {
		t.Fatalf("the supervisor ended with %d", code)
	}

	s = traced(t, dir, collector, false, "testdata/endings.py")
	s.await(s.client(), job.ID)
	runs := collector.Await("both runs", func(r otlptest.Received) bool { return len(r.Named("process default")) == 2 }).Named("process default")
	for i, run := range runs {
		if string(run.TraceId) != string(sent.TraceId) || string(run.ParentSpanId) != string(sent.SpanId) {
			t.Errorf("run %d is within span %x of trace %x, the job was sent in span %x of trace %x", i+1, run.ParentSpanId, run.TraceId, sent.SpanId, sent.TraceId)
		}
	}
	again := seen(runs[1])
	if want := fmt.Sprintf("previous %x", runs[0].SpanId); len(again.Links) != 1 || again.Links[0] != want {
		t.Errorf("the second run links to %v, not to %s", again.Links, want)
	}
	stop(t, s)
}

func TestAJobOfAScheduleBeginsATraceThatLinksToWhoMadeTheSchedule(t *testing.T) {
	t.Parallel()
	collector := otlptest.New(t)
	s := traced(t, filepath.Join(t.TempDir(), "state"), collector, false, "testdata/worker.py")
	_, err := s.client().PutSchedule(t.Context(), whipper.SchedulePutParams{
		Name: "s", Spec: "@every 1s", Method: "add", Params: raw(t, 1, 2), Traceparent: caller.Traceparent,
	})
	check(t, err)
	r := collector.Await("two times", func(r otlptest.Received) bool { return len(r.Named("process default")) >= 2 })
	traces := map[string]bool{}
	for _, sent := range r.Named("send default")[:2] {
		traces[hex.EncodeToString(sent.TraceId)] = true
		v := seen(sent)
		if want := "schedule " + callersSpan; v.Parent != "" || len(v.Links) != 1 || v.Links[0] != want {
			t.Errorf("%v is within %q and links to %v, not to %s", v.Attributes, v.Parent, v.Links, want)
		}
	}
	if len(traces) != 2 || traces[callersTrace] {
		t.Errorf("the jobs' traces are %v", traces)
	}
	if run := r.Named("process default")[0]; !traces[hex.EncodeToString(run.TraceId)] {
		t.Errorf("the run is of trace %x, not of %v", run.TraceId, traces)
	}
	stop(t, s)
}

func TestRunsMayHaveTracesOfTheirOwn(t *testing.T) {
	t.Parallel()
	collector := otlptest.New(t)
	s := traced(t, filepath.Join(t.TempDir(), "state"), collector, false, "--trace-runs", "link", "testdata/worker.py")
	c := s.client()
	job, err := c.Submit(t.Context(), whipper.SubmitParams{Method: "add", Params: raw(t, 1, 2), Trace: caller})
	check(t, err)
	s.await(c, job.ID)
	r := collector.Await("the run", func(r otlptest.Received) bool {
		return len(r.Named("process default")) == 1 && len(r.Named("send default")) == 1
	})
	sent, run := r.Named("send default")[0], r.Named("process default")[0]
	v := seen(run)
	if want := fmt.Sprintf("send %x", sent.SpanId); v.Parent != "" || len(v.Links) != 1 || v.Links[0] != want || string(run.TraceId) == string(sent.TraceId) {
		t.Errorf("the run, of trace %x, is within %q and links to %v, not to %s", run.TraceId, v.Parent, v.Links, want)
	}
	stop(t, s)
}

func TestAnMCPServerGetsItsCallersTraceInItsMeta(t *testing.T) {
	t.Parallel()
	collector := otlptest.New(t)
	sent := filepath.Join(t.TempDir(), "sent")
	listening := []string{"--handshake", "mcp", "--", "sh", "-c", `tee "$0" | "$@"`, sent} // to what the server is told
	s := traced(t, filepath.Join(t.TempDir(), "state"), collector, true, append(listening, server(t, "mcp-server-everything", "stdio")[1:]...)...)
	params := json.RawMessage(`{"name":"echo","arguments":{"message":"hello"},"_meta":{"progressToken":7}}`)
	result, _, err := s.client().Invoke(t.Context(), whipper.InvokeParams{Method: "tools/call", Params: params, Trace: caller})
	if err != nil || !strings.Contains(string(result), "hello") {
		t.Errorf("tools/call gave %s, %v", result, err)
	}
	request := collector.Await("the request's span", func(r otlptest.Received) bool { return len(r.Named("tools/call")) == 1 }).Named("tools/call")[0]
	told, err := os.ReadFile(sent)
	check(t, err)
	want := fmt.Sprintf(`"params":{"name":"echo","arguments":{"message":"hello"},"_meta":{"traceparent":"00-%s-%x-01","tracestate":"vendor=1","baggage":"tenant=acme","progressToken":7}}`,
		callersTrace, request.SpanId)
	if !strings.Contains(string(told), want) {
		t.Errorf("the server was told\n%s\nand not\n%s", told, want)
	}
	stop(t, s)
}
