package telemetry

import (
	"context"
	"log/slog"

	"go.opentelemetry.io/contrib/bridges/otelslog"
	"go.opentelemetry.io/otel/trace"

	"github.com/whipper-sidecar/whipper/internal/telemetry/signals"
)

// Handler gives log records to stderr, with the ids of the span under which they were logged, and to where the environment says. level holds for
// both: what stderr does not show is not sent.
func (t *Telemetry) Handler(stderr slog.Handler, level slog.Leveler) slog.Handler {
	if t.logs == nil {
		return withSpan{stderr}
	}
	return slog.NewMultiHandler(withSpan{stderr}, leveled{t.bridge(), level})
}

// Lines takes what workers print, which goes to where the environment says alone; nil: logs go nowhere.
func (t *Telemetry) Lines() slog.Handler {
	if t.logs == nil {
		return nil
	}
	return t.bridge()
}

func (t *Telemetry) bridge() slog.Handler {
	return otelslog.NewHandler(signals.Scope,
		otelslog.WithLoggerProvider(t.logs), otelslog.WithVersion(t.version), otelslog.WithSchemaURL(signals.SchemaURL))
}

// withSpan adds the ids of the current span to records, where there is one. They are called as OpenTelemetry's logs in other formats call them.
type withSpan struct{ slog.Handler }

// Handle adds them last, so within the group of a logger that has one.
func (h withSpan) Handle(ctx context.Context, r slog.Record) error {
	if sc := trace.SpanContextFromContext(ctx); sc.IsValid() {
		r = r.Clone()
		r.AddAttrs(slog.String("trace_id", sc.TraceID().String()), slog.String("span_id", sc.SpanID().String()))
	}
	return h.Handler.Handle(ctx, r)
}

func (h withSpan) WithAttrs(attrs []slog.Attr) slog.Handler {
	return withSpan{h.Handler.WithAttrs(attrs)}
}
func (h withSpan) WithGroup(name string) slog.Handler { return withSpan{h.Handler.WithGroup(name)} }

// leveled is for a handler that knows no level.
type leveled struct {
	slog.Handler
	level slog.Leveler
}

func (h leveled) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= h.level.Level() && h.Handler.Enabled(ctx, level)
}

func (h leveled) WithAttrs(attrs []slog.Attr) slog.Handler {
	return leveled{h.Handler.WithAttrs(attrs), h.level}
}

func (h leveled) WithGroup(name string) slog.Handler {
	return leveled{h.Handler.WithGroup(name), h.level}
}
