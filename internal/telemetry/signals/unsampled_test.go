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

func TestASamplerThatFollowsParentsIsAskedOncePerTrace(t *testing.T) {
	for _, test := range []struct {
		name   string
		from   W3C
		follow bool
		some   bool
		asks   int
	}{
		{"the caller does not sample", unsampled, true, true, 0},
		{"a trace that begins here is left out", W3C{Baggage: "user=7"}, true, true, 1},
		{"a trace that begins here is left out though all are sampled", W3C{}, true, false, 1},
		{"the sampler decides by itself", unsampled, false, true, 2}, // a request's span is sampled as its run's is
	} {
		t.Run(test.name, func(t *testing.T) {
			tracer := &asked{Tracer: sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample())).Tracer(Scope)}
			row, meta := NewTracing(TracingOptions{Tracer: tracer, Follow: test.follow, Some: test.some}).call(test.from)
			if tracer.times != test.asks {
				t.Errorf("it was asked for %d spans, not %d", tracer.times, test.asks)
			}
			if sc := meta.SpanContext(); !sc.IsValid() || sc.IsSampled() {
				t.Errorf("the worker gets %v", meta)
			}
			if test.asks == 0 && (row != test.from || meta != test.from) {
				t.Errorf("the row has %v and the worker gets %v: both were to have what came in", row, meta)
			}
			if left := test.from.Traceparent == "" && test.some; left != (row.Traceparent == "") || meta.Baggage != test.from.Baggage {
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
