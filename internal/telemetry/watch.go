package telemetry

import (
	"context"

	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// watch is what all exporters have in common: their failures are told, and they send nothing once Shutdown's time is up, where the SDK's
// processors would go on.
type watch struct {
	of     signal
	outage *outage
	closed context.Context // ends with Shutdown
}

// send has an exporter send so many items.
func (w watch) send(ctx context.Context, items int, export func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(w.closed, cancel)()
	err := export(ctx)
	if err != nil && w.closed.Err() != nil {
		return reportedError{err} // by Shutdown
	}
	return w.outage.note(w.of, items, err)
}

// watchedSpans also makes room for more, and counts those that are lost. So does watchedLogs.
type watchedSpans struct {
	sdktrace.SpanExporter
	watch     watch
	admission *admission
}

func (w watchedSpans) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	return w.watch.send(ctx, len(spans), func(ctx context.Context) error {
		err := w.SpanExporter.ExportSpans(ctx, spans)
		w.admission.exported(len(spans), err)
		return err
	})
}

type watchedMetrics struct {
	sdkmetric.Exporter
	watch watch
}

func (w watchedMetrics) Export(ctx context.Context, m *metricdata.ResourceMetrics) error {
	const lost = 0 // the next ones hold these too
	return w.watch.send(ctx, lost, func(ctx context.Context) error { return w.Exporter.Export(ctx, m) })
}

type watchedLogs struct {
	sdklog.Exporter
	watch     watch
	admission *admission
}

func (w watchedLogs) Export(ctx context.Context, records []sdklog.Record) error {
	return w.watch.send(ctx, len(records), func(ctx context.Context) error {
		err := w.Exporter.Export(ctx, records)
		w.admission.exported(len(records), err)
		return err
	})
}
