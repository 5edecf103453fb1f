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
	span       trace.Span // nil: there is only a context, for a span that nobody would see
	context    trace.SpanContext
	tracing    *Tracing
	recording  bool                 // it is sampled: somebody will see it
	passed     bool                 // its context is the one that came in: nobody samples what is within an unsampled span
	attributes []attribute.KeyValue // for its end: the SDK would copy all that it has with each one that is added
}

// Carry gives what goes on to whoever comes next, a job's row or a worker: this span's context with the baggage of w, the trace context that
// came in. Without a span that is w, unchanged.
func (s *Span) Carry(w W3C) W3C {
	if s == nil || s.passed || s.tracing.options.Ignore {
		return w
	}
	return w.within(s.context)
}

// Context is ctx with this span as the current one, for log records.
func (s *Span) Context(ctx context.Context) context.Context {
	switch {
	case s == nil:
		return ctx
	case s.span == nil:
		return trace.ContextWithSpanContext(ctx, s.context)
	}
	return trace.ContextWithSpan(ctx, s.span)
}

// Exemplified is Context for what is counted and timed: nothing is an exemplar of a trace that nobody sees, and making a context costs as much as the
// counting.
func (s *Span) Exemplified(ctx context.Context) context.Context {
	if s.unseen() {
		return ctx
	}
	return s.Context(ctx)
}

// Sent ends a send span. job is the id that the job has got; 0: several jobs, or none. errorType is "" where nothing was refused.
func (s *Span) Sent(job int64, errorType, message string) {
	if s.unseen() {
		return
	}
	if job != 0 {
		s.set(MessageID.String(strconv.FormatInt(job, 10)))
	}
	if errorType != "" {
		s.set(ErrorType.String(errorType))
		s.span.SetStatus(codes.Error, cut(message, mostMessage))
	}
	s.end()
}

// Call starts the span of the request to the worker, within a run's span. Its context goes into the request, so the request's id is told later.
func (s *Span) Call(method string, pid int) *Span {
	if s.unseen() {
		return s
	}
	method = cut(method, mostMethod)
	call := s.tracing.start(s.Context(context.Background()), method, client)
	if call.recording {
		call.set(RPCSystem.String("jsonrpc"), RPCMethod.String(method), ProtocolVersion.String(JSONRPCVersion), ProcessPID.Int(pid))
	}
	return call
}

// Requested notes the id of the request. Notifications have none.
func (s *Span) Requested(id uint64) {
	if !s.unseen() {
		s.set(RequestID.String(strconv.FormatUint(id, 10)))
	}
}

// Answered ends a call's span. code is that of the worker's JSON-RPC error; 0: there was none. lost is why there was no answer, as timeout or
// crashed; "": there was one.
func (s *Span) Answered(code int64, message, lost string) {
	if s.unseen() {
		return
	}
	switch {
	case lost != "":
		s.set(ErrorType.String(lost))
		s.span.SetStatus(codes.Error, lost)
	case code != 0:
		status := strconv.FormatInt(code, 10)
		s.set(RPCStatusCode.String(status), ErrorType.String(status))
		s.span.SetStatus(codes.Error, cut(message, mostMessage))
	}
	s.end()
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
	if s.unseen() {
		return
	}
	attributes := e.attributes()
	s.set(attributes...)
	s.span.AddEvent(EventCrash, trace.WithAttributes(attributes...))
}

// TimedOut notes that there was no answer in time.
func (s *Span) TimedOut() {
	if !s.unseen() {
		s.span.AddEvent(EventTimeout)
	}
}

// Cancelled notes that somebody has cancelled the call.
func (s *Span) Cancelled() {
	if !s.unseen() {
		s.span.AddEvent(EventCancel)
	}
}

// Retried notes that another attempt will be made.
func (s *Span) Retried(in time.Duration) {
	if !s.unseen() {
		s.span.AddEvent(EventRetry, trace.WithAttributes(RetryDelay.Float64(in.Seconds())))
	}
}

// Snoozed notes that the worker asked to be called again later.
func (s *Span) Snoozed(in time.Duration) {
	if !s.unseen() {
		s.span.AddEvent(EventSnooze, trace.WithAttributes(RetryDelay.Float64(in.Seconds())))
	}
}

// Ended ends a run's span. outcome is as in the ledger. errorType is "" where the run is no failure: it succeeded, was snoozed, cancelled or put back.
func (s *Span) Ended(outcome, errorType, message string) {
	if s.unseen() {
		return
	}
	s.set(Outcome.String(outcome))
	if errorType != "" {
		s.set(ErrorType.String(errorType))
		s.span.SetStatus(codes.Error, cut(message, mostMessage))
	}
	s.end()
}

// unseen says that nothing of the span is sent.
func (s *Span) unseen() bool { return s == nil || !s.recording }

func (s *Span) set(attributes ...attribute.KeyValue) {
	if s.attributes == nil {
		s.attributes = make([]attribute.KeyValue, 0, len(attributes)+mostLate)
	}
	s.attributes = append(s.attributes, attributes...)
}

func (s *Span) end() {
	s.span.SetAttributes(s.attributes...)
	s.span.End()
}
