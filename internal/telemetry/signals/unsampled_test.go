package signals

import (
	"context"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// asked counts the spans that a tracer is asked for.
type asked struct {
	trace.Tracer
	times int
}

func (a *asked) Start(ctx context.Context, name string, o ...trace.SpanStartOption) (context.Context, trace.Span) {
	a.times++
	return a.Tracer.Start(ctx, name, o...)
}

var unsampled = W3C{Traceparent: caller.Traceparent[:53] + "00", Tracestate: "a=1", Baggage: "user=7"}

// call takes a job all the way, and gives what the row and the worker get.
func (t *Tracing) call(from W3C) (row, meta W3C) {
	send := t.Send(from, Submission{Pool: "shop", Method: "charge"})
	row = send.Carry(from)
	send.Sent(12, "", "")
	process := t.Process(row, run)
	call := process.Call("charge", 99)
	call.Requested(7)
	meta = call.Carry(row)
	call.Answered(-32000, "no", "")
	process.Crashed(Exit{Code: 1})
	process.Ended("error", "-32000", "no")
	return row, meta
}

func none(trace.TraceID) bool  { return false }
func every(trace.TraceID) bool { return true }

func TestASamplerThatFollowsParentsIsAskedOncePerTrace(t *testing.T) {
	for _, test := range []struct {
		name   string
		from   W3C
		follow bool
		sample func(trace.TraceID) bool
		asks   int
		row    bool // has a trace context
	}{
		{"the caller does not sample", unsampled, true, none, 0, true},
		{"a trace that begins here is left out", W3C{Baggage: "user=7"}, true, none, 0, false},
		{"a trace that begins here is left out though all are to be sampled", W3C{}, true, nil, 1, true},
		{"a trace that begins here is left out though it is to be sampled", W3C{}, true, every, 1, true},
		{"the sampler decides by itself", unsampled, false, none, 2, true}, // a request's span is sampled as its run's is
	} {
		t.Run(test.name, func(t *testing.T) {
			tracer := &asked{Tracer: sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample())).Tracer(Scope)}
			row, meta := NewTracing(TracingOptions{Tracer: tracer, Follow: test.follow, Samples: test.sample}).call(test.from)
			if tracer.times != test.asks {
				t.Errorf("it was asked for %d spans, not %d", tracer.times, test.asks)
			}
			if sc := meta.SpanContext(); !sc.IsValid() || sc.IsSampled() {
				t.Errorf("the worker gets %v", meta)
			}
			if test.asks == 0 && (row != test.from || test.row && meta != test.from) {
				t.Errorf("the row has %v and the worker gets %v: both were to have what came in", row, meta)
			}
			if (row.Traceparent != "") != test.row || meta.Baggage != test.from.Baggage {
				t.Errorf("the row has %v, and the worker gets %v", row, meta)
			}
		})
	}
}

func TestWhatIsLoggedInAnUnsampledRunHasTheIDsThatCameIn(t *testing.T) {
	tracing, _ := recorded(TracingOptions{Follow: true})
	ctx := tracing.Process(unsampled, run).Context(t.Context())
	if sc := trace.SpanContextFromContext(ctx); sc.TraceID() != caller.SpanContext().TraceID() || sc.SpanID() != caller.SpanContext().SpanID() {
		t.Errorf("it has %v", sc)
	}
}

func TestATraceThatIsSampledHasTheIDThatWasAskedFor(t *testing.T) {
	var id trace.TraceID
	tracing, spans := recorded(TracingOptions{Follow: true, Samples: func(asked trace.TraceID) bool { id = asked; return true }})
	tracing.call(W3C{})
	for _, s := range spans.Ended() {
		if s.SpanContext().TraceID() != id {
			t.Errorf("%s is of %v, not of %v", s.Name(), s.SpanContext().TraceID(), id)
		}
	}
	if n := len(spans.Ended()); n != 3 {
		t.Errorf("%d spans", n)
	}
}

func TestAnUnsampledSubmissionAllocatesNothing(t *testing.T) {
	tracing, _ := recorded(TracingOptions{Follow: true, Samples: none})
	for _, from := range []W3C{{}, {Traceparent: unsampled.Traceparent}} {
		if n := testing.AllocsPerRun(100, func() {
			span := tracing.Send(from, Submission{Pool: "shop", Method: "charge"})
			_ = span.Carry(from)
			span.Sent(12, "", "")
		}); n > 0 {
			t.Errorf("%v: it allocates %v times", from, n)
		}
	}
}

func TestWhatIsCountedIsAnExemplarOfSampledRunsOnly(t *testing.T) {
	tracing, _ := recorded(TracingOptions{Follow: true})
	for from, want := range map[W3C]bool{caller: true, unsampled: false} {
		ctx := tracing.Process(from, run).Exemplified(t.Context())
		if got := trace.SpanContextFromContext(ctx).IsValid(); got != want {
			t.Errorf("%v: a span is in the context: %t", from, got)
		}
	}
}

func TestASampledTraceIsFollowedToo(t *testing.T) {
	tracing, spans := recorded(TracingOptions{Follow: true})
	tracing.call(caller)
	if n := len(spans.Ended()); n != 3 {
		t.Errorf("%d spans", n)
	}
}

func TestARunOfItsOwnIsSampledByItself(t *testing.T) {
	tracing, spans := recorded(TracingOptions{Follow: true, Link: true})
	tracing.Process(unsampled, run).Ended("succeeded", "", "")
	if n := len(spans.Ended()); n != 1 {
		t.Errorf("%d spans", n)
	}
}
