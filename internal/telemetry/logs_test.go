package telemetry

import (
	"log/slog"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/trace"

	"github.com/whipper-sidecar/whipper/internal/telemetry/otlptest"
)

func TestRecordsOnStderrHaveTheIDsOfTheirSpan(t *testing.T) {
	ctx := trace.ContextWithSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1, 2}, SpanID: trace.SpanID{3, 4},
	}))
	tel, _ := start(t, Options{})
	for format, want := range map[string]string{
		"text": "trace_id=01020000000000000000000000000000 span_id=0304000000000000",
		"json": `"trace_id":"01020000000000000000000000000000","span_id":"0304000000000000"`,
	} {
		said := newTold(t)
		var stderr slog.Handler = slog.NewTextHandler(said, nil)
		if format == "json" {
			stderr = slog.NewJSONHandler(said, nil)
		}
		log := slog.New(tel.Handler(stderr, slog.LevelInfo)).With("pool", "p")
		log.InfoContext(ctx, "within")
		said.await(want, 1)
		log.Info("without")
		said.atMost("trace_id", 1)
		said.await("pool", 2)
	}
}

func TestTheLevelHoldsForWhatIsSent(t *testing.T) {
	c := otlptest.New(t)
	setenv(t, "OTEL_LOGS_EXPORTER=otlp", "OTEL_EXPORTER_OTLP_ENDPOINT="+c.HTTP(), "OTEL_EXPORTER_OTLP_TIMEOUT=10000", "OTEL_BSP_EXPORT_TIMEOUT=10000", "OTEL_BLRP_EXPORT_TIMEOUT=10000")
	tel, said := start(t, Options{})
	level := new(slog.LevelVar)
	log := slog.New(tel.Handler(slog.NewTextHandler(said, &slog.HandlerOptions{Level: level}), level)).With("pool", "p")
	log.Debug("too little")
	log.Info("enough")
	level.Set(slog.LevelError)
	log.Warn("too little now")
	log.Error("last")
	got := c.Await("two records", func(r otlptest.Received) bool { return len(r.Logs) == 2 })
	for i, want := range []string{"enough", "last"} {
		if l := got.Logs[i]; l.Body.GetStringValue() != want || otlptest.Attributes(l.Attributes)["pool"] != "p" {
			t.Errorf("record %d is %v", i, l.LogRecord)
		}
	}
	if strings.Contains(said.String(), "too little") {
		t.Errorf("stderr has %s", said)
	}
}
