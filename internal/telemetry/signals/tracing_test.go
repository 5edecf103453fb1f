package signals

import (
	"context"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// chosen is a generator as telemetry's.
type chosen struct{ next byte }

func (g *chosen) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	if ids, ok := IDsFrom(ctx); ok {
		return ids.Trace, ids.Span
	}
	g.next++
	return trace.TraceID{g.next}, trace.SpanID{g.next}
}

func (g *chosen) NewSpanID(ctx context.Context, _ trace.TraceID) trace.SpanID {
	if ids, ok := IDsFrom(ctx); ok {
		return ids.Span
	}
	g.next++
	return trace.SpanID{g.next}
}

// recorded gives a Tracing and the spans that have ended.
func recorded(o TracingOptions) (*Tracing, *tracetest.SpanRecorder) {
	spans := tracetest.NewSpanRecorder()
	o.Tracer = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans), sdktrace.WithIDGenerator(&chosen{})).Tracer(Scope)
	return NewTracing(o), spans
}

// seen is what a test looks at of a span.
type seen struct {
	Name       string
	Kind       trace.SpanKind
	Parent     trace.SpanID
	Attributes map[attribute.Key]any
	Events     []string
	Status     sdktrace.Status
}

func look(s sdktrace.ReadOnlySpan) seen {
	all := map[attribute.Key]any{}
	for _, a := range s.Attributes() {
		all[a.Key] = a.Value.AsInterface()
	}
	var events []string
	for _, e := range s.Events() {
		events = append(events, e.Name)
	}
	return seen{s.Name(), s.SpanKind(), s.Parent().SpanID(), all, events, s.Status()}
}

var caller = W3C{Traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", Tracestate: "a=1", Baggage: "user=7"}

var run = Run{Job: 12, Pool: "shop", Method: "charge", Number: 1, Attempt: 1, Wait: 250 * time.Millisecond, Worker: "w1", PID: 99}

func TestACallIsThreeSpansOneWithinTheOther(t *testing.T) {
	tracing, spans := recorded(TracingOptions{})
	send := tracing.Send(caller, Submission{Pool: "shop", Method: "charge"})
	row := send.Carry(caller)
	send.Sent(12, "", "")
	process := tracing.Process(row, run)
	call := process.Call("charge", 99)
	call.Requested(7)
	meta := call.Carry(row)
	call.Answered(0, "", "")
	process.Ended("succeeded", "", "")

	ended := spans.Ended()
	sendID, processID := ended[0].SpanContext().SpanID(), ended[2].SpanContext().SpanID()
	want := []seen{
		{"send shop", trace.SpanKindProducer, caller.SpanContext().SpanID(), map[attribute.Key]any{
			"messaging.system": "whipper", "messaging.destination.name": "shop", "messaging.operation.name": "send", "messaging.operation.type": "send",
			"rpc.method": "charge", "messaging.message.id": "12",
		}, nil, sdktrace.Status{}},
		{"charge", trace.SpanKindClient, processID, map[attribute.Key]any{
			"rpc.system.name": "jsonrpc", "rpc.method": "charge", "jsonrpc.request.id": "7", "jsonrpc.protocol.version": "2.0", "process.pid": int64(99),
		}, nil, sdktrace.Status{}},
		{"process shop", trace.SpanKindConsumer, sendID, map[attribute.Key]any{
			"messaging.system": "whipper", "messaging.destination.name": "shop", "messaging.operation.name": "process", "messaging.operation.type": "process",
			"messaging.message.id": "12", "rpc.method": "charge", "whipper.job.run": int64(1), "whipper.job.attempt": int64(1),
			"whipper.queue.wait": 0.25, "whipper.worker": "w1", "process.pid": int64(99), "whipper.outcome": "succeeded",
		}, nil, sdktrace.Status{}},
	}
	for i := range want {
		if diff := cmp.Diff(want[i], look(ended[i])); diff != "" {
			t.Error(diff)
		}
		if id := ended[i].SpanContext().TraceID(); id != caller.SpanContext().TraceID() {
			t.Errorf("%s is of trace %s", want[i].Name, id)
		}
	}
	if got := row.SpanContext().SpanID(); got != sendID || row.Baggage != caller.Baggage || row.Tracestate != "a=1" {
		t.Errorf("the row has %v", row)
	}
	if got := meta.SpanContext().SpanID(); got != ended[1].SpanContext().SpanID() || meta.Baggage != caller.Baggage {
		t.Errorf("the worker gets %v", meta)
	}
}

func TestJobsThatWereHandedInTogetherRunInSpansOfTheirOwn(t *testing.T) {
	for _, link := range []bool{false, true} {
		tracing, spans := recorded(TracingOptions{Link: link})
		other := run
		other.Job++
		for _, r := range []Run{run, other} {
			tracing.Process(caller, r).Ended("succeeded", "", "")
		}
		one, two := spans.Ended()[0].SpanContext(), spans.Ended()[1].SpanContext()
		if one.SpanID() == two.SpanID() {
			t.Errorf("link %t: both jobs run in span %s", link, one.SpanID())
		}
		if link && one.TraceID() == two.TraceID() {
			t.Errorf("both jobs run in trace %s", one.TraceID())
		}
	}
}

func TestSpansHoldLittleOfWhatOthersWrite(t *testing.T) {
	tracing, spans := recorded(TracingOptions{})
	long := strings.Repeat("é", 1<<20)
	sent := tracing.Send(caller, Submission{Pool: "shop", Method: long})
	sent.Sent(12, "1005", long)
	r := run
	r.Method = long
	process := tracing.Process(caller, r)
	process.Call(long, 99).Answered(-32000, long, "")
	process.Ended("error", "-32000", long)
	for _, s := range spans.Ended() {
		texts := []string{s.Name(), s.Status().Description}
		for _, a := range s.Attributes() {
			texts = append(texts, a.Value.String())
		}
		for _, text := range texts {
			if len(text) > mostMessage || !utf8.ValidString(text) {
				t.Errorf("%s has %d bytes: %.20q", s.SpanKind(), len(text), text)
			}
		}
	}
	if got := cut("a good method", mostMethod); got != "a good method" {
		t.Errorf("it cuts %q", got)
	}
}

func TestARunLinksToTheOneBefore(t *testing.T) {
	for _, link := range []bool{false, true} {
		tracing, spans := recorded(TracingOptions{Link: link})
		first := tracing.Process(caller, run)
		first.Retried(2 * time.Second)
		first.Ended("error", "-32000", "declined")
		restarted, more := recorded(TracingOptions{Link: link}) // another supervisor: what it knows is in the row
		again := run
		again.Number = 2
		restarted.Process(caller, again).Ended("succeeded", "", "")

		one, two := spans.Ended()[0], more.Ended()[0]
		got := map[string]trace.SpanContext{}
		for _, l := range two.Links() {
			got[l.Attributes[0].Value.AsString()] = l.SpanContext
		}
		before := got[LinkPrevious]
		if before.SpanID() != one.SpanContext().SpanID() || before.TraceID() != one.SpanContext().TraceID() {
			t.Errorf("link %t: the second run links to %v, the first was %v", link, before, one.SpanContext())
		}
		if one.SpanContext().SpanID() == two.SpanContext().SpanID() {
			t.Errorf("link %t: both runs are span %s", link, one.SpanContext().SpanID())
		}
		sent := caller.SpanContext()
		if !link {
			if two.Parent().SpanID() != sent.SpanID() || len(got) != 1 {
				t.Errorf("the parent is %v, the links are %v", two.Parent(), got)
			}
			continue
		}
		if two.Parent().IsValid() || two.SpanContext().TraceID() == sent.TraceID() || two.SpanContext().TraceID() == one.SpanContext().TraceID() {
			t.Errorf("the second run is no trace of its own: %v within %v", two.SpanContext(), two.Parent())
		}
		if got[LinkSend].SpanID() != sent.SpanID() {
			t.Errorf("the links are %v", got)
		}
	}
}

func TestAScheduledJobBeginsATrace(t *testing.T) {
	tracing, spans := recorded(TracingOptions{})
	tracing.Send(W3C{}, Submission{Pool: "shop", Method: "report", Scheduled: true, Schedule: caller}).Sent(3, "", "")
	tracing.Send(W3C{}, Submission{Pool: "shop", Method: "report", Scheduled: true}).Sent(4, "", "")
	known, unknown := spans.Ended()[0], spans.Ended()[1]
	if known.Parent().IsValid() || known.SpanContext().TraceID() == caller.SpanContext().TraceID() {
		t.Errorf("it is within %v", known.Parent())
	}
	if l := known.Links(); len(l) != 1 || l[0].SpanContext.SpanID() != caller.SpanContext().SpanID() || l[0].Attributes[0] != LinkKind.String(LinkSchedule) {
		t.Errorf("it links to %v", l)
	}
	if unknown.Parent().IsValid() || len(unknown.Links()) != 0 {
		t.Errorf("it is within %v and links to %v", unknown.Parent(), unknown.Links())
	}
}

func TestHowARunEndsShowsInItsSpan(t *testing.T) {
	for _, test := range []struct {
		name       string
		end        func(*Span)
		events     []string
		status     sdktrace.Status
		attributes map[attribute.Key]any
	}{
		{"killed", func(s *Span) {
			s.Crashed(Exit{Signal: "SIGKILL"})
			s.Retried(time.Second)
			s.Ended("crashed", "crashed", "killed by SIGKILL")
		}, []string{EventCrash, EventRetry}, sdktrace.Status{Code: codes.Error, Description: "killed by SIGKILL"}, map[attribute.Key]any{
			Signal: "SIGKILL", Outcome: "crashed", ErrorType: "crashed",
		}},
		{"exited", func(s *Span) {
			s.Crashed(Exit{Code: 3})
			s.Ended("crashed", "crashed", "exit code 3")
		}, []string{EventCrash}, sdktrace.Status{Code: codes.Error, Description: "exit code 3"}, map[attribute.Key]any{
			ExitCode: int64(3), Outcome: "crashed", ErrorType: "crashed",
		}},
		{"timed out", func(s *Span) {
			s.TimedOut()
			s.Ended("timeout", "timeout", "no answer in 2s")
		}, []string{EventTimeout}, sdktrace.Status{Code: codes.Error, Description: "no answer in 2s"}, map[attribute.Key]any{Outcome: "timeout", ErrorType: "timeout"}},
		{"snoozed", func(s *Span) {
			s.Snoozed(time.Minute)
			s.Ended("snoozed", "", "")
		}, []string{EventSnooze}, sdktrace.Status{}, map[attribute.Key]any{Outcome: "snoozed"}},
		{"cancelled", func(s *Span) {
			s.Cancelled()
			s.Ended("cancelled", "", "")
		}, []string{EventCancel}, sdktrace.Status{}, map[attribute.Key]any{Outcome: "cancelled"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			tracing, spans := recorded(TracingOptions{})
			test.end(tracing.Process(W3C{}, run))
			got := look(spans.Ended()[0])
			if diff := cmp.Diff(test.events, got.Events); diff != "" {
				t.Error(diff)
			}
			if got.Status != test.status {
				t.Errorf("the status is %v", got.Status)
			}
			for _, key := range []attribute.Key{Signal, ExitCode, Outcome, ErrorType} {
				if got.Attributes[key] != test.attributes[key] {
					t.Errorf("%s is %v, not %v", key, got.Attributes[key], test.attributes[key])
				}
			}
		})
	}
}

func TestHowACallEndsShowsInItsSpan(t *testing.T) {
	tracing, spans := recorded(TracingOptions{})
	process := tracing.Process(W3C{}, run)
	process.Call("m", 1).Answered(-32000, "declined", "")
	process.Call("m", 1).Answered(0, "", "timeout")
	tracing.Send(W3C{}, Submission{Pool: "p", Count: 3}).Sent(0, "1011", "the ledger fails")
	declined, lost, refused := look(spans.Ended()[0]), look(spans.Ended()[1]), look(spans.Ended()[2])
	if declined.Attributes[RPCStatusCode] != "-32000" || declined.Attributes[ErrorType] != "-32000" || declined.Status.Description != "declined" {
		t.Errorf("got %v", declined)
	}
	if lost.Attributes[RPCStatusCode] != nil || lost.Attributes[ErrorType] != "timeout" || lost.Status.Code != codes.Error {
		t.Errorf("got %v", lost)
	}
	if refused.Attributes[BatchCount] != int64(3) || refused.Attributes[RPCMethod] != nil || refused.Attributes[ErrorType] != "1011" || refused.Status.Description != "the ledger fails" {
		t.Errorf("got %v", refused)
	}
}

func TestWithoutTracingWhatCallersSendGoesOnUnchanged(t *testing.T) {
	odd := W3C{"no traceparent at all", "nor tracestate", "nor baggage"}
	for _, tracing := range []*Tracing{NewTracing(TracingOptions{}), NewTracing(TracingOptions{Tracer: noop.Tracer{}})} {
		if tracing != nil {
			t.Fatal("there is tracing")
		}
		if n := testing.AllocsPerRun(10, func() {
			send := tracing.Send(odd, Submission{Pool: "p"})
			process := tracing.Process(odd, run)
			call := process.Call("m", 2)
			if send.Carry(odd) != odd || call.Carry(odd) != odd || process.Context(t.Context()) != t.Context() {
				t.Error("something has changed")
			}
			process.Crashed(Exit{})
			process.TimedOut()
			process.Retried(1)
			process.Snoozed(1)
			process.Cancelled()
			call.Requested(7)
			call.Answered(1, "", "")
			process.Ended("", "", "")
			send.Sent(1, "", "")
		}); n > 0 {
			t.Errorf("%v allocations", n)
		}
	}
}

func TestTraceContextsCanBeLeftAlone(t *testing.T) {
	tracing, spans := recorded(TracingOptions{Ignore: true})
	process := tracing.Process(caller, run)
	if got := process.Call("m", 1).Carry(caller); got != caller {
		t.Errorf("the worker gets %v", got)
	}
	process.Ended("succeeded", "", "")
	if s := spans.Ended()[0]; s.Parent().IsValid() || len(s.Links()) > 0 {
		t.Errorf("the run is within %v and links to %v", s.Parent(), s.Links())
	}
}

func TestWhatIsNotSampledIsNotSampledFurtherOn(t *testing.T) {
	tracing, spans := recorded(TracingOptions{})
	unsampled := W3C{Traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"}
	process := tracing.Process(unsampled, run)
	meta := process.Call("m", 1).Carry(unsampled)
	process.Ended("succeeded", "", "")
	if sc := meta.SpanContext(); sc.IsSampled() || sc.TraceID() != unsampled.SpanContext().TraceID() || len(spans.Ended()) > 0 {
		t.Errorf("the worker gets %v; %d spans were recorded", meta, len(spans.Ended()))
	}
}
