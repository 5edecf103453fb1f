package whipper_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

// ended is a span as a worker tells of it.
type ended struct {
	Name, Kind, Trace, ID, Parent, State string
	Remote                               bool // its parent is another process's
	Attributes                           map[string]any
	Events                               map[string]map[string]any
	Status, Description, Scope           string
}

func tell(s tracetest.SpanStub) ended {
	e := ended{
		Name: s.Name, Kind: s.SpanKind.String(), Trace: s.SpanContext.TraceID().String(), ID: s.SpanContext.SpanID().String(),
		State: s.SpanContext.TraceState().String(), Remote: s.Parent.IsRemote(),
		Attributes: map[string]any{}, Events: map[string]map[string]any{},
		Status: s.Status.Code.String(), Description: s.Status.Description, Scope: s.InstrumentationScope.Name,
	}
	if s.Parent.IsValid() {
		e.Parent = s.Parent.SpanID().String()
	}
	for _, a := range s.Attributes {
		e.Attributes[string(a.Key)] = a.Value.AsInterface()
	}
	for _, event := range s.Events {
		attributes := map[string]any{}
		for _, a := range event.Attributes {
			attributes[string(a.Key)] = a.Value.AsInterface()
		}
		e.Events[event.Name] = attributes
	}
	return e
}

// serveTraced is the main of a worker whose application traces.
func serveTraced() {
	exporter := tracetest.NewInMemoryExporter()
	otel.SetTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter)))
	var both sync.WaitGroup // calls of meet
	both.Add(2)
	inner := func(ctx context.Context, name string) {
		_, span := otel.Tracer("application").Start(ctx, name)
		span.End()
	}
	err := whipper.Serve(context.Background(), whipper.Methods{
		"ok": whipper.Func0(func(ctx context.Context) (any, error) { inner(ctx, "inner"); return nil, nil }),
		"fail": whipper.Func0(func(context.Context) (any, error) {
			return nil, &whipper.Error{Code: 77, Message: "mine", Data: json.RawMessage(`{"type":"Mine"}`)}
		}),
		"panic":      whipper.Func0(func(context.Context) (any, error) { panic("ouch") }),
		"unsendable": whipper.Func0(func(context.Context) (chan int, error) { return make(chan int), nil }),
		"snooze":     whipper.Func0(func(context.Context) (any, error) { return nil, whipper.Snooze(1500 * time.Millisecond) }),
		"hang": whipper.Func0(func(ctx context.Context) (any, error) {
			<-ctx.Done()
			return nil, errors.New("gave up")
		}),
		"meet": whipper.Func1(func(ctx context.Context, name string) (any, error) {
			both.Done()
			both.Wait()
			inner(ctx, name)
			return nil, nil
		}),
		"nested": whipper.Func0(func(ctx context.Context) (any, error) {
			c, err := whipper.Dial(ctx, whipper.Options{})
			if err != nil {
				return nil, err
			}
			defer c.Close()
			return whipper.Invoke[any](ctx, c, "ok")
		}),
		"spans": whipper.Func0(func(context.Context) ([]ended, error) {
			var all []ended
			for _, s := range exporter.GetSpans() {
				if s.Name != "spans" {
					all = append(all, tell(s))
				}
			}
			exporter.Reset()
			slices.SortStableFunc(all, func(a, b ended) int { return cmp.Compare(a.Name, b.Name) })
			return all, nil
		}),
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

const (
	callerTrace = "0af7651916cd43dd8448eb211c80319c"
	callerSpan  = "b7ad6b7169203331"
	callerMeta  = `"meta":{"job":42,"attempt":2,"traceparent":"00-` + callerTrace + `-` + callerSpan + `-01","tracestate":"a=b"}`
)

// spans are those that have ended since they were last asked for, by name.
func (w *bareWorker) spans() []ended {
	w.t.Helper()
	w.send(`{"jsonrpc":"2.0","id":"spans","method":"spans"}`)
	var answer struct{ Result []ended }
	if err := json.Unmarshal(w.line(), &answer); err != nil {
		w.t.Fatal(err)
	}
	return answer.Result
}

func TestACallIsAServerSpanUnderItsCallersAndOverTheMethods(t *testing.T) {
	w := startWorker(t, "traced")
	w.send(`{"jsonrpc":"2.0","id":7,"method":"ok",` + callerMeta + `}`)
	w.line()
	spans := w.spans()
	if len(spans) != 2 {
		t.Fatalf("%d spans: %+v", len(spans), spans)
	}
	inner, call := spans[0], spans[1]
	if call.ID == "" || inner.Parent != call.ID || inner.Trace != callerTrace || inner.Remote {
		t.Errorf("the method's own span: %+v\nthe call's: %+v", inner, call)
	}
	got, _ := json.Marshal(call)
	want := `{"Name":"ok","Kind":"server","Trace":"` + callerTrace + `","ID":"*","Parent":"` + callerSpan + `","State":"a=b","Remote":true,
		"Attributes":{"rpc.system.name":"jsonrpc","rpc.method":"ok","jsonrpc.protocol.version":"2.0","jsonrpc.request.id":"7",
			"whipper.job.id":42,"whipper.job.attempt":2},
		"Events":{},"Status":"Unset","Description":"","Scope":"github.com/whipper-sidecar/whipper/sdk-go"}`
	if why := mismatch("", decoded(t, []byte(want)), decoded(t, got)); why != "" {
		t.Errorf("%s: %s", why, got)
	}
	w.end()
}

func TestAServerSpanTellsHowItsCallEnded(t *testing.T) {
	w := startWorker(t, "traced")
	for _, test := range []struct{ method, attributes, events, status string }{
		{"fail", `{"rpc.response.status_code":"77","error.type":"77"}`, `{"exception":{"exception.type":"Mine","exception.message":"mine"}}`, "Error mine"},
		{
			"panic", `{"rpc.response.status_code":"1","error.type":"1"}`,
			`{"exception":{"exception.type":"panic","exception.message":"ouch","exception.stacktrace":"*"}}`, "Error ouch",
		},
		{
			"unsendable", `{"rpc.response.status_code":"1","error.type":"1"}`, `{"exception":{"exception.message":"*"}}`,
			"Error the result cannot be encoded: json: unsupported type: chan int",
		},
		{"snooze", `{"rpc.response.status_code":"1"}`, `{"whipper.snooze":{"whipper.retry.delay":1.5}}`, "Unset "},
		{"hang", `{"rpc.response.status_code":"-32800"}`, `{"whipper.cancel":{}}`, "Unset "},
	} {
		w.send(`{"jsonrpc":"2.0","id":"a","method":"` + test.method + `"}`)
		if test.method == "hang" {
			w.send(`{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":"a"}}`)
		}
		w.line()
		spans := w.spans()
		if len(spans) != 1 {
			t.Fatalf("%s: %d spans: %+v", test.method, len(spans), spans)
		}
		span := spans[0]
		attributes, _ := json.Marshal(span.Attributes)
		events, _ := json.Marshal(span.Events)
		if why := mismatch("", decoded(t, []byte(test.attributes)), decoded(t, attributes)); why != "" {
			t.Errorf("%s: %s: %s", test.method, why, attributes)
		}
		if why := mismatch("", decoded(t, []byte(test.events)), decoded(t, events)); why != "" || len(span.Events) != 1 {
			t.Errorf("%s: %s: %s", test.method, why, events)
		}
		if status := span.Status + " " + span.Description; status != test.status {
			t.Errorf("%s: status %q", test.method, status)
		}
		if _, failed := span.Attributes["error.type"]; failed != (span.Status == "Error") {
			t.Errorf("%s: %s", test.method, attributes)
		}
		if span.Parent != "" {
			t.Errorf("%s: without a caller's trace its parent is %s", test.method, span.Parent)
		}
	}
	w.end()
}

func TestCallsAtOnceKeepTheirSpansApart(t *testing.T) {
	w := startWorker(t, "traced")
	for _, name := range []string{"a", "b"} {
		parent := `00-` + strings.Repeat(name, 32) + `-` + callerSpan + `-01`
		w.send(`{"jsonrpc":"2.0","id":"` + name + `","method":"meet","params":["` + name + `"],"meta":{"traceparent":"` + parent + `"}}`)
	}
	w.line()
	w.line()
	traces := map[string]string{}
	for _, span := range w.spans() {
		if span.Name != "meet" {
			traces[span.Name] = span.Trace[:1]
		}
	}
	if len(traces) != 2 || traces["a"] != "a" || traces["b"] != "b" {
		t.Error(traces)
	}
	w.end()
}

func TestACallFromWithinAMethodBelongsToItsSpan(t *testing.T) {
	o := own(t)
	o.Env = []string{childEnv, modeEnv + "=traced"}
	c, ctx := start(t, o)
	caller := trace.ContextWithSpanContext(ctx, trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: trace.FlagsSampled,
	}))
	if _, err := whipper.Invoke[any](caller, c, "nested"); err != nil {
		t.Fatal(err)
	}
	spans, err := whipper.Invoke[[]ended](ctx, c, "spans")
	if err != nil {
		t.Fatal(err)
	}
	if len(spans) != 3 {
		t.Fatalf("%+v", spans)
	}
	nested, ok := spans[1], spans[2]
	if nested.Name != "nested" || nested.Parent != (trace.SpanID{2}).String() || nested.Trace != (trace.TraceID{1}).String() {
		t.Errorf("%+v", nested)
	}
	if ok.Name != "ok" || ok.Parent != nested.ID || !ok.Remote || ok.Attributes["whipper.job.id"] == nested.Attributes["whipper.job.id"] {
		t.Errorf("%+v under %+v", ok, nested)
	}
}
