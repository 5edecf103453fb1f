package telemetry

import (
	"context"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/whipper-sidecar/whipper/internal/telemetry/signals"
)

// admission lets as many spans wait for an exporter as its queue holds, and counts those that it drops. The SDK's processor behind it would drop
// them too, but tells nobody how many. The spans that are being exported count as waiting.
type admission struct {
	sdktrace.SpanProcessor // that of the SDK; set once the exporter is made, which wants to tell admission
	limit                  int64
	dropped                metric.Int64Counter
	waiting                atomic.Int64
}

// OnEnd hands a span on, or drops it.
func (a *admission) OnEnd(s sdktrace.ReadOnlySpan) {
	if !s.SpanContext().IsSampled() {
		return // the SDK's processor would not keep it
	}
	if a.waiting.Add(1) > a.limit {
		a.waiting.Add(-1)
		a.drop(signals.DropQueueFull, 1)
		return
	}
	a.SpanProcessor.OnEnd(s)
}

// exported makes room.
func (a *admission) exported(n int) { a.waiting.Add(int64(-n)) }

func (a *admission) drop(why string, n int) {
	a.dropped.Add(context.Background(), int64(n), metric.WithAttributeSet(attribute.NewSet(signals.ErrorType.String(why))))
}
