package supervisor

import (
	"errors"
	"testing"
	"time"

	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/whipper-sidecar/whipper/internal/telemetry/signals"
	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
)

func TestWhatAPoolThatDrainsRefusesShowsInItsSpan(t *testing.T) {
	t.Parallel()
	spans := tracetest.NewSpanRecorder()
	tracer := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)).Tracer("")
	r := start(t, func(o *Options) { o.Tracing = signals.NewTracing(signals.TracingOptions{Tracer: tracer}) }).ready()
	r.drain()
	r.ended()
	job := []ledger.Job{{Method: "echo"}}
	_, atOnce := r.pool.Submit(t.Context(), job)
	var later error
	r.pool.SubmitThen(job, time.Minute, func(_ []ledger.Submitted, err error) { later = err })
	for _, err := range []error{atOnce, later} {
		var refusal *jsonrpc.Error
		if !errors.As(err, &refusal) || refusal.Code != jsonrpc.CodeShuttingDown {
			t.Errorf("got %v", err)
		}
	}
	if code := r.call("echo", `[1]`).code(); code != jsonrpc.CodeShuttingDown {
		t.Errorf("a call got code %d", code)
	}
	ended := spans.Ended()
	if len(ended) != 3 {
		t.Errorf("%d spans have ended", len(ended))
	}
	for _, span := range ended {
		want := sdktrace.Status{Code: codes.Error, Description: `pool "default" is shutting down`}
		if span.Status() != want || !span.EndTime().After(span.StartTime()) {
			t.Errorf("%s has the status %v", span.Name(), span.Status())
		}
	}
}
