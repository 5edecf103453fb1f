package supervisor

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// What the re-executed test binary is told by its environment.
const (
	envRole        = "WHIPPER_TEST_ROLE"        // which program it is
	envBoot        = "WHIPPER_TEST_BOOT"        // how it starts, see boot
	envConcurrency = "WHIPPER_TEST_CONCURRENCY" // what it declares
	envGate        = "WHIPPER_TEST_GATE"        // socket of the test's gate
	envFile        = "WHIPPER_TEST_FILE"        // for fail-if-file
	envEffects     = "WHIPPER_TEST_EFFECTS"     // file to which effects are appended
)

// message is a line of the protocol, of any kind.
type message struct {
	ID     json.RawMessage   `json:"id"`
	Method string            `json:"method"`
	Params json.RawMessage   `json:"params"`
	Meta   map[string]any    `json:"meta"`
	args   []json.RawMessage // Params, if they are an array
}

// program is a worker that does as its calls say, also what no worker should.
type program struct {
	in      *bufio.Reader
	out     sync.Mutex
	mu      sync.Mutex
	cancels map[string]chan struct{} // by request id, closed when it is cancelled
	snoozed atomic.Bool
	pause   chan struct{} // not nil: the reader waits here
	held    [][]byte      // so that memory is in use
}

// runProgram is the worker's main.
func runProgram() {
	p := &program{in: bufio.NewReaderSize(os.Stdin, 1<<20), cancels: map[string]chan struct{}{}}
	if os.Getenv(envBoot) == "short-lines" {
		p.in = bufio.NewReaderSize(os.Stdin, 64<<10)
	}
	p.boot()
	for {
		line, err := p.readLine()
		if err != nil {
			if boot := os.Getenv(envBoot); boot == "ignore-all" || boot == "linger" {
				forever()
			}
			os.Exit(0)
		}
		var m message
		if json.Unmarshal(line, &m) != nil {
			die("line is not JSON: %s", line)
		}
		_ = json.Unmarshal(m.Params, &m.args)
		p.serve(m)
		if p.pause != nil {
			<-p.pause
			p.pause = nil
		}
	}
}

// readLine reads a line; short lines are all that some programs can take.
func (p *program) readLine() ([]byte, error) {
	if os.Getenv(envBoot) != "short-lines" {
		return p.in.ReadBytes('\n')
	}
	line, err := p.in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		die("line is too long")
	}
	return line, err
}

// boot does what a worker may do before it reads.
func (p *program) boot() {
	switch boot := os.Getenv(envBoot); boot {
	case "never-ready":
		tellGate("booted")
		forever()
	case "fail-if-file":
		if _, err := os.Stat(os.Getenv(envFile)); err == nil {
			die("cannot start: the cause is still there")
		}
	case "wait-if-file":
		if _, err := os.Stat(os.Getenv(envFile)); err == nil {
			visit("boot-gate")
		}
	case "ignore-all", "ignore-term":
		signal.Ignore(syscall.SIGTERM)
	case "exit":
		die("no use")
	}
	tellGate("boot")
}

func (p *program) serve(m message) {
	switch m.Method {
	case "$/initialize":
		p.initialize(m)
	case "$/cancelRequest":
		var c struct{ ID json.RawMessage }
		_ = json.Unmarshal(m.Params, &c)
		p.mu.Lock()
		if ch := p.cancels[string(c.ID)]; ch != nil {
			close(ch)
			delete(p.cancels, string(c.ID))
		}
		p.mu.Unlock()
		tellGate("cancel")
	case "$/shutdown":
		tellGate("shutdown")
	case "last": // answers and ends, and reads no more in between
		p.result(m, "last")
		os.Exit(0)
	case "stop-reading":
		p.pause = make(chan struct{})
		p.result(m, true)
	case "deaf":
		p.pause = make(chan struct{})
		go p.call(m, nil)
	default:
		p.mu.Lock()
		cancelled := make(chan struct{})
		p.cancels[string(m.ID)] = cancelled
		p.mu.Unlock()
		go p.call(m, cancelled)
	}
}

func (p *program) initialize(m message) {
	switch os.Getenv(envBoot) {
	case "bare":
		p.fail(m, -32601, "method not found", nil)
	case "refuse":
		p.fail(m, 5, "no", nil)
	case "later":
		p.result(m, map[string]any{"protocolVersion": 2})
	case "later-additions":
		p.result(m, map[string]any{"concurrency": 2, "later": map[string]any{"added": true}, "methods": []any{map[string]any{"name": "echo", "later": 1}}})
		p.write(`{"jsonrpc":"2.0","method":"$/later","params":{"added":true}}`)
	case "exit-when-ready":
		p.result(m, map[string]any{})
		os.Exit(4)
	default:
		n, _ := strconv.Atoi(os.Getenv(envConcurrency))
		p.result(m, map[string]any{"protocolVersion": 1, "concurrency": n, "methods": []any{map[string]any{"name": "echo"}}})
	}
}

// call runs one call; behaviours holds what there is.
func (p *program) call(m message, cancelled <-chan struct{}) {
	if b := behaviours[m.Method]; b != nil {
		b(p, m, cancelled)
		return
	}
	p.fail(m, -32601, "no method "+m.Method, nil)
}

func (p *program) result(m message, v any) {
	b, _ := json.Marshal(v)
	p.write(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":%s}`, m.ID, b))
}

func (p *program) fail(m message, code int, text string, data any) {
	b, _ := json.Marshal(map[string]any{"code": code, "message": text, "data": data})
	p.write(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"error":%s}`, m.ID, b))
}

func (p *program) write(line string) {
	p.out.Lock()
	defer p.out.Unlock()
	_, _ = os.Stdout.WriteString(line + "\n")
}

// text gives an argument that is a string.
func (m message) text(i int) string {
	var s string
	if i < len(m.args) {
		_ = json.Unmarshal(m.args[i], &s)
	}
	return s
}

// number gives the first argument, if it is an integer.
func (m message) number() (n int) {
	if len(m.args) > 0 {
		_ = json.Unmarshal(m.args[0], &n)
	}
	return n
}

func die(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
	os.Exit(3)
}

// leaveEffect appends a line to the effects file.
func leaveEffect(line string) {
	f, err := os.OpenFile(os.Getenv(envEffects), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		die("effects: %v", err)
	}
	if _, err := f.WriteString(line + "\n"); err != nil {
		die("effects: %v", err)
	}
	f.Close()
}

// spawnChild starts a grandchild that holds the given descriptors and waits at the gate, and says its pid.
func spawnChild(session bool, in, out *os.File) {
	self, _ := os.Executable()
	child := exec.Command(self)
	child.Env = append(os.Environ(), envRole+"=sleeper")
	child.Stdin, child.Stdout = in, out
	child.SysProcAttr = &syscall.SysProcAttr{Setsid: session}
	if err := child.Start(); err != nil {
		die("grandchild: %v", err)
	}
}

// grow takes up so many MiB of memory.
func (p *program) grow(mib int) {
	b := make([]byte, mib<<20)
	for i := 0; i < len(b); i += 4096 {
		b[i] = 1
	}
	p.mu.Lock()
	p.held = append(p.held, b)
	p.mu.Unlock()
}

// selfKill ends the program by a signal.
func selfKill(name string) {
	if s := unix.SignalNum(name); s != 0 {
		_ = unix.Kill(os.Getpid(), s)
	}
	forever()
}

// forever does nothing. An empty select would end a program that does nothing else.
func forever() {
	for {
		time.Sleep(time.Hour)
	}
}

func longLine(n int) string { return strings.Repeat("x", n) }

func lines(b []byte) []string {
	if b = bytes.TrimSpace(b); len(b) == 0 {
		return nil
	}
	return strings.Split(string(b), "\n")
}
