package telemetry

import (
	"context"
	"encoding/binary"
	"math/rand/v2"

	"go.opentelemetry.io/otel/trace"

	"github.com/whipper-sidecar/whipper/internal/telemetry/signals"
)

// generator gives spans the ids that signals has chosen for them, and all others random ones.
type generator struct{}

// NewIDs gives the ids of a span that begins a trace.
func (generator) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	if ids, chosen := signals.IDsFrom(ctx); chosen {
		return ids.Trace, ids.Span
	}
	var id trace.TraceID
	for !id.IsValid() {
		binary.NativeEndian.PutUint64(id[:8], rand.Uint64())
		binary.NativeEndian.PutUint64(id[8:], rand.Uint64())
	}
	return id, randomSpanID()
}

// NewSpanID gives the id of a span within a trace.
func (generator) NewSpanID(ctx context.Context, _ trace.TraceID) trace.SpanID {
	if ids, chosen := signals.IDsFrom(ctx); chosen {
		return ids.Span
	}
	return randomSpanID()
}

func randomSpanID() (id trace.SpanID) {
	for !id.IsValid() {
		binary.NativeEndian.PutUint64(id[:], rand.Uint64())
	}
	return id
}
