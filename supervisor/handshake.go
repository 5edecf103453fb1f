package supervisor

import (
	"encoding/json"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strconv"

	"github.com/whipper-sidecar/whipper/jsonrpc"
)

// Handshakes: what workers are sent besides calls, and how they are understood besides their answers.
const (
	HandshakeAuto   = "auto"   // whipper's own, begun with $/initialize; "method not found" is an answer to it too
	HandshakeNone   = "none"   // whipper's own, but nothing is sent first; the worker is ready at once
	HandshakeLSP    = "lsp"    // a language server's
	HandshakeMCP    = "mcp"    // a Model Context Protocol server's
	HandshakeCustom = "custom" // as Options.Custom says
)

// Handshakes are all of them, the default first.
var Handshakes = []string{HandshakeAuto, HandshakeNone, HandshakeLSP, HandshakeMCP, HandshakeCustom}

// Framings are how workers may tell messages apart, the default first.
var Framings = jsonrpc.Framings

// handshake is one of these. All that differs between them is here.
type handshake struct {
	native bool // whipper's own: calls carry meta, and code 1007 declines one
	bare   bool // "method not found" is an answer to the greeting too
	quiet  bool // a call that was cancelled gets no answer: one to a ping shows that the worker has read of it

	traced bool     // params of calls have the trace context in their _meta
	token  []string // where in a call's params the caller may have put what progress is reported by

	ping    outgoing   // any answer to it is a sign of life
	hello   outgoing   // the first request; without a method the worker is ready at once
	opening []outgoing // notifications, once hello is answered
	closing []outgoing // before stdin is closed; each request is awaited

	declared func(result json.RawMessage) (jsonrpc.InitializeResult, error) // what the answer to hello says
	cancel   func(call uint64, why string) outgoing                         // without a method: nothing is sent
	replies  map[string]reply                                               // to requests of the worker's; others are not found
	notices  map[string]func(params json.RawMessage) (notice, bool)         // by method; false: not understood
	oneWay   func(method string) bool                                       // calls of these methods are notifications; nil: none are
}

// isOneWay says whether the call is a notification in the worker's protocol, to which no answer comes.
func (h *handshake) isOneWay(c *call) bool { return h.oneWay != nil && h.oneWay(c.job.Method) }

// outgoing is something that whipper says of its own accord.
type outgoing struct {
	method  string
	params  json.RawMessage
	request bool // in closing: an answer is awaited
}

// reply is the result that a request of the worker's gets.
type reply func(params json.RawMessage) json.RawMessage

// always is a reply that does not depend on the request.
func always(result string) reply {
	return func(json.RawMessage) json.RawMessage { return json.RawMessage(result) }
}

// notice is what a notification of the worker's means: progress of the call that has an id, or of the one with a token in its
// params, or a log record.
type notice struct {
	call  uint64
	token json.RawMessage
	value json.RawMessage

	level slog.Level // from here on: of a log record, where there is no value
	text  string
	attrs []any
}

// newHandshake makes the handshake for a worker's next process.
func newHandshake(o *Options, pool, worker string) *handshake {
	switch o.Handshake {
	case HandshakeLSP:
		return lspHandshake(folder(o.Dir), o.Version)
	case HandshakeMCP:
		return mcpHandshake(o.Version)
	case HandshakeCustom:
		return customHandshake(o.Custom)
	}
	h := &handshake{
		native: true, bare: true,
		ping:     outgoing{method: jsonrpc.MethodPing},
		closing:  []outgoing{{method: jsonrpc.MethodShutdown}},
		declared: nativeDeclared,
		cancel:   cancelByID,
		notices: map[string]func(json.RawMessage) (notice, bool){
			jsonrpc.MethodProgress: nativeProgress,
			jsonrpc.MethodLog:      nativeLog,
		},
	}
	if o.Handshake != HandshakeNone {
		h.hello = outgoing{method: jsonrpc.MethodInitialize, params: encode(jsonrpc.InitializeParams{
			ProtocolVersion: jsonrpc.ProtocolVersion, Pool: pool, Worker: worker,
		})}
	}
	return h
}

func nativeDeclared(result json.RawMessage) (d jsonrpc.InitializeResult, err error) {
	err = json.Unmarshal(result, &d)
	return d, err
}

// cancelByID is whipper's own cancellation, and LSP's.
func cancelByID(call uint64, _ string) outgoing {
	return outgoing{method: jsonrpc.MethodCancel, params: json.RawMessage(`{"id":` + strconv.FormatUint(call, 10) + `}`)}
}

func nativeProgress(params json.RawMessage) (n notice, ok bool) {
	var p jsonrpc.ProgressParams
	if json.Unmarshal(params, &p) != nil || json.Unmarshal(p.ID, &n.call) != nil {
		return n, false
	}
	n.value = p.Value
	return n, true
}

func nativeLog(params json.RawMessage) (n notice, ok bool) {
	var p jsonrpc.LogParams
	if json.Unmarshal(params, &p) != nil {
		return n, false
	}
	n.text = p.Message
	_ = json.Unmarshal(p.ID, &n.call)          // else it belongs to no call, or to none of ours
	_ = n.level.UnmarshalText([]byte(p.Level)) // anything else is info
	if rest := len(params) - len(p.Message); rest > maxLog {
		n.attrs = append(n.attrs, slog.Int("attributesCut", rest))
		return n, true
	}
	for name, value := range p.Attributes {
		n.attrs = append(n.attrs, slog.Any(name, value))
	}
	return n, true
}

// serverInfo is what the servers of LSP and MCP say about themselves.
func serverInfo(result json.RawMessage) (d jsonrpc.InitializeResult, err error) {
	var answer struct {
		ServerInfo struct{ Name, Version string }
	}
	err = json.Unmarshal(result, &answer)
	d.Name, d.Version = answer.ServerInfo.Name, answer.ServerInfo.Version
	return d, err
}

// clientInfo is what they are told of us.
type clientInfo struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// folder is the absolute path of the workers' folder.
func folder(dir string) string {
	path, err := filepath.Abs(dir)
	if err != nil { // then no process can be started there
		return dir
	}
	return path
}

func fileURI(path string) string {
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(path)}).String()
}

// encode is JSON of values that always have an encoding.
func encode(v any) json.RawMessage {
	b, _ := jsonrpc.Encode(v)
	return b
}

// ownPID is what a program is told whose parent it may watch.
func ownPID() int { return os.Getpid() }
