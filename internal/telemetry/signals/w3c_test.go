package signals

import (
	"context"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// headers are traceparents as callers may send them: what OpenTelemetry's own propagator makes of them is what we make of them.
var headers = []string{
	"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
	"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
	"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03",
	"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-07", // a flag that the version does not have
	"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-80",
	"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-",
	"01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-",
	"01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-07",
	"01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what-comes",
	"01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-ff",
	"01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01.what",
	"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
	"ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
	"00-0AF7651916CD43DD8448EB211C80319C-B7AD6B7169203331-01",
	"00-00000000000000000000000000000000-b7ad6b7169203331-01",
	"00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
	"00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333-01",
	"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
	"00-0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331-01",
	"00-0af7651916cd43dd8448eb211c80319g-b7ad6b7169203331-01",
	"", "-", strings.Repeat("0", 55), strings.Repeat("-", 55),
}

func TestATraceparentIsReadAsThePropagatorDoes(t *testing.T) {
	for _, header := range headers {
		for _, state := range []string{"", "a=1,b=2", "no tracestate"} {
			got := W3C{Traceparent: header, Tracestate: state}.SpanContext()
			if want := reference(header, state); !got.Equal(want) {
				t.Errorf("%q with %q: got %v, want %v", header, state, got, want)
			}
		}
	}
}

// FuzzTraceparent holds both headers to OpenTelemetry's own propagator: reading them, and writing what was read.
func FuzzTraceparent(f *testing.F) {
	for _, header := range headers {
		f.Add(header, "")
	}
	for _, state := range []string{
		"a=1,b=2", " a=1 ,\t, b=2 ", "a=1,a=2", "a", "=1", "A=1", "t@v=1", "a=\x00", "a=\xff", "a=é", "a=" + strings.Repeat("x", 257), strings.Repeat("a=1,", 33),
	} {
		f.Add(headers[0], state)
	}
	f.Fuzz(func(t *testing.T, header, state string) {
		w := W3C{Traceparent: header, Tracestate: state, Baggage: state}
		got, want := w.SpanContext(), reference(header, state)
		if !got.Equal(want) {
			t.Fatalf("%q, %q: got %v, want %v", header, state, got, want)
		}
		if !got.IsValid() {
			return
		}
		carrier := propagation.MapCarrier{}
		propagation.TraceContext{}.Inject(trace.ContextWithSpanContext(t.Context(), want), carrier)
		if written := w.within(got); written != (W3C{carrier["traceparent"], carrier["tracestate"], state}) {
			t.Fatalf("%q, %q: written as %q, want %q", header, state, written, carrier)
		}
	})
}

func reference(traceparent, tracestate string) trace.SpanContext {
	if len(traceparent) > traceparentLength && strings.HasPrefix(traceparent, "00") {
		return trace.SpanContext{} // the propagator takes a dash at the end, which the specification does not allow this version
	}
	carrier := propagation.MapCarrier{"traceparent": traceparent, "tracestate": tracestate}
	return trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), carrier))
}

func TestATraceContextIsWrittenAsThePropagatorDoes(t *testing.T) {
	state, err := trace.ParseTraceState("a=1,b=2")
	if err != nil {
		t.Fatal(err)
	}
	for _, flags := range []trace.TraceFlags{0, trace.FlagsSampled, 0xff} {
		sc := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1, 0xab}, SpanID: trace.SpanID{2}, TraceFlags: flags, TraceState: state})
		carrier := propagation.MapCarrier{}
		propagation.TraceContext{}.Inject(trace.ContextWithSpanContext(t.Context(), sc), carrier)
		got := W3C{Baggage: "k=v;p , not even baggage"}.within(sc)
		if want := (W3C{carrier["traceparent"], carrier["tracestate"], "k=v;p , not even baggage"}); got != want {
			t.Errorf("got %v, want %v", got, want)
		}
	}
}

func TestATraceContextCostsOneAllocationToWriteAndNoneToRead(t *testing.T) {
	w := W3C{Traceparent: headers[0]}
	if n := testing.AllocsPerRun(100, func() { w.SpanContext() }); n > 0 {
		t.Errorf("%v allocations to read", n)
	}
	sc := w.SpanContext()
	if n := testing.AllocsPerRun(100, func() { w.within(sc) }); n > 1 {
		t.Errorf("%v allocations to write", n)
	}
}
