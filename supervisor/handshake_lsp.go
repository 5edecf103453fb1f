package supervisor

import (
	"encoding/json"
	"log/slog"
	"path/filepath"
	"strings"
)

// lspHandshake is that of the Language Server Protocol 3.17, with a client that has no editor: it opens dir as its workspace,
// offers nothing that a server could rely on and answers what a server may ask all the same.
func lspHandshake(dir, version string) *handshake {
	folders := []map[string]string{{"uri": fileURI(dir), "name": filepath.Base(dir)}}
	return &handshake{
		token: []string{"workDoneToken"},
		ping:  outgoing{method: "$/ping"}, // not LSP's: "method not found" is what every server must answer
		hello: outgoing{method: "initialize", params: encode(map[string]any{
			"processId":        ownPID(),
			"clientInfo":       clientInfo{"whipper", version},
			"rootPath":         dir,
			"rootUri":          fileURI(dir),
			"workspaceFolders": folders,
			"capabilities":     lspCapabilities,
		})},
		opening: []outgoing{{method: "initialized", params: json.RawMessage(`{}`)}},
		closing: []outgoing{{method: "shutdown", request: true}, {method: "exit"}},

		declared: serverInfo,
		cancel:   cancelByID,
		replies: map[string]reply{
			"workspace/configuration":          lspConfiguration,
			"workspace/workspaceFolders":       always(string(encode(folders))),
			"workspace/applyEdit":              always(`{"applied":false,"failureReason":"whipper edits no files"}`),
			"workspace/codeLens/refresh":       always(`null`),
			"workspace/diagnostic/refresh":     always(`null`),
			"workspace/foldingRange/refresh":   always(`null`),
			"workspace/inlayHint/refresh":      always(`null`),
			"workspace/inlineValue/refresh":    always(`null`),
			"workspace/semanticTokens/refresh": always(`null`),
			"client/registerCapability":        always(`null`),
			"client/unregisterCapability":      always(`null`),
			"window/showDocument":              always(`{"success":false}`),
			"window/showMessageRequest":        always(`null`),
			"window/workDoneProgress/create":   always(`null`),
		},
		notices: map[string]func(json.RawMessage) (notice, bool){
			"$/progress":         lspProgress,
			"window/logMessage":  lspMessage,
			"window/showMessage": lspMessage,
		},
		oneWay: lspOneWay,
	}
}

// lspCapabilities make servers answer in their richest form, and ask for as little as possible: a server that believes that there
// is a configuration waits for it.
var lspCapabilities = json.RawMessage(`{` +
	`"general":{"positionEncodings":["utf-16"]},` +
	`"window":{"workDoneProgress":true},` +
	`"workspace":{"workspaceFolders":true,"symbol":{}},` +
	`"textDocument":{` +
	`"synchronization":{"didSave":true},` +
	`"hover":{"contentFormat":["markdown","plaintext"]},` +
	`"completion":{"completionItem":{"documentationFormat":["markdown","plaintext"]}},` +
	`"signatureHelp":{"signatureInformation":{"documentationFormat":["markdown","plaintext"]}},` +
	`"documentSymbol":{"hierarchicalDocumentSymbolSupport":true},` +
	`"definition":{"linkSupport":true},` +
	`"diagnostic":{}}}`)

// lspConfiguration answers with null, which is "not set", for each item that is asked for.
func lspConfiguration(params json.RawMessage) json.RawMessage {
	var p struct{ Items []json.RawMessage }
	_ = json.Unmarshal(params, &p) // without items: none
	nulls := make([]string, len(p.Items))
	for i := range nulls {
		nulls[i] = "null"
	}
	return json.RawMessage("[" + strings.Join(nulls, ",") + "]")
}

func lspProgress(params json.RawMessage) (n notice, ok bool) {
	var p struct{ Token, Value json.RawMessage }
	if json.Unmarshal(params, &p) != nil {
		return n, false
	}
	return notice{token: p.Token, value: p.Value}, true
}

// lspMessage reads window/logMessage and window/showMessage.
func lspMessage(params json.RawMessage) (n notice, ok bool) {
	var p struct {
		Type    int
		Message string
	}
	if json.Unmarshal(params, &p) != nil {
		return n, false
	}
	level := slog.LevelDebug // 4, log, and 5, debug
	switch p.Type {
	case 1:
		level = slog.LevelError
	case 2:
		level = slog.LevelWarn
	case 3:
		level = slog.LevelInfo
	}
	return notice{level: level, text: p.Message}, true
}

// lspOneWay tells the notifications that a client may send: textDocument/didOpen and its like.
func lspOneWay(method string) bool {
	switch method {
	case "textDocument/willSave", "window/workDoneProgress/cancel":
		return true
	}
	_, name, _ := strings.Cut(method, "/")
	return strings.HasPrefix(name, "did")
}
