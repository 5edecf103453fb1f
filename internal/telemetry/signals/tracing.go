package signals

import (
	"context"
	"slices"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// Tracing starts the spans of a call's way: send, then process for each run of the job, and the call of the worker within that.
type Tracing struct {
	options TracingOptions
}

// TracingOptions say how calls are traced.
type TracingOptions struct {
	Tracer trace.Tracer // nil or a no-op: there are no spans

	// Follow says that the tracer samples no span whose parent is not sampled, so that there is no need to ask it.
	Follow bool
	// Samples says whether a trace with that id that begins here is sampled; nil: all are. It is asked before the tracer is, whose sampler must agree.
	// With Follow, a job of one that is not has no trace context in its row: it would make the row half as long again for a trace that nobody sees.
	Samples func(trace.TraceID) bool
	// Link gives each run of a job a trace of its own, with a link to the span that handed the job in. Else the run's span is that span's child.
	Link bool
	// Ignore leaves the trace contexts that callers send to the workers: no span has one as its parent, and workers do not hear of whipper's spans.
	Ignore bool
}

// NewTracing gives nil where there is nothing to trace with.
func NewTracing(o TracingOptions) *Tracing {
	if _, off := o.Tracer.(noop.Tracer); off || o.Tracer == nil {
		return nil
	}
	return &Tracing{o}
}

// Kinds of spans. They are made once: most spans are not sampled.
var (
	producer = []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindProducer)}
	consumer = []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindConsumer)}
	client   = []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindClient)}
)

// mostLate is how many attributes a span has that are not known at its start.
const mostLate = 3

// Submission is what is known when calls are handed in.
type Submission struct {
	Pool, Method string // Method is "" where several are handed in at once
	Count        int    // how many calls; 0 and 1: one
	Scheduled    bool   // it is a schedule's time: this begins a trace
	Schedule     W3C    // of the call that made the schedule; zero: unknown
}

// Send starts the span of handing calls in. from is what the caller sent along. It gives nil where nobody would see the span, so that from goes on as
// it is.
func (t *Tracing) Send(from W3C, s Submission) *Span {
	if t == nil {
		return nil
	}
	ctx, options := context.Background(), producer
	if t.mayLeaveOut(from) {
		ids := randomIDs()
		if !t.options.Samples(ids.Trace) {
			return nil
		}
		ctx = withIDs(ctx, ids)
	}
	if s.Scheduled {
		if made := t.received(s.Schedule); made.IsValid() {
			options = append(slices.Clip(options), trace.WithLinks(linkTo(made, LinkSchedule)))
		}
	} else if came := t.received(from); t.passes(came) {
		return nil
	} else if came.IsValid() {
		ctx = trace.ContextWithRemoteSpanContext(ctx, came)
	}
	span := t.start(ctx, OperationSend+" "+s.Pool, options)
	if span.unseen() {
		return span
	}
	span.set(
		System.String(SystemWhipper), DestinationName.String(s.Pool),
		OperationName.String(OperationSend), OperationType.String(OperationSend),
	)
	if s.Method != "" {
		span.set(RPCMethod.String(cut(s.Method, mostMethod)))
	}
	if s.Count > 1 {
		span.set(BatchCount.Int(s.Count))
	}
	return span
}

// Run is what is known when a worker takes a job on.
type Run struct {
	Job          int64
	Pool, Method string
	Number       int // counts from 1, uncharged runs too
	Attempt      int // counts from 1, charged ones only
	Wait         time.Duration
	Worker       string // as w1
	PID          int
}

// Process starts the span of a run. row is the trace context in the job's row.
func (t *Tracing) Process(row W3C, r Run) *Span {
	if t == nil {
		return nil
	}
	if t.mayLeaveOut(row) { // and it was, or the row would have the context of its span
		ids := randomIDs()
		return &Span{tracing: t, context: trace.NewSpanContext(trace.SpanContextConfig{TraceID: ids.Trace, SpanID: ids.Span})}
	}
	ctx, options := context.Background(), consumer
	if sent := t.received(row); sent.IsValid() {
		if !t.options.Link && t.passes(sent) {
			return &Span{tracing: t, context: sent, passed: true}
		}
		var links []trace.Link
		if t.options.Link {
			links = append(links, linkTo(sent, LinkSend))
		} else {
			ctx = trace.ContextWithRemoteSpanContext(ctx, sent)
		}
		if r.Number > 1 {
			links = append(links, linkTo(t.runContext(sent, r.Job, r.Number-1), LinkPrevious))
		}
		ctx = withIDs(ctx, runIDs(sent, r.Job, r.Number))
		if len(links) > 0 {
			options = append(slices.Clip(options), trace.WithLinks(links...))
		}
	}
	span := t.start(ctx, OperationProcess+" "+r.Pool, options)
	if span.recording {
		span.set(
			System.String(SystemWhipper), DestinationName.String(r.Pool),
			OperationName.String(OperationProcess), OperationType.String(OperationProcess),
			MessageID.String(strconv.FormatInt(r.Job, 10)), RPCMethod.String(cut(r.Method, mostMethod)),
			RunNumber.Int(r.Number), Attempt.Int(r.Attempt), QueueWait.Float64(r.Wait.Seconds()),
			Worker.String(r.Worker), ProcessPID.Int(r.PID),
		)
	}
	return span
}

// runContext is the context of a run's span, which need not be in memory any more.
func (t *Tracing) runContext(sent trace.SpanContext, job int64, run int) trace.SpanContext {
	ids := runIDs(sent, job, run)
	if !t.options.Link {
		ids.Trace = sent.TraceID()
	}
	return trace.NewSpanContext(trace.SpanContextConfig{TraceID: ids.Trace, SpanID: ids.Span, TraceFlags: sent.TraceFlags(), Remote: true})
}

// received decodes what came from outside.
func (t *Tracing) received(w W3C) trace.SpanContext {
	if t.options.Ignore {
		return trace.SpanContext{}
	}
	return w.SpanContext()
}

func (t *Tracing) start(ctx context.Context, name string, options []trace.SpanStartOption) *Span {
	_, span := t.options.Tracer.Start(ctx, name, options...)
	return &Span{span: span, context: span.SpanContext(), tracing: t, recording: span.IsRecording()}
}

// passes says that nobody would see a span within one that came in.
func (t *Tracing) passes(came trace.SpanContext) bool {
	return t.options.Follow && came.IsValid() && !came.IsSampled()
}

// mayLeaveOut says that a job with the trace context w is of a trace that begins here, and may be one that is not sampled.
func (t *Tracing) mayLeaveOut(w W3C) bool {
	return t.options.Samples != nil && t.options.Follow && !t.options.Link && !t.options.Ignore && w.Traceparent == ""
}

func linkTo(sc trace.SpanContext, kind string) trace.Link {
	return trace.Link{SpanContext: sc, Attributes: []attribute.KeyValue{LinkKind.String(kind)}}
}
