package telemetry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/goleak"

	"github.com/whipper-sidecar/whipper/internal/telemetry/otlptest"
	"github.com/whipper-sidecar/whipper/internal/telemetry/signals"
)

func TestNothingIsStartedWhereNothingIsConfigured(t *testing.T) {
	for _, assignment := range []string{"", "OTEL_SDK_DISABLED=true", "OTEL_TRACES_EXPORTER=none", "OTEL_SERVICE_NAME=shop"} {
		t.Run(assignment, func(t *testing.T) {
			if name, value, set := strings.Cut(assignment, "="); set {
				t.Setenv(name, value)
			}
			before := goleak.IgnoreCurrent()
			tel, said := start(t, Options{})
			if err := goleak.Find(before); err != nil {
				t.Error(err)
			}
			if _, ok := tel.Tracer().(tracenoop.Tracer); !ok {
				t.Errorf("the tracer is a %T", tel.Tracer())
			}
			if _, ok := tel.Meter().(metricnoop.Meter); !ok {
				t.Errorf("the meter is a %T", tel.Meter())
			}
			if h := tel.Handler(slog.DiscardHandler, slog.LevelInfo); h != (withSpan{slog.DiscardHandler}) {
				t.Errorf("the handler is %#v", h)
			}
			if tel.Scrape() != nil {
				t.Error("there is something to scrape")
			}
			if err := tel.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
			if said.String() != "" {
				t.Errorf("it said %s", said)
			}
		})
	}
}

func TestAllSignalsArriveByEachProtocol(t *testing.T) {
	for _, test := range []struct {
		way       string
		endpoint  func(*otlptest.Collector) string
		variables []string
	}{
		{"grpc", (*otlptest.Collector).GRPC, []string{"OTEL_EXPORTER_OTLP_PROTOCOL=grpc"}},
		{"http", (*otlptest.Collector).HTTP, []string{"OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf"}},
		{"http", (*otlptest.Collector).HTTP, nil},
		{"http gzip", (*otlptest.Collector).HTTP, []string{"OTEL_EXPORTER_OTLP_COMPRESSION=gzip"}},
		{"grpc", (*otlptest.Collector).GRPC, []string{"OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "OTEL_EXPORTER_OTLP_COMPRESSION=gzip"}},
	} {
		t.Run(strings.Join(test.variables, " "), func(t *testing.T) {
			c := otlptest.New(t)
			setenv(t, slices.Concat(unhurried, test.variables, []string{
				"OTEL_EXPORTER_OTLP_ENDPOINT=" + test.endpoint(c), "OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20x",
				"OTEL_RESOURCE_ATTRIBUTES=deployment.environment.name=test,service.name=other",
			})...)
			tel, said := start(t, Options{})
			ctx, span := tel.Tracer().Start(t.Context(), "a span")
			slog.New(tel.Handler(slog.DiscardHandler, slog.LevelInfo)).InfoContext(ctx, "a record", "job", 7)
			span.End()
			counter, err := tel.Meter().Int64Counter("a.metric")
			if err != nil {
				t.Fatal(err)
			}
			counter.Add(ctx, 3)
			got := c.Await("all three", func(r otlptest.Received) bool {
				return len(r.Spans) > 0 && len(r.Logs) > 0 && r.Metric("a.metric") != nil
			})
			for i := range got.Ways {
				if got.Ways[i] != test.way || got.Headers[i] != "Bearer x" {
					t.Errorf("request %d came by %s and is authorized by %q", i, got.Ways[i], got.Headers[i])
				}
			}
			s := got.Spans[0]
			if s.Name != "a span" || s.Scope != signals.Scope || s.Schema != signals.SchemaURL {
				t.Errorf("the span %q is of %s by %s", s.Name, s.Scope, s.Schema)
			}
			for key, want := range map[string]any{
				"service.name": "other", "service.version": "1.2.3", "deployment.environment.name": "test",
				"process.pid": int64(os.Getpid()), "telemetry.sdk.name": "opentelemetry",
			} {
				if s.Resource[key] != want {
					t.Errorf("the resource's %s is %v, not %v", key, s.Resource[key], want)
				}
			}
			l := got.Logs[0]
			if l.Body.GetStringValue() != "a record" || otlptest.Attributes(l.Attributes)["job"] != int64(7) || string(l.SpanId) != string(s.SpanId) {
				t.Errorf("the log record is %v, the span %x", l.LogRecord, s.SpanId)
			}
			if v := got.Metric("a.metric").GetSum().DataPoints[0].GetAsInt(); v != 3 {
				t.Errorf("the metric is %d", v)
			}
			if said.String() != "" {
				t.Errorf("it said %s", said)
			}
		})
	}
}

func TestTheServiceIsWhipperUnlessTheEnvironmentNamesIt(t *testing.T) {
	for variable, want := range map[string]string{"": "whipper", "shop": "shop"} {
		t.Setenv("OTEL_SERVICE_NAME", variable)
		r, err := describe(t.Context(), "1")
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := r.Set().Value("service.name"); got.AsString() != want {
			t.Errorf("OTEL_SERVICE_NAME=%s: the service is %s", variable, got.AsString())
		}
	}
}

func TestTheSamplerIsHonoured(t *testing.T) {
	c := otlptest.New(t)
	setenv(t, append(slices.Clip(unhurried), "OTEL_TRACES_EXPORTER=otlp", "OTEL_EXPORTER_OTLP_ENDPOINT="+c.HTTP(),
		"OTEL_TRACES_SAMPLER=traceidratio", "OTEL_TRACES_SAMPLER_ARG=0.5")...)
	tel, _ := start(t, Options{})
	const all = 1000
	for range all {
		_, span := tel.Tracer().Start(t.Context(), "s")
		span.End()
	}
	if err := tel.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	// Half of a thousand is within 400 and 600 but once in ten billion times.
	if n := len(c.Received().Spans); n < 400 || n > 600 {
		t.Errorf("%d of %d spans were sampled", n, all)
	}
}

func TestTheSDKSamplesTheTracesThatItsRootSamplerDoes(t *testing.T) {
	const all = 20_000
	for _, test := range []struct {
		sampler, arg string
		least, most  int // which the bounds of a ratio miss once in more than a billion billion times
	}{
		{"parentbased_traceidratio", "0.25", 4400, 5600},
		{"parentbased_traceidratio", "0.002", 1, 150}, // 40 are likely, and none if the first byte of a half of the id is never 0
		{"parentbased_traceidratio", "0", 0, 0},
		{"parentbased_traceidratio", "1", all, all},
		{"parentbased_traceidratio", "", all, all},
		{"traceidratio", " 0.25 ", 4400, 5600},
		{"parentbased_always_off", "", 0, 0},
		{"parentbased_always_on", "", all, all},
		{"", "", all, all},
	} {
		t.Run(test.sampler+" "+test.arg, func(t *testing.T) {
			c := otlptest.New(t)
			setenv(t, append(slices.Clip(unhurried), "OTEL_TRACES_EXPORTER=otlp", "OTEL_EXPORTER_OTLP_ENDPOINT="+c.HTTP(),
				"OTEL_TRACES_SAMPLER="+test.sampler, "OTEL_TRACES_SAMPLER_ARG="+test.arg)...)
			tel, _ := start(t, Options{})
			tracing := signals.NewTracing(signals.TracingOptions{Tracer: tel.Tracer(), Follow: true, Samples: tel.RootSampler()})
			sampled := 0
			for range all {
				span := tracing.Send(signals.W3C{}, signals.Submission{Pool: "p"})
				if span == nil {
					continue
				}
				sampled++
				if sc := trace.SpanContextFromContext(span.Context(t.Context())); !sc.IsSampled() {
					t.Fatalf("the SDK does not sample %v", sc.TraceID())
				}
			}
			if sampled < test.least || sampled > test.most {
				t.Errorf("%d of %d are sampled", sampled, all)
			}
		})
	}
}

func TestWhatWaitsIsSentAtTheEnd(t *testing.T) {
	c := otlptest.New(t)
	setenv(t, append(slices.Clip(unhurried), "OTEL_EXPORTER_OTLP_ENDPOINT="+c.GRPC(), "OTEL_EXPORTER_OTLP_PROTOCOL=grpc",
		"OTEL_BSP_SCHEDULE_DELAY=3600000", "OTEL_BLRP_SCHEDULE_DELAY=3600000", "OTEL_METRIC_EXPORT_INTERVAL=3600000")...)
	tel, _ := start(t, Options{})
	ctx, span := tel.Tracer().Start(t.Context(), "s")
	slog.New(tel.Handler(slog.DiscardHandler, slog.LevelInfo)).InfoContext(ctx, "a record")
	span.End()
	counter, _ := tel.Meter().Int64Counter("a.metric")
	counter.Add(ctx, 1)
	if got := c.Received(); len(got.Ways) > 0 {
		t.Fatalf("%s came before the end", got)
	}
	if err := tel.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := c.Received(); len(got.Spans) != 1 || len(got.Logs) != 1 || got.Metric("a.metric") == nil {
		t.Errorf("%s came", got)
	}
}

func TestShutdownDoesNotWaitForACollectorThatHangs(t *testing.T) {
	for _, protocol := range []string{"grpc", "http/protobuf"} {
		t.Run(protocol, func(t *testing.T) {
			c := otlptest.New(t)
			c.Hang()
			endpoint := c.HTTP()
			if protocol == "grpc" {
				endpoint = c.GRPC()
			}
			setenv(t, "OTEL_EXPORTER_OTLP_ENDPOINT="+endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL="+protocol, "OTEL_EXPORTER_OTLP_TIMEOUT=3600000", "OTEL_BSP_EXPORT_TIMEOUT=3600000")
			tel, _ := start(t, Options{})
			ctx, span := tel.Tracer().Start(t.Context(), "s")
			slog.New(tel.Handler(slog.DiscardHandler, slog.LevelInfo)).InfoContext(ctx, "a record")
			span.End()
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			if err := tel.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestTheConsoleIsNeverStdout(t *testing.T) {
	path := filepath.Join(t.TempDir(), "stdout")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	stdout := os.Stdout
	os.Stdout = file
	defer func() { os.Stdout = stdout }()
	setenv(t, "OTEL_TRACES_EXPORTER=console", "OTEL_METRICS_EXPORTER=console", "OTEL_LOGS_EXPORTER=console")
	tel, said := start(t, Options{})
	ctx, span := tel.Tracer().Start(t.Context(), "a span")
	slog.New(tel.Handler(slog.DiscardHandler, slog.LevelInfo)).InfoContext(ctx, "a record")
	span.End()
	counter, _ := tel.Meter().Int64Counter("a.metric")
	counter.Add(ctx, 1)
	if err := tel.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"a span", "a record", "a.metric"} {
		said.await(text, 1)
	}
	if printed, err := os.ReadFile(path); err != nil || len(printed) > 0 {
		t.Errorf("stdout has %q, %v", printed, err)
	}
}

func TestMetricsCanBeScraped(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	l.Close()
	setenv(t, "OTEL_METRICS_EXPORTER=prometheus", "OTEL_EXPORTER_PROMETHEUS_HOST=127.0.0.1", "OTEL_EXPORTER_PROMETHEUS_PORT="+port)
	tel, _ := start(t, Options{})
	counter, _ := tel.Meter().Int64Counter("a.metric")
	counter.Add(t.Context(), 5)
	response, err := http.Get("http://127.0.0.1:" + port + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	defer http.DefaultClient.CloseIdleConnections()
	body, _ := io.ReadAll(response.Body)
	for _, text := range []string{string(body), scrape(t, tel)} {
		if !strings.Contains(text, "\na_metric_total 5\n") || !strings.Contains(text, `service_name="whipper"`) {
			t.Errorf("scraped %s", text)
		}
	}
	if _, err := Start(t.Context(), Options{Logger: slog.New(slog.DiscardHandler)}); err == nil || !strings.Contains(err.Error(), "OTEL_EXPORTER_PROMETHEUS_PORT") {
		t.Errorf("a second one at the same port: %v", err)
	}
}

func TestMetricsCanBeScrapedThoughTheEnvironmentSaysNothing(t *testing.T) {
	tel, _ := start(t, Options{Scrape: true})
	counter, _ := tel.Meter().Int64Counter("a.metric")
	counter.Add(t.Context(), 5)
	if text := scrape(t, tel); !strings.Contains(text, "\na_metric_total 5\n") {
		t.Errorf("scraped %s", text)
	}
}

func scrape(t *testing.T, tel *Telemetry) string {
	t.Helper()
	w := httptest.NewRecorder()
	tel.Scrape().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	return w.Body.String()
}

// dropped gives how many spans or logs, by what, were dropped for a reason.
func dropped(t *testing.T, tel *Telemetry, what, why string) (n int) {
	t.Helper()
	for line := range strings.Lines(scrape(t, tel)) {
		if strings.HasPrefix(line, "whipper_telemetry_"+what+"_dropped_total{") && strings.Contains(line, `error_type="`+why+`"`) {
			if _, err := fmt.Sscan(line[strings.LastIndex(line, "}")+1:], &n); err != nil {
				t.Fatal(err)
			}
		}
	}
	return n
}
