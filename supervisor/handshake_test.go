package supervisor

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
)

// ownProtocol is how the foreign program is talked to in a protocol of its own.
var ownProtocol = Custom{
	Initialize:    &CustomMessage{Method: "hello", Params: json.RawMessage(`{"who":"me"}`)},
	Initialized:   []CustomMessage{{Method: "welcome"}, {Method: "note", Params: json.RawMessage(`[1]`)}},
	Cancel:        &CustomCancel{Method: "stop", ID: "call", Params: map[string]json.RawMessage{"now": json.RawMessage(`true`)}},
	Shutdown:      []CustomMessage{{Method: "bye", Request: true}, {Method: "exit"}},
	Replies:       map[string]json.RawMessage{"question": json.RawMessage(`{"answer": 42}`)},
	Notifications: []string{"note"},
}

// foreignRig is a pool of one foreign program.
func foreignRig(t *testing.T, protocol string, set func(*Options)) *rig {
	t.Helper()
	return start(t, func(o *Options) {
		o.Env = Environ(o.Env, envRole+"=foreign", envForeign+"="+protocol)
		o.Handshake, o.Version = protocol, "9.8"
		if protocol == "own" {
			o.Handshake, o.Custom = HandshakeCustom, &ownProtocol
		}
		if set != nil {
			set(o)
		}
	})
}

var foreignProtocols = []string{"lsp", "mcp", "own"}

// sent gives what the program was sent, in short: the method, or "answer"; and what its stdin gave at the end.
func (r *rig) sent() (methods []string) {
	r.Helper()
	for _, text := range r.messages() {
		var m foreignMessage
		if json.Unmarshal([]byte(text), &m) != nil {
			methods = append(methods, text)
		} else if m.Method == "" {
			methods = append(methods, "answer")
		} else {
			methods = append(methods, m.Method)
		}
	}
	return methods
}

func (r *rig) messages() []string {
	r.Helper()
	b, err := os.ReadFile(filepath.Join(r.dir, "effects"))
	if err != nil {
		r.Fatal(err)
	}
	return lines(b)
}

// message gives the first message of a method.
func (r *rig) message(method string) string {
	r.Helper()
	for _, text := range r.messages() {
		if strings.Contains(text, `"method":"`+method+`"`) {
			return text
		}
	}
	r.Fatalf("%s was not sent", method)
	return ""
}

func TestAForeignProgramIsGreetedCalledAndToldToEndInItsOwnWords(t *testing.T) {
	t.Parallel()
	for protocol, want := range map[string][]string{
		"lsp": {"initialize", "initialized", "echo", "shutdown", "exit", "EOF after"},
		"mcp": {"initialize", "notifications/initialized", "echo", "EOF"},
		"own": {"hello", "welcome", "note", "echo", "bye", "exit", "EOF after"},
	} {
		r := foreignRig(t, protocol, func(o *Options) {
			o.Env, o.ForceKillTimeout = append(o.Env, envBoot+"=wait-for-eof"), patience // no signal helps
		})
		if got := r.call("echo", `{"a": [1, "ü"]}`).answer(); got.result != `{"a": [1, "ü"]}` {
			t.Errorf("%s: result %s, %+v", protocol, got.result, got.reply.Error)
		}
		if p := r.pool.Status().Program; protocol != "own" && (p == nil || *p != jsonrpc.Program{Name: "foreign", Version: "1.2"}) {
			t.Errorf("%s: program %+v", protocol, p)
		}
		r.drain()
		r.ended()
		if got := r.sent(); !slices.Equal(got, want) {
			t.Errorf("%s: sent %q, want %q", protocol, got, want)
		}
		if log := r.log.String(); !strings.Contains(log, `how="exit code 0"`) {
			t.Errorf("%s: it did not end well:\n%s", protocol, log)
		}
	}
}

func TestAForeignProgramLearnsWhoTalksToItAndWhere(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a folder")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	uri := "file://" + strings.ReplaceAll(dir, " ", "%20")
	for protocol, want := range map[string][]string{
		"lsp": {
			fmt.Sprintf(`"processId":%d`, os.Getpid()), `"clientInfo":{"name":"whipper","version":"9.8"}`, `"rootUri":"` + uri + `"`,
			`"rootPath":"` + dir + `"`, `"workspaceFolders":[{"name":"a folder","uri":"` + uri + `"}]`, `"capabilities":{"general"`,
		},
		"mcp": {`"protocolVersion":"` + mcpVersion + `"`, `"capabilities":{}`, `"clientInfo":{"name":"whipper","version":"9.8"}`},
	} {
		r := foreignRig(t, protocol, func(o *Options) { o.Dir = dir }).ready()
		got := r.message("initialize")
		for _, part := range want {
			if !strings.Contains(got, part) {
				t.Errorf("%s: no %s in %s", protocol, part, got)
			}
		}
	}
}

func TestARefusedGreetingIsTheReasonWhyThePoolIsDegraded(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ protocol, boot, want string }{
		{"lsp", "refuse", "it answered initialize with error -32603: no licence"},
		{"mcp", "refuse", "it answered initialize with error -32603: no licence"},
		{"own", "refuse", "it answered hello with error -32603: no licence"},
		{"lsp", "bare", "it answered initialize with error -32601: what?"}, // only whipper's own greeting need not be known
		{"lsp", "unframed", "initialize: the worker's answer cannot be passed on: text outside of a frame"},
	} {
		r := foreignRig(t, c.protocol, func(o *Options) { o.Env = append(o.Env, envBoot+"="+c.boot) })
		r.until(func() bool { return r.pool.boots.degraded() })
		if got, want := r.pool.Status().Reason, "was killed ("+c.want+") before it was ready"; got != want {
			t.Errorf("%s: reason %q, want %q", c.protocol, got, want)
		}
		if log := r.log.String(); !strings.Contains(log, "error=\""+c.want) {
			t.Errorf("%s: not in the log:\n%s", c.protocol, log)
		}
	}
}

func TestAWorkerThatDoesNotAnswerItsGreetingIsTheReasonToo(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *Options) {
		o.Env, o.ReadyTimeout = append(o.Env, envBoot+"=never-ready"), time.Millisecond
	})
	r.until(func() bool { return r.pool.boots.degraded() })
	if s := r.pool.Status(); s.Reason != "was killed (it did not answer $/initialize within 1ms) before it was ready" {
		t.Errorf("reason %q", s.Reason)
	}
}

func TestACancelledCallOfAForeignProgramFreesItsSlotAndTheProcessLives(t *testing.T) {
	t.Parallel()
	for protocol, want := range map[string]string{
		"lsp": `{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":2}}`,
		"mcp": `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"reason":"nobody waits for it any more","requestId":2}}`,
		"own": `{"jsonrpc":"2.0","method":"stop","params":{"call":2,"now":true}}`,
	} {
		r := foreignRig(t, protocol, func(o *Options) { o.FlushTimeout = patience })
		id := r.submit("slow", `{}`, nil)
		r.gate.await("slow")
		if n, err := r.pool.Cancel(t.Context(), []int64{id}); n != 1 || err != nil {
			t.Errorf("%s: %d cancelled, %v", protocol, n, err)
		}
		if job, attempts := r.wait(id); job.State != ledger.Cancelled || len(attempts) != 1 || attempts[0].Outcome != ledger.OutcomeCancelled {
			t.Errorf("%s: job %+v, attempts %+v", protocol, job, attempts)
		}
		if got := r.call("echo", `[1]`).answer(); got.result != `[1]` {
			t.Errorf("%s: the next call got %s, %+v", protocol, got.result, got.reply.Error)
		}
		if n := r.pool.Stats().Workers.ForkCount; n != 1 {
			t.Errorf("%s: %d forks", protocol, n)
		}
		if !slices.Contains(r.messages(), want) {
			t.Errorf("%s: %q was not sent, but %q", protocol, want, r.messages())
		}
	}
}

func TestACallOfAForeignProgramMayTimeOutWithoutHarm(t *testing.T) {
	t.Parallel()
	for _, protocol := range foreignProtocols {
		r := foreignRig(t, protocol, func(o *Options) { o.FlushTimeout = patience }).ready()
		if code := r.callAs(Call{Method: "slow", Params: []byte(`{}`), Timeout: time.Millisecond}).code(); code != jsonrpc.CodeTimeout {
			t.Errorf("%s: code %d", protocol, code)
		}
		if got := r.call("echo", `[1]`).answer(); got.result != `[1]` {
			t.Errorf("%s: the next call got %s, %+v", protocol, got.result, got.reply.Error)
		}
		if n := r.pool.Stats().Workers.ForkCount; n != 1 {
			t.Errorf("%s: %d forks", protocol, n)
		}
	}
}

func TestWithoutACancellationACustomProgramIsGivenUntilTheFlushTimeout(t *testing.T) {
	t.Parallel()
	custom := ownProtocol
	custom.Cancel = nil
	r := foreignRig(t, "own", func(o *Options) { o.Custom, o.FlushTimeout = &custom, time.Millisecond }).ready()
	if code := r.callAs(Call{Method: "slow", Params: []byte(`{}`), Timeout: time.Millisecond}).code(); code != jsonrpc.CodeTimeout {
		t.Errorf("code %d", code)
	}
	if got := r.call("echo", `[1]`).answer(); got.result != `[1]` || r.pool.Stats().Workers.ForkCount != 2 {
		t.Errorf("the next call got %s, %+v; stats %+v", got.result, got.reply.Error, r.pool.Stats())
	}
}

func TestTheRequestsOfAForeignProgramAreAnswered(t *testing.T) {
	t.Parallel()
	const notFound = `{"code":-32601,"message":"method \"%s\" is not the supervisor's"}`
	for protocol, questions := range map[string][]struct{ method, params, want string }{
		"lsp": {
			{"workspace/configuration", `{"items":[{"section":"a"},{},{"scopeUri":"x"}]}`, `[null,null,null]`},
			{"workspace/configuration", `{"items":[]}`, `[]`},
			{"workspace/configuration", `[1]`, `[]`},
			{"client/registerCapability", `{"registrations":[]}`, `null`},
			{"client/unregisterCapability", `{"unregisterations":[]}`, `null`},
			{"window/workDoneProgress/create", `{"token":1}`, `null`},
			{"window/showMessageRequest", `{"type":1,"message":"?","actions":[{"title":"yes"}]}`, `null`},
			{"window/showDocument", `{"uri":"file:///a"}`, `{"success":false}`},
			{"workspace/applyEdit", `{"edit":{}}`, `{"applied":false,"failureReason":"whipper edits no files"}`},
			{"workspace/semanticTokens/refresh", `null`, `null`},
			{"workspace/workspaceFolders", `null`, ``},
			{"workspace/somethingNew", `{}`, fmt.Sprintf(notFound, "workspace/somethingNew")},
		},
		"mcp": {
			{"ping", `{}`, `{}`},
			{"roots/list", `{}`, `{"roots":[]}`},
			{"sampling/createMessage", `{}`, fmt.Sprintf(notFound, "sampling/createMessage")},
			{"elicitation/create", `{}`, fmt.Sprintf(notFound, "elicitation/create")},
		},
		"own": {
			{"question", `[]`, `{"answer": 42}`},
			{"other", `[]`, fmt.Sprintf(notFound, "other")},
		},
	} {
		r := foreignRig(t, protocol, nil)
		for _, q := range questions {
			got := r.call("ask", fmt.Sprintf(`{"method":%q,"params":%s}`, q.method, q.params)).answer()
			if q.method == "workspace/workspaceFolders" {
				q.want = `[{"name":`
				got.result = got.result[:min(len(got.result), len(q.want))]
			}
			if got.result != q.want {
				t.Errorf("%s: %s %s is answered %s, want %s", protocol, q.method, q.params, got.result, q.want)
			}
		}
	}
}

func TestWhatAForeignProgramLogsIsLoggedWithItsLevel(t *testing.T) {
	t.Parallel()
	for protocol, notices := range map[string][]struct{ method, params, want string }{
		"lsp": {
			{"window/logMessage", `{"type":1,"message":"one"}`, `level=ERROR msg="worker log record" pool=default worker=w1 pid=%d text=one`},
			{"window/logMessage", `{"type":2,"message":"two"}`, `level=WARN msg="worker log record" pool=default worker=w1 pid=%d text=two`},
			{"window/showMessage", `{"type":3,"message":"three"}`, `level=INFO msg="worker log record" pool=default worker=w1 pid=%d text=three`},
			{"window/logMessage", `{"type":4,"message":"four"}`, `level=DEBUG msg="worker log record" pool=default worker=w1 pid=%d text=four`},
			{"window/logMessage", `[]`, ``},
		},
		"mcp": {
			{"notifications/message", `{"level":"emergency","data":"one"}`, `level=ERROR msg="worker log record" pool=default worker=w1 pid=%d text=one`},
			{"notifications/message", `{"level":"warning","logger":"db","data":{"a":2}}`, `level=WARN msg="worker log record" pool=default worker=w1 pid=%d text="{\"a\":2}" logger=db`},
			{"notifications/message", `{"level":"notice","data":"three"}`, `level=INFO msg="worker log record" pool=default worker=w1 pid=%d text=three`},
			{"notifications/message", `{"level":"debug","data":"four"}`, `level=DEBUG msg="worker log record" pool=default worker=w1 pid=%d text=four`},
			{"notifications/message", `[]`, ``},
		},
	} {
		r := foreignRig(t, protocol, nil)
		for _, n := range notices {
			r.call("tell", fmt.Sprintf(`{"method":%q,"params":%s}`, n.method, n.params)).answer()
			if want := fmt.Sprintf(n.want, r.pool.Workers()[0].PID); n.want != "" && !strings.Contains(r.log.String(), want) {
				t.Errorf("%s: no %s in\n%s", protocol, want, r.log)
			}
		}
	}
}

func TestProgressOfAForeignProgramIsThatOfTheCallThatNamedItsToken(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ protocol, params, want string }{
		{"lsp", `{"method":"$/progress","params":{"token":"t","value":{"kind":"report"}},"workDoneToken":"t"}`, `{"kind":"report"}`},
		{"lsp", `{"method":"$/progress","params":{"token":7,"value":1},"workDoneToken":7}`, `1`},
		{"lsp", `{"method":"$/progress","params":{"token":"t","value":1},"workDoneToken":"u"}`, ``},
		{"lsp", `{"method":"$/progress","params":{"token":"t","value":1}}`, ``},
		{"lsp", `{"method":"$/progress","params":{"value":1}}`, ``},
		{"mcp", `{"method":"notifications/progress","params":{"progressToken":1,"progress":0.5},"_meta":{"progressToken":1}}`, `{"progressToken":1,"progress":0.5}`},
		{"mcp", `{"method":"notifications/progress","params":{"progressToken":2,"progress":0.5},"_meta":{"progressToken":1}}`, ``},
		{"mcp", `{"method":"notifications/progress","params":{"progressToken":2,"progress":0.5},"_meta":1}`, ``},
		{"mcp", `{"method":"notifications/progress","params":{"progress":0.5}}`, ``},
	} {
		r := foreignRig(t, c.protocol, nil)
		if job, _ := r.wait(r.submit("tell", c.params, nil)); job.State != ledger.Succeeded || string(job.Progress) != c.want {
			t.Errorf("%s %s: %s, progress %s", c.protocol, c.params, job.State, job.Progress)
		}
	}
}

func TestATokenThatTwoCallsNameIsNobodys(t *testing.T) {
	t.Parallel()
	r := foreignRig(t, "mcp", func(o *Options) { o.MaxConcurrentCalls = 2 })
	r.call("slow", `{"_meta":{"progressToken":1}}`)
	r.gate.await("slow")
	job, _ := r.wait(r.submit("tell", `{"method":"notifications/progress","params":{"progressToken":1},"_meta":{"progressToken":1}}`, nil))
	if job.Progress != nil {
		t.Errorf("progress %s", job.Progress)
	}
}

func TestErrorsOfForeignProgramsPassUnchangedWhateverTheirCode(t *testing.T) {
	t.Parallel()
	for _, protocol := range foreignProtocols {
		r := foreignRig(t, protocol, nil)
		for _, code := range []int64{-32801, -32802, -32800, -32002, jsonrpc.CodeShuttingDown, 1} {
			got := r.call("fail", fmt.Sprintf(`{"code":%d}`, code)).answer()
			if got.code() != code || got.reply.ErrorSource != ledger.FromWorker || string(got.reply.Error.Data) != `{"a":1}` {
				t.Errorf("%s: code %d came as %+v from %s", protocol, code, got.reply.Error, got.reply.ErrorSource)
			}
		}
		if n := r.pool.Stats().Workers.ForkCount; n != 1 {
			t.Errorf("%s: %d forks", protocol, n)
		}
	}
}

func TestACallOfANotificationSucceedsOnceItIsSent(t *testing.T) {
	t.Parallel()
	for protocol, method := range map[string]string{"lsp": "textDocument/didOpen", "mcp": "notifications/roots/list_changed", "own": "note"} {
		r := foreignRig(t, protocol, nil)
		for range 2 { // it holds no slot
			if got := r.call(method, `{"x":[1]}`).answer(); got.result != `null` || got.err != nil {
				t.Errorf("%s: result %q, %+v", protocol, got.result, got.reply.Error)
			}
		}
		for _, delivery := range []ledger.Delivery{ledger.AtLeastOnce, ledger.AtMostOnce} {
			job, _ := r.wait(r.submit(method, `{"x":[2]}`, func(j *ledger.Job) { j.Delivery = delivery }))
			if job.State != ledger.Succeeded || string(job.Result) != `null` {
				t.Errorf("%s, %s: job %+v", protocol, delivery, job)
			}
		}
		r.call("echo", `[1]`).answer() // it has read what came before
		if want := `{"jsonrpc":"2.0","method":"` + method + `","params":{"x":[1]}}`; !slices.Contains(r.messages(), want) {
			t.Errorf("%s: %s was not sent, but %q", protocol, want, r.messages())
		}
	}
}

func TestOutputOutsideOfFramesIsALanguageServersLogAndHarmsNoCall(t *testing.T) {
	t.Parallel()
	r := foreignRig(t, "lsp", nil)
	if got := r.call("stray", `{}`).answer(); got.result != `"fine"` {
		t.Errorf("result %s, %+v", got.result, got.reply.Error)
	}
	for _, want := range []string{`line="a line of log"`, `line="Content-Length: nonsense"`, `line="no line end"`, `line={`, `line="\"no\": \"message\""`} {
		if !strings.Contains(r.log.String(), want) {
			t.Errorf("no %s in\n%s", want, r.log)
		}
	}
}

func TestCallsThatALanguageServerNeverReadAreNotChargedForItsEnd(t *testing.T) {
	t.Parallel()
	r := foreignRig(t, "lsp", func(o *Options) { o.MaxConcurrentCalls = 4 }).ready()
	guilty := r.submit("exit-at-once", `{}`, func(j *ledger.Job) { j.MaxAttempts = 1 })
	if job, _ := r.wait(guilty); job.State != ledger.Failed {
		t.Errorf("job %+v", job)
	}
	if got := r.call("echo", `[1]`).answer(); got.result != `[1]` {
		t.Errorf("the next call got %s, %+v", got.result, got.reply.Error)
	}
}

func TestALanguageServerThatDoesNotAnswerShutdownIsToldToExitAllTheSame(t *testing.T) {
	t.Parallel()
	r := foreignRig(t, "lsp", func(o *Options) {
		o.Env, o.ForceKillTimeout = append(o.Env, envBoot+"=hold-shutdown"), time.Hour
	}).ready()
	terminated := r.watchLog(`how="exit code 15"`)
	pid := r.pool.Workers()[0].PID
	r.drain()
	r.ended() // long before it would be killed
	if terminated.await(t); alive(pid) {
		t.Error("it is still there")
	}
	if got := r.sent(); !slices.Equal(got, []string{"initialize", "initialized", "shutdown"}) {
		t.Errorf("sent %q", got)
	}
}

func TestEachHandshakeHasItsFraming(t *testing.T) {
	for handshake, want := range map[string]jsonrpc.Framing{
		"": jsonrpc.NDJSON, HandshakeAuto: jsonrpc.NDJSON, HandshakeMCP: jsonrpc.NDJSON, HandshakeLSP: jsonrpc.ContentLength,
	} {
		if got := (Options{Handshake: handshake}).withDefaults().Framing; got != want {
			t.Errorf("%s: %s, want %s", handshake, got, want)
		}
	}
	if got := (Options{Handshake: HandshakeLSP, Framing: jsonrpc.NDJSON}).withDefaults().Framing; got != jsonrpc.NDJSON {
		t.Errorf("what was asked for became %s", got)
	}
}

func TestABadHandshakeIsRefused(t *testing.T) {
	for want, o := range map[string]Options{
		"Handshake: html given, ":      {Handshake: "html"},
		"Framing: lines given, ":       {Framing: "lines"},
		"Custom: nothing given, ":      {Handshake: HandshakeCustom},
		"Custom: a handshake given, ":  {Custom: &Custom{}},
		"initialize: a method is miss": {Handshake: HandshakeCustom, Custom: &Custom{Initialize: &CustomMessage{}}},
		`params of "a" are 1; an obje`: {Handshake: HandshakeCustom, Custom: &Custom{Shutdown: []CustomMessage{{Method: "a", Params: json.RawMessage(`1`)}}}},
	} {
		o.Command = []string{"true"}
		if err := o.withDefaults().validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %s", o, err, want)
		}
	}
	if err := errors.Join((&Custom{}).Validate(), ownProtocol.Validate()); err != nil {
		t.Error(err)
	}
}

func TestALogRecordHasNoMoreThanAQueueCanHold(t *testing.T) {
	var b bytes.Buffer
	w := &worker{log: slog.New(slog.NewJSONHandler(&b, nil))}
	long := strings.Repeat("é", maxLog)
	for params, want := range map[string]map[string]any{
		`{"level":"info","message":"short","attributes":{"a":1}}`:              {"text": "short", "a": 1.},
		`{"level":"info","message":"` + long + `","attributes":{"a":1}}`:       {"text": long[:maxLog], "cut": float64(maxLog), "a": 1.},
		`{"level":"info","message":"short","attributes":{"a":"` + long + `"}}`: {"text": "short", "attributesCut": float64(len(long) + len(`{"level":"info","message":"","attributes":{"a":""}}`))},
	} {
		n, ok := nativeLog([]byte(params))
		if !ok {
			t.Fatalf("%.60s is no record", params)
		}
		b.Reset()
		w.logRecord(t.Context(), &n, 1, 0)
		got := map[string]any{}
		if err := json.Unmarshal(b.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"time", "level", "msg", "pid"} {
			delete(got, name)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%.60s: %.300s", params, diff)
		}
	}
}
