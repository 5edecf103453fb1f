package telemetry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/whipper-sidecar/whipper/internal/telemetry/signals"
)

// FlushTimeout bounds what Shutdown may take, for all signals together.
const FlushTimeout = 5 * time.Second

// Options say what the environment cannot.
type Options struct {
	Version string       // of whipper
	Console io.Writer    // where the exporter console writes; a supervisor's stderr
	Logger  *slog.Logger // is told when telemetry cannot be delivered, and when it can again; should not be Telemetry's own
	Scrape  bool         // metrics are for Telemetry.Scrape too, whatever the environment says
}

// Telemetry is where traces, metrics and logs go.
type Telemetry struct {
	settings  settings
	version   string
	resource  *resource.Resource
	console   io.Writer
	outages   outages
	scraper   *scraper // nil: nobody scrapes
	tracer    trace.Tracer
	meter     metric.Meter
	providers []provider
	logs      *sdklog.LoggerProvider // nil: logs go nowhere
	closed    context.Context        // ends when exporters are to give up
	close     context.CancelFunc
}

// provider is what is shut down at the end.
type provider interface{ Shutdown(context.Context) error }

// Start begins to send what the environment says should be sent. Errors are VariableErrors, several joined, or tell why an exporter cannot be made.
// Telemetry is never nil without an error.
func Start(ctx context.Context, o Options) (*Telemetry, error) {
	s, err := readSettings(os.Getenv)
	if err != nil {
		return nil, err
	}
	t := &Telemetry{
		settings: s, version: o.Version, console: o.Console, outages: outages{log: o.Logger, all: map[string]*outage{}},
		tracer: tracenoop.Tracer{}, meter: metricnoop.Meter{},
	}
	t.closed, t.close = context.WithCancel(context.WithoutCancel(ctx))
	if len(s.exporters) == 0 && !o.Scrape {
		return t, nil
	}
	listenToSDK(o.Logger)
	if t.resource, err = describe(ctx, o.Version); err != nil {
		return nil, err
	}
	// Metrics come first: the others count what they lose.
	if err := errors.Join(t.startMetrics(ctx, o.Scrape), t.startTraces(ctx), t.startLogs(ctx)); err != nil {
		return nil, errors.Join(err, t.Shutdown(ctx))
	}
	return t, nil
}

// Tracer gives a no-op where traces go nowhere.
func (t *Telemetry) Tracer() trace.Tracer { return t.tracer }

// Meter gives a no-op where metrics go nowhere.
func (t *Telemetry) Meter() metric.Meter { return t.meter }

// Propagates says whether trace contexts are read and written, by OTEL_PROPAGATORS.
func (t *Telemetry) Propagates() bool { return t.settings.tracecontext() }

// FollowsParents says whether no span is sampled whose parent is not, by OTEL_TRACES_SAMPLER.
func (t *Telemetry) FollowsParents() bool { return t.settings.parentBased() }

// RootSampler says whether a trace with an id that begins here is sampled, by the same variable. It is nil where all are.
func (t *Telemetry) RootSampler() func(trace.TraceID) bool {
	sampler := t.settings.rootSampler()
	if sampler == nil {
		return nil
	}
	return func(id trace.TraceID) bool {
		p := sdktrace.SamplingParameters{ParentContext: context.Background(), TraceID: id}
		return sampler.ShouldSample(p).Decision == sdktrace.RecordAndSample
	}
}

// Scrape answers with the metrics in Prometheus' format. It is nil where neither Options nor the environment ask for that.
func (t *Telemetry) Scrape() http.Handler {
	if t.scraper == nil {
		return nil
	}
	return t.scraper.handler
}

// Shutdown sends what waits, for at most FlushTimeout, and ends all goroutines. ctx must not have ended, or nothing is sent. What ends spans,
// records or logs afterwards does nothing.
func (t *Telemetry) Shutdown(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, FlushTimeout)
	defer cancel()
	failed := make([]error, len(t.providers))
	var all sync.WaitGroup
	for i, p := range t.providers { // at once: none takes another's time
		all.Go(func() { failed[i] = p.Shutdown(ctx) })
	}
	all.Wait()
	t.close()
	if err := errors.Join(failed...); err != nil {
		return fmt.Errorf("deliver the last telemetry: %w", err)
	}
	return nil
}

func (t *Telemetry) startMetrics(ctx context.Context, scrape bool) error {
	options := []sdkmetric.Option{sdkmetric.WithResource(t.resource)}
	for _, name := range t.settings.exporters[metrics] {
		if name == "prometheus" {
			scrape = true
			continue
		}
		exporter, err := t.settings.metricExporter(ctx, name, t.console)
		if err != nil {
			return fmt.Errorf("make the exporter %s of metrics: %w", name, err)
		}
		reader := sdkmetric.NewPeriodicReader(watchedMetrics{exporter, t.watch(metrics, name)})
		options = append(options, sdkmetric.WithReader(reader))
	}
	if scrape {
		var err error
		if t.scraper, err = newScraper(); err != nil {
			return err
		}
		options = append(options, sdkmetric.WithReader(t.scraper.reader))
	}
	if len(options) == 1 {
		return nil
	}
	p := sdkmetric.NewMeterProvider(options...)
	t.providers = append(t.providers, p)
	t.meter = p.Meter(signals.Scope, metric.WithInstrumentationVersion(t.version), metric.WithSchemaURL(signals.SchemaURL))
	otel.SetMeterProvider(p) // for what the SDK tells of itself if OTEL_GO_X_OBSERVABILITY asks for that
	if !t.settings.serves() {
		return nil
	}
	server, err := t.scraper.serve(t.settings.prometheusAddress())
	if err != nil {
		return err
	}
	t.providers = append(t.providers, server)
	return nil
}

func (t *Telemetry) startTraces(ctx context.Context) error {
	names := t.settings.exporters[traces]
	if len(names) == 0 {
		return nil
	}
	dropped, err := t.meter.Int64Counter(signals.MetricSpansDropped, metric.WithUnit("{span}"),
		metric.WithDescription("Spans that no collector has got, by reason."))
	if err != nil {
		return err
	}
	options := []sdktrace.TracerProviderOption{sdktrace.WithResource(t.resource), sdktrace.WithIDGenerator(generator{})}
	for _, name := range names {
		exporter, err := t.settings.spanExporter(ctx, name, t.console)
		if err != nil {
			return fmt.Errorf("make the exporter %s of traces: %w", name, err)
		}
		a := &admission{limit: t.settings.spanQueue(), dropped: dropped}
		batches := sdktrace.NewBatchSpanProcessor(watchedSpans{exporter, t.watch(traces, name), a})
		options = append(options, sdktrace.WithSpanProcessor(admittedSpans{batches, a}))
	}
	p := sdktrace.NewTracerProvider(options...)
	t.providers = append(t.providers, p)
	t.tracer = p.Tracer(signals.Scope, trace.WithInstrumentationVersion(t.version), trace.WithSchemaURL(signals.SchemaURL))
	return nil
}

func (t *Telemetry) startLogs(ctx context.Context) error {
	names := t.settings.exporters[logs]
	if len(names) == 0 {
		return nil
	}
	dropped, err := t.meter.Int64Counter(signals.MetricLogsDropped, metric.WithUnit("{log_record}"),
		metric.WithDescription("Log records that no collector has got, by reason."))
	if err != nil {
		return err
	}
	options := []sdklog.LoggerProviderOption{sdklog.WithResource(t.resource)}
	for _, name := range names {
		exporter, err := t.settings.logExporter(ctx, name, t.console)
		if err != nil {
			return fmt.Errorf("make the exporter %s of logs: %w", name, err)
		}
		a := &admission{limit: t.settings.logQueue(), dropped: dropped}
		batches := sdklog.NewBatchProcessor(watchedLogs{exporter, t.watch(logs, name), a})
		options = append(options, sdklog.WithProcessor(admittedLogs{batches, a}))
	}
	t.logs = sdklog.NewLoggerProvider(options...)
	t.providers = append(t.providers, t.logs)
	return nil
}

// watch is for an exporter of a signal.
func (t *Telemetry) watch(of signal, exporter string) watch {
	where := exporter
	if exporter == "otlp" {
		where = redacted(t.settings.endpoint(of))
	}
	return watch{of, t.outages.at(where), t.closed}
}

// describe is the resource: what the telemetry is about. The environment's word comes last.
func describe(ctx context.Context, version string) (*resource.Resource, error) {
	r, err := resource.New(ctx,
		resource.WithTelemetrySDK(), resource.WithHost(), resource.WithProcessPID(),
		resource.WithService(), // an instance id
		resource.WithAttributes(semconv.ServiceName("whipper"), semconv.ServiceVersion(version)),
		resource.WithFromEnv(),
	)
	if err != nil {
		return nil, fmt.Errorf("describe the service by OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME: %w", err)
	}
	return r, nil
}
