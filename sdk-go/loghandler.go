package whipper

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"time"

	"github.com/whipper-sidecar/whipper/jsonrpc"
)

// NewLogHandler gives a handler whose records a worker's supervisor logs, with the worker, and with the job where the record's context
// is a method's: log with InfoContext and its like. Outside of a worker it writes text to stderr. level is the least that is logged;
// nil: slog.LevelInfo. A record waits while the supervisor does not read.
func NewLogHandler(level slog.Leveler) slog.Handler {
	if level == nil {
		level = slog.LevelInfo
	}
	return &logHandler{level: level, plain: slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level})}
}

type logHandler struct {
	level  slog.Leveler
	plain  slog.Handler // where there is no supervisor
	scopes []scope
}

// scope is a group that was opened, or attributes that were added.
type scope struct {
	group string
	attrs []slog.Attr
}

func (h *logHandler) Enabled(_ context.Context, l slog.Level) bool { return l >= h.level.Level() }

func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &logHandler{h.level, h.plain.WithAttrs(attrs), append(slices.Clip(h.scopes), scope{attrs: attrs})}
}

func (h *logHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	return &logHandler{h.level, h.plain.WithGroup(name), append(slices.Clip(h.scopes), scope{group: name})}
}

func (h *logHandler) Handle(ctx context.Context, r slog.Record) error {
	worker := atWork.Load()
	c, ok := ctx.Value(callKey{}).(*Call)
	switch {
	case ok:
	case worker != nil:
		c = &Call{conn: worker.conn}
	default:
		return h.plain.Handle(ctx, r)
	}
	p := jsonrpc.LogParams{ID: c.id, Level: levelName(r.Level), Message: r.Message, Attributes: map[string]any{}}
	in := p.Attributes
	for _, s := range h.scopes {
		if s.group != "" {
			in = within(in, s.group)
		}
		for _, a := range s.attrs {
			addAttr(in, a)
		}
	}
	r.Attrs(func(a slog.Attr) bool {
		addAttr(in, a)
		return true
	})
	raw, err := jsonrpc.Encode(p)
	if err != nil {
		return fmt.Errorf("encode log record: %w", err)
	}
	return c.notify(context.WithoutCancel(ctx), jsonrpc.MethodLog, raw)
}

func levelName(l slog.Level) string {
	switch {
	case l < slog.LevelInfo:
		return "debug"
	case l < slog.LevelWarn:
		return "info"
	case l < slog.LevelError:
		return "warn"
	default:
		return "error"
	}
}

// within gives the group of that name.
func within(attributes map[string]any, group string) map[string]any {
	inner, ok := attributes[group].(map[string]any)
	if !ok {
		inner = map[string]any{}
		attributes[group] = inner
	}
	return inner
}

func addAttr(to map[string]any, a slog.Attr) {
	v := a.Value.Resolve()
	switch {
	case a.Equal(slog.Attr{}):
		return
	case v.Kind() == slog.KindGroup:
		if len(v.Group()) == 0 {
			return
		}
		if a.Key != "" {
			to = within(to, a.Key)
		}
		for _, inner := range v.Group() {
			addAttr(to, inner)
		}
		return
	}
	to[a.Key] = plainValue(v)
}

// plainValue is a value that has JSON.
func plainValue(v slog.Value) any {
	switch value := v.Any().(type) {
	case error:
		return value.Error()
	case time.Duration:
		return value.String()
	case string, bool, int64, uint64, time.Time:
		return value
	default:
		if raw, err := json.Marshal(value); err == nil {
			return json.RawMessage(raw)
		}
		return fmt.Sprint(value)
	}
}
