package supervisor

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"
)

// envForeign is the protocol of a program that knows nothing of whipper: lsp, mcp, or own.
const envForeign = "WHIPPER_TEST_FOREIGN"

// foreign is such a program. All that it is sent goes to the effects file, one message a line. It takes nothing but what its
// protocol has.
type foreign struct {
	protocol string
	in       *bufio.Reader
	out      sync.Mutex
	mu       sync.Mutex
	calls    map[string]chan string          // by id: its cancellation
	asked    map[string]chan json.RawMessage // by id: the supervisor's answer to a request
	stopped  bool                            // shutdown came
	sigterm  chan os.Signal                  // nil: it ends the program
}

// foreignMessage is a message of any kind; strict about its members.
type foreignMessage struct {
	JSONRPC string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Method  string          `json:"method"`
	Params  json.RawMessage `json:"params"`
	Result  json.RawMessage `json:"result"`
	Error   json.RawMessage `json:"error"`
}

func runForeign() {
	f := &foreign{
		protocol: os.Getenv(envForeign), in: bufio.NewReader(os.Stdin),
		calls: map[string]chan string{}, asked: map[string]chan json.RawMessage{},
	}
	visitIf("hold-shutdown", func() {
		f.sigterm = make(chan os.Signal, 1)
		signal.Notify(f.sigterm, syscall.SIGTERM)
	})
	tellGate("boot")
	for {
		text, err := f.read()
		if err != nil {
			leaveEffect("EOF")
			os.Exit(0)
		}
		leaveEffect(text)
		var m foreignMessage
		d := json.NewDecoder(strings.NewReader(text))
		d.DisallowUnknownFields()
		if err := d.Decode(&m); err != nil {
			die("%s: %v", text, err)
		}
		f.serve(m)
	}
}

// read reads one message in the framing of the protocol.
func (f *foreign) read() (string, error) {
	if f.protocol != "lsp" {
		line, err := f.in.ReadString('\n')
		return strings.TrimSuffix(line, "\n"), err
	}
	var n int
	if _, err := fmt.Fscanf(f.in, "Content-Length: %d\r\n\r\n", &n); err != nil {
		return "", err
	}
	body := make([]byte, n)
	_, err := io.ReadFull(f.in, body)
	return string(body), err
}

func (f *foreign) write(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	f.out.Lock()
	defer f.out.Unlock()
	if f.protocol == "lsp" {
		_, _ = fmt.Printf("Content-Length: %d\r\nContent-Type: application/vscode-jsonrpc; charset=utf-8\r\n\r\n%s", len(text), text)
		return
	}
	_, _ = fmt.Println(text)
}

func (f *foreign) result(m foreignMessage, result string) {
	f.write(`{"jsonrpc":"2.0","id":%s,"result":%s}`, m.ID, result)
}

func (f *foreign) serve(m foreignMessage) {
	var p struct {
		Call, ID, RequestID json.RawMessage // of a cancellation
	}
	_ = json.Unmarshal(m.Params, &p)
	switch m.Method {
	case "": // an answer
		f.mu.Lock()
		defer f.mu.Unlock()
		if m.Error != nil {
			m.Result = m.Error
		}
		f.asked[string(m.ID)] <- m.Result
	case "initialize", "hello":
		f.initialize(m)
	case "initialized", "notifications/initialized", "welcome", "textDocument/didOpen", "note":
	case "$/cancelRequest":
		f.cancelled(p.ID, "answer")
	case "stop":
		f.cancelled(p.Call, "answer")
	case "notifications/cancelled":
		f.cancelled(p.RequestID, "silence")
	case "shutdown", "bye":
		visitIf("hold-shutdown", func() {
			<-f.sigterm
			os.Exit(int(syscall.SIGTERM))
		})
		f.stopped = true
		f.result(m, "null")
	case "exit":
		if !f.stopped {
			die("exit without shutdown")
		}
		visitIf("wait-for-eof", func() { f.untilEOF() })
		os.Exit(0)
	case "ping":
		f.result(m, "{}")
	default:
		cancelled := make(chan string, 1)
		f.mu.Lock()
		f.calls[string(m.ID)] = cancelled
		f.mu.Unlock()
		go f.call(m, cancelled)
	}
}

// untilEOF reads on to the end, which must come before a signal does.
func (f *foreign) untilEOF() {
	if rest, err := io.ReadAll(f.in); err == nil {
		leaveEffect("EOF after" + string(rest))
	}
}

// visitIf does something if the program was started so.
func visitIf(boot string, do func()) {
	if os.Getenv(envBoot) == boot {
		do()
	}
}

func (f *foreign) initialize(m foreignMessage) {
	switch os.Getenv(envBoot) {
	case "refuse":
		f.write(`{"jsonrpc":"2.0","id":%s,"error":{"code":-32603,"message":"no licence"}}`, m.ID)
	case "bare":
		f.write(`{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"what?"}}`, m.ID)
	case "unframed":
		_, _ = fmt.Printf(`{"jsonrpc":"2.0","id":%s,"result":{}}`+"\n", m.ID)
	default:
		f.result(m, `{"capabilities":{},"serverInfo":{"name":"foreign","version":"1.2"}}`)
	}
}

func (f *foreign) cancelled(id json.RawMessage, how string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c := f.calls[string(id)]; c != nil {
		c <- how
		delete(f.calls, string(id))
	}
}

func (f *foreign) call(m foreignMessage, cancelled <-chan string) {
	var p struct {
		Method string
		Params json.RawMessage
		Code   int
	}
	_ = json.Unmarshal(m.Params, &p)
	switch m.Method {
	case "echo":
		f.result(m, string(m.Params))
	case "fail":
		f.write(`{"jsonrpc":"2.0","id":%s,"error":{"code":%d,"message":"it failed","data":{"a":1}}}`, m.ID, p.Code)
	case "slow":
		tellGate("slow")
		if <-cancelled == "answer" {
			f.write(`{"jsonrpc":"2.0","id":%s,"error":{"code":-32800,"message":"cancelled"}}`, m.ID)
		}
	case "ask": // METHOD PARAMS: the supervisor's answer to this request is the result
		answer := make(chan json.RawMessage, 1)
		f.mu.Lock()
		f.asked[`"q`+string(m.ID)+`"`] = answer
		f.mu.Unlock()
		f.write(`{"jsonrpc":"2.0","id":"q%s","method":"%s","params":%s}`, m.ID, p.Method, p.Params)
		select {
		case a := <-answer:
			f.result(m, string(a))
		case <-time.After(patience):
			die("no answer to %s", p.Method)
		}
	case "tell": // METHOD PARAMS: sends this notification
		f.write(`{"jsonrpc":"2.0","method":"%s","params":%s}`, p.Method, p.Params)
		f.result(m, "true")
	case "stray":
		f.out.Lock()
		_, _ = fmt.Print("a line of log\n\r\nContent-Length: nonsense\r\nno line end")
		f.out.Unlock()
		f.write("{\n\"no\": \"message\"\n}")
		f.result(m, `"fine"`)
	case "exit-at-once":
		os.Exit(7)
	default:
		f.write(`{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"no method %s"}}`, m.ID, m.Method)
	}
}
