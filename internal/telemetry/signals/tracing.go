package signals

import (
	"context"
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

// Submission is what is known when calls are handed in.
type Submission struct {
	Pool, Method string // Method is "" where several are handed in at once
	Count        int    // how many calls; 0 and 1: one
	Scheduled    bool   // it is a schedule's time: this begins a trace
	Schedule     W3C    // of the call that made the schedule; zero: unknown
}

// Send starts the span of handing calls in. from is what the caller sent along.
func (t *Tracing) Send(from W3C, s Submission) *Span {
	if t == nil {
		return nil
	}
	attributes := []attribute.KeyValue{
		System.String(SystemWhipper), DestinationName.String(s.Pool),
		OperationName.String(OperationSend), OperationType.String(OperationSend),
	}
	if s.Method != "" {
		attributes = append(attributes, RPCMethod.String(cut(s.Method, mostMethod)))
	}
	if s.Count > 1 {
		attributes = append(attributes, BatchCount.Int(s.Count))
	}
	options := []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindProducer), trace.WithAttributes(attributes...)}
	ctx := context.Background()
	if made := t.received(s.Schedule); s.Scheduled {
		if made.IsValid() {
			options = append(options, trace.WithLinks(linkTo(made, LinkSchedule)))
		}
	} else {
		ctx = trace.ContextWithRemoteSpanContext(ctx, t.received(from))
	}
	return t.start(ctx, OperationSend+" "+s.Pool, options)
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
	options := []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(
		System.String(SystemWhipper), DestinationName.String(r.Pool),
		OperationName.String(OperationProcess), OperationType.String(OperationProcess),
		MessageID.String(strconv.FormatInt(r.Job, 10)), RPCMethod.String(cut(r.Method, mostMethod)),
		RunNumber.Int(r.Number), Attempt.Int(r.Attempt), QueueWait.Float64(r.Wait.Seconds()),
		Worker.String(r.Worker), ProcessPID.Int(r.PID),
	)}
	ctx := context.Background()
	if sent := t.received(row); sent.IsValid() {
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
		options = append(options, trace.WithLinks(links...))
	}
	return t.start(ctx, OperationProcess+" "+r.Pool, options)
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
	return &Span{span: span, tracing: t}
}

func linkTo(sc trace.SpanContext, kind string) trace.Link {
	return trace.Link{SpanContext: sc, Attributes: []attribute.KeyValue{LinkKind.String(kind)}}
}
