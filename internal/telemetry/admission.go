package telemetry

import (
	"context"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/whipper-sidecar/whipper/internal/telemetry/signals"
)

// admission lets as many spans or log records wait for an exporter as its queue holds, and counts those that it drops. The SDK's processors behind it
// would drop them too, but tell nobody how many. Those that are being exported count as waiting.
type admission struct {
	limit   int64
	dropped metric.Int64Counter
	waiting atomic.Int64
}

// admit says whether there is room for one more, which waits until exported is told of it.
func (a *admission) admit() bool {
	if a.waiting.Add(1) <= a.limit {
		return true
	}
	a.waiting.Add(-1)
	a.drop(signals.DropQueueFull, 1)
	return false
}

// exported makes room. Without err a collector has got them.
func (a *admission) exported(n int, err error) {
	a.waiting.Add(int64(-n))
	if err != nil {
		a.drop(signals.DropExportFailed, n)
	}
}

func (a *admission) drop(why string, n int) {
	a.dropped.Add(context.Background(), int64(n), metric.WithAttributeSet(attribute.NewSet(signals.ErrorType.String(why))))
}

// admittedSpans are those that a processor of the SDK's gets.
type admittedSpans struct {
	sdktrace.SpanProcessor
	admission *admission
}

// OnEnd hands a span on, or drops it.
func (p admittedSpans) OnEnd(s sdktrace.ReadOnlySpan) {
	if s.SpanContext().IsSampled() && p.admission.admit() { // the SDK's processor would not keep one that is not sampled
		p.SpanProcessor.OnEnd(s)
	}
}

// admittedLogs are the log records that a processor of the SDK's gets.
type admittedLogs struct {
	sdklog.Processor
	admission *admission
}

// OnEmit hands a record on, or drops it.
func (p admittedLogs) OnEmit(ctx context.Context, r *sdklog.Record) error {
	if !p.admission.admit() {
		return nil
	}
	return p.Processor.OnEmit(ctx, r)
}
