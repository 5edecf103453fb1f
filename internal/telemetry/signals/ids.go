package signals

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"

	"go.opentelemetry.io/otel/trace"
)

// IDs are those that a span is to have.
type IDs struct {
	Trace trace.TraceID
	Span  trace.SpanID
}

// runIDs are the ids of a job's run. They follow from the job's id, the span that handed it in, which is in the job's row and may have handed in
// others too, and the run's number: so a run can link to the one before without that one's ids having been written down, whatever became of the
// supervisor in between (ADR 45). Trace is that of a run which has a trace of its own.
func runIDs(sent trace.SpanContext, job int64, run int) IDs {
	traceID, spanID := sent.TraceID(), sent.SpanID()
	var b [16 + 8 + 8 + 8]byte
	copy(b[:], traceID[:])
	copy(b[16:], spanID[:])
	binary.BigEndian.PutUint64(b[24:], uint64(job))
	binary.BigEndian.PutUint64(b[32:], uint64(run))
	sum := sha256.Sum256(b[:])
	ids := IDs{Trace: trace.TraceID(sum[:16]), Span: trace.SpanID(sum[16:24])}
	// Ids of nothing but zeros are invalid. Nobody has yet seen such a sum.
	ids.Trace[15] |= 1
	ids.Span[7] |= 1
	return ids
}

// randomIDs are those of a span that begins a trace. A sampler by ratio looks at the last half of a trace's id, but for its last bit.
func randomIDs() (ids IDs) {
	binary.BigEndian.PutUint64(ids.Trace[:8], rand.Uint64())
	binary.BigEndian.PutUint64(ids.Trace[8:], rand.Uint64()|1) // not all zeros
	binary.BigEndian.PutUint64(ids.Span[:], rand.Uint64()|1)
	return ids
}

type idsKey struct{}

func withIDs(ctx context.Context, ids IDs) context.Context {
	return context.WithValue(ctx, idsKey{}, ids)
}

// IDsFrom gives the ids that a span which is started under ctx is to have, for the SDK's generator of ids.
func IDsFrom(ctx context.Context) (ids IDs, ok bool) {
	ids, ok = ctx.Value(idsKey{}).(IDs)
	return ids, ok
}
