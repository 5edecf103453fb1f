package whipper

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/whipper-sidecar/whipper/jsonrpc"
)

// tracer is that of the application's global provider, once it has one.
var tracer = otel.Tracer("github.com/whipper-sidecar/whipper/sdk-go", trace.WithSchemaURL(semconv.SchemaURL))

// Names of whipper's own, as in docs/tracing.md.
const (
	attributeJob     = attribute.Key("whipper.job.id")
	attributeAttempt = attribute.Key("whipper.job.attempt")
	attributeDelay   = attribute.Key("whipper.retry.delay")
	eventCancel      = "whipper.cancel"
	eventSnooze      = "whipper.snooze"
)

// spanOptions are those of the server spans of a method's calls. They are made once: most applications have no provider.
func spanOptions(method string) []trace.SpanStartOption {
	return []trace.SpanStartOption{
		trace.WithSpanKind(trace.SpanKindServer),
		trace.WithAttributes(semconv.RPCSystemNameJSONRPC, semconv.RPCMethod(method), semconv.JSONRPCProtocolVersion("2.0")),
	}
}

// startSpan makes a call's span the current one; its parent is the caller's.
func startSpan(ctx context.Context, c *Call, options []trace.SpanStartOption) (context.Context, trace.Span) {
	ctx, span := tracer.Start(ctx, c.Method, options...)
	if !span.IsRecording() {
		return ctx, span
	}
	if c.id != nil {
		span.SetAttributes(semconv.JSONRPCRequestID(idText(c.id)))
	}
	if c.Job != 0 {
		span.SetAttributes(attributeJob.Int64(c.Job), attributeAttempt.Int(c.Attempt))
	}
	return ctx, span
}

// endSpan ends a call's span. e is what the call is answered; nil: its result. A call that was cancelled or put off has not failed.
func endSpan(span trace.Span, e *jsonrpc.Error) {
	defer span.End()
	if e == nil || !span.IsRecording() {
		return
	}
	var data jsonrpc.ErrorData
	_ = json.Unmarshal(e.Data, &data) // a method's own may be anything
	status := strconv.FormatInt(e.Code, 10)
	span.SetAttributes(semconv.RPCResponseStatusCode(status))
	switch {
	case e.Code == jsonrpc.CodeRequestCancelled:
		span.AddEvent(eventCancel)
	case data.SnoozeMs != nil:
		delay := time.Duration(*data.SnoozeMs) * time.Millisecond
		span.AddEvent(eventSnooze, trace.WithAttributes(attributeDelay.Float64(delay.Seconds())))
	default:
		span.SetAttributes(semconv.ErrorTypeKey.String(status))
		span.AddEvent(semconv.ExceptionEventName, trace.WithAttributes(exception(e.Message, data)...))
		span.SetStatus(codes.Error, e.Message)
	}
}

func exception(message string, data jsonrpc.ErrorData) []attribute.KeyValue {
	attributes := []attribute.KeyValue{semconv.ExceptionMessage(message)}
	if data.Type != "" {
		attributes = append(attributes, semconv.ExceptionType(data.Type))
	}
	if data.Stack != "" {
		attributes = append(attributes, semconv.ExceptionStacktrace(data.Stack))
	}
	return attributes
}

// idText is an id as text: 7 for 7, and a for "a".
func idText(id json.RawMessage) string {
	var text string
	if json.Unmarshal(id, &text) == nil {
		return text
	}
	return string(id)
}
