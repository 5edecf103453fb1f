package signals

import (
	"context"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// Span is a span under way. Whoever started it ends it.
type Span struct {
	span    trace.Span
	tracing *Tracing
}

// Carry gives what goes on to whoever comes next, a job's row or a worker: this span's context with the baggage of w, the trace context that
// came in. Without a span that is w, unchanged.
func (s *Span) Carry(w W3C) W3C {
	if s == nil || s.tracing.options.Ignore {
		return w
	}
	return w.within(s.span.SpanContext())
}

// Context is ctx with this span as the current one, for log records and exemplars.
func (s *Span) Context(ctx context.Context) context.Context {
	if s == nil {
		return ctx
	}
	return trace.ContextWithSpan(ctx, s.span)
}

// Sent ends a send span. job is the id that the job has got; 0: several jobs, or none. errorType is "" where nothing was refused.
func (s *Span) Sent(job int64, errorType, message string) {
	if s == nil {
		return
	}
	if job != 0 {
		s.span.SetAttributes(MessageID.String(strconv.FormatInt(job, 10)))
	}
	if errorType != "" {
		s.span.SetAttributes(ErrorType.String(errorType))
		s.span.SetStatus(codes.Error, cut(message, mostMessage))
	}
	s.span.End()
}

// Call starts the span of the request to the worker, within a run's span. Its context goes into the request, so the request's id is told later.
func (s *Span) Call(method string, pid int) *Span {
	if s == nil {
		return nil
	}
	method = cut(method, mostMethod)
	return s.tracing.start(s.Context(context.Background()), method, []trace.SpanStartOption{
		trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(
			RPCSystem.String("jsonrpc"), RPCMethod.String(method), ProtocolVersion.String(JSONRPCVersion), ProcessPID.Int(pid),
		),
	})
}

// Requested notes the id of the request. Notifications have none.
func (s *Span) Requested(id uint64) {
	if s != nil {
		s.span.SetAttributes(RequestID.String(strconv.FormatUint(id, 10)))
	}
}

// Answered ends a call's span. code is that of the worker's JSON-RPC error; 0: there was none. lost is why there was no answer, as timeout or
// crashed; "": there was one.
func (s *Span) Answered(code int64, message, lost string) {
	if s == nil {
		return
	}
	switch {
	case lost != "":
		s.span.SetAttributes(ErrorType.String(lost))
		s.span.SetStatus(codes.Error, lost)
	case code != 0:
		status := strconv.FormatInt(code, 10)
		s.span.SetAttributes(RPCStatusCode.String(status), ErrorType.String(status))
		s.span.SetStatus(codes.Error, cut(message, mostMessage))
	}
	s.span.End()
}

// Exit is how a worker's process ended under a call. Signal is as SIGKILL, and "" where it exited with Code.
type Exit struct {
	Code   int
	Signal string
}

func (e Exit) attributes() []attribute.KeyValue {
	if e.Signal != "" {
		return []attribute.KeyValue{Signal.String(e.Signal)}
	}
	return []attribute.KeyValue{ExitCode.Int(e.Code)}
}

// Crashed notes that the worker's process has ended under the run.
func (s *Span) Crashed(e Exit) {
	if s == nil {
		return
	}
	attributes := e.attributes()
	s.span.SetAttributes(attributes...)
	s.span.AddEvent(EventCrash, trace.WithAttributes(attributes...))
}

// TimedOut notes that there was no answer in time.
func (s *Span) TimedOut() {
	if s != nil {
		s.span.AddEvent(EventTimeout)
	}
}

// Cancelled notes that somebody has cancelled the call.
func (s *Span) Cancelled() {
	if s != nil {
		s.span.AddEvent(EventCancel)
	}
}

// Retried notes that another attempt will be made.
func (s *Span) Retried(in time.Duration) {
	if s != nil {
		s.span.AddEvent(EventRetry, trace.WithAttributes(RetryDelay.Float64(in.Seconds())))
	}
}

// Snoozed notes that the worker asked to be called again later.
func (s *Span) Snoozed(in time.Duration) {
	if s != nil {
		s.span.AddEvent(EventSnooze, trace.WithAttributes(RetryDelay.Float64(in.Seconds())))
	}
}

// Ended ends a run's span. outcome is as in the ledger. errorType is "" where the run is no failure: it succeeded, was snoozed, cancelled or put back.
func (s *Span) Ended(outcome, errorType, message string) {
	if s == nil {
		return
	}
	s.span.SetAttributes(Outcome.String(outcome))
	if errorType != "" {
		s.span.SetAttributes(ErrorType.String(errorType))
		s.span.SetStatus(codes.Error, cut(message, mostMessage))
	}
	s.span.End()
}
