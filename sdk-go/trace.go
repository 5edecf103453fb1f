package whipper

import (
	"context"

	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// w3c is the trace context that the wires carry, whatever propagator the application has for others.
var w3c = propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{})

// carrier is a Trace as a propagator's carrier.
type carrier struct{ *Trace }

func (c carrier) member(key string) *string {
	switch key {
	case "traceparent":
		return &c.Traceparent
	case "tracestate":
		return &c.Tracestate
	case "baggage":
		return &c.Baggage
	}
	return new(string)
}

func (c carrier) Get(key string) string { return *c.member(key) }
func (c carrier) Set(key, value string) { *c.member(key) = value }
func (c carrier) Keys() []string        { return []string{"traceparent", "tracestate", "baggage"} }

// traced gives given, or where it is empty the trace context of ctx.
func traced(ctx context.Context, given Trace) Trace {
	if given != (Trace{}) || !trace.SpanContextFromContext(ctx).IsValid() && baggage.FromContext(ctx).Len() == 0 {
		return given
	}
	w3c.Inject(ctx, carrier{&given})
	return given
}

// withTrace makes a trace context current.
func withTrace(ctx context.Context, t Trace) context.Context {
	if t == (Trace{}) {
		return ctx
	}
	return w3c.Extract(ctx, carrier{&t})
}
