package supervisor

import (
	"encoding/json"
	"log/slog"
	"strings"
)

// mcpVersion is the version of the Model Context Protocol that servers are offered. One that speaks only another answers with
// that, which is fine: what whipper itself says is the same in all of them.
const mcpVersion = "2025-11-25"

// mcpHandshake is that of the Model Context Protocol over stdio, with a client that offers nothing: a server that asks for a
// model's or a user's answer hears that there is none.
func mcpHandshake(version string) *handshake {
	return &handshake{
		quiet:  true,
		traced: true,
		token:  []string{"_meta", "progressToken"},
		ping:   outgoing{method: "ping"},
		hello: outgoing{method: "initialize", params: encode(map[string]any{
			"protocolVersion": mcpVersion,
			"capabilities":    struct{}{},
			"clientInfo":      clientInfo{"whipper", version},
		})},
		opening: []outgoing{{method: "notifications/initialized"}},

		declared: serverInfo,
		cancel: func(call uint64, why string) outgoing {
			return outgoing{method: "notifications/cancelled", params: encode(map[string]any{"requestId": call, "reason": why})}
		},
		replies: map[string]reply{
			"ping":       always(`{}`),
			"roots/list": always(`{"roots":[]}`),
		},
		notices: map[string]func(json.RawMessage) (notice, bool){
			"notifications/progress": mcpProgress,
			"notifications/message":  mcpMessage,
		},
		oneWay: func(method string) bool { return strings.HasPrefix(method, "notifications/") },
	}
}

// mcpProgress gives the params as they are: they have progress, and may have total and message, as values of $/progress do.
func mcpProgress(params json.RawMessage) (n notice, ok bool) {
	var p struct{ ProgressToken json.RawMessage }
	if json.Unmarshal(params, &p) != nil {
		return n, false
	}
	return notice{token: p.ProgressToken, value: params}, true
}

func mcpMessage(params json.RawMessage) (n notice, ok bool) {
	var p struct {
		Level, Logger string
		Data          json.RawMessage
	}
	if json.Unmarshal(params, &p) != nil {
		return n, false
	}
	if json.Unmarshal(p.Data, &n.text) != nil { // it may be any JSON
		n.text = string(p.Data)
	}
	switch p.Level {
	case "debug":
		n.level = slog.LevelDebug
	case "warning":
		n.level = slog.LevelWarn
	case "error", "critical", "alert", "emergency":
		n.level = slog.LevelError
	}
	if p.Logger != "" {
		n.attrs = []any{"logger", p.Logger}
	}
	return n, true
}
