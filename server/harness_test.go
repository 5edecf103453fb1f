package server

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
	"github.com/whipper-sidecar/whipper/supervisor"
)

// patience bounds every wait of these tests; it is reached only by a test that fails.
const patience = time.Minute

// shortDir is a temporary folder whose name leaves room for a socket.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "wst")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func openLedger(t *testing.T, dir string) *ledger.Ledger {
	t.Helper()
	l, err := ledger.Open(t.Context(), ledger.Options{Dir: dir, Durability: ledger.Normal})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// rig is a server on a socket of its own.
type rig struct {
	t       *testing.T
	dir     string
	socket  string
	ledger  *ledger.Ledger
	server  *Server
	log     *strings.Builder // read it after stop
	drained chan struct{}
	stop    func() // begins the drain
	drain   func() // ends the drain, or waits for its end
	served  chan error
	ended   sync.Once
}

// serve starts a server over pools that make makes; they are not run.
func serve(t *testing.T, makePools func(*ledger.Ledger) []Pool) *rig {
	t.Helper()
	return serveWith(t, nil, makePools)
}

// serveWith is serve with the bus of the pools.
func serveWith(t *testing.T, events *supervisor.Events, makePools func(*ledger.Ledger) []Pool) *rig {
	t.Helper()
	return serveOptions(t, Options{Events: events}, makePools)
}

// serveOptions is serve with some options.
func serveOptions(t *testing.T, o Options, makePools func(*ledger.Ledger) []Pool) *rig {
	t.Helper()
	dir := shortDir(t)
	r := &rig{t: t, dir: dir, ledger: openLedger(t, dir), log: new(strings.Builder), drained: make(chan struct{}), served: make(chan error, 1)}
	path, err := Address(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	l, err := Listen(dir, path)
	if err != nil {
		t.Fatal(err)
	}
	r.socket = path
	ctx, cancel := context.WithCancel(context.Background())
	r.stop = cancel
	r.drain = sync.OnceFunc(func() { close(r.drained) })
	o.Ledger, o.Pools, o.PoolsDrained, o.Version = r.ledger, makePools(r.ledger), r.drained, "1.2.3"
	o.Logger, o.MaxMessageSize = slog.New(slog.NewTextHandler(r.log, nil)), 1<<20
	s := New(o)
	r.server = s
	go func() { r.served <- s.Serve(ctx, l) }()
	t.Cleanup(r.end)
	return r
}

// serveFake is serve over one fake pool named "default".
func serveFake(t *testing.T, f *fakePool) *rig {
	t.Helper()
	return serve(t, func(l *ledger.Ledger) []Pool {
		f.ledger = l
		return []Pool{f}
	})
}

// servePool is serve over a running pool of one real worker process.
func servePool(t *testing.T) *rig {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var pool *supervisor.Pool
	events := supervisor.NewEvents()
	r := serveWith(t, events, func(l *ledger.Ledger) []Pool {
		pool, err = supervisor.NewPool(l, supervisor.Options{
			Events:  events,
			Command: []string{self}, Env: append(os.Environ(), childEnv, modeEnv+"=worker"),
			MinWorkers: 1, MaxWorkers: 1, DrainTimeout: time.Second, FlushTimeout: time.Second,
		})
		if err != nil {
			t.Fatal(err)
		}
		return []Pool{pool}
	})
	ctx, cancel := context.WithCancel(context.Background())
	stopServer := r.stop
	r.stop = func() { stopServer(); cancel() }
	r.drain = func() { <-r.drained }
	go func() {
		defer close(r.drained)
		if err := pool.Run(ctx, nil); err != nil {
			t.Error(err)
		}
	}()
	return r
}

// end stops the server and checks that it ends by itself.
func (r *rig) end() {
	r.ended.Do(func() {
		r.stop()
		r.drain()
		select {
		case err := <-r.served:
			if err != nil {
				r.t.Error(err)
			}
		case <-time.After(patience):
			r.t.Error("Serve did not return")
		}
	})
}

// client is a connection of bare lines.
type client struct {
	t *testing.T
	net.Conn
	lines *bufio.Reader
}

func (r *rig) dial() *client {
	r.t.Helper()
	c, err := net.Dial("unix", r.socket)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { c.Close() })
	return &client{t: r.t, Conn: c, lines: bufio.NewReader(c)}
}

func (c *client) send(line string) {
	c.t.Helper()
	c.SetWriteDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(c, line+"\n"); err != nil {
		c.t.Fatalf("send %.100s: %v", line, err)
	}
}

// line is the next line that comes, or "" at the end.
func (c *client) line() string {
	c.t.Helper()
	c.SetReadDeadline(time.Now().Add(patience))
	line, err := c.lines.ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		c.t.Fatalf("read: %v", err)
	}
	return strings.TrimSuffix(line, "\n")
}

// ask sends a line and gives the next one.
func (c *client) ask(line string) string {
	c.t.Helper()
	c.send(line)
	return c.line()
}

// answer is a response, taken apart.
type answer struct {
	ID     json.RawMessage
	Result json.RawMessage
	Error  *jsonrpc.Error
	Meta   *jsonrpc.ResponseMeta
}

// call calls a method with params (JSON, or "" for none).
func (c *client) call(method, params string) answer {
	c.t.Helper()
	return parse(c.t, c.ask(requestLine("1", method, params)))
}

// must calls and decodes the result, which must be one.
func (c *client) must(method, params string, result any) {
	c.t.Helper()
	a := c.call(method, params)
	if a.Error != nil {
		c.t.Fatalf("%s %s: %v", method, params, a.Error)
	}
	if err := json.Unmarshal(a.Result, result); err != nil {
		c.t.Fatalf("%s %s: %v in %s", method, params, err, a.Result)
	}
}

func requestLine(id, method, params string) string {
	line := `{"jsonrpc":"2.0","id":` + id + `,"method":"` + method + `"`
	if params != "" {
		line += `,"params":` + params
	}
	return line + "}"
}

func parse(t *testing.T, line string) answer {
	t.Helper()
	var a answer
	if err := json.Unmarshal([]byte(line), &a); err != nil {
		t.Fatalf("%v in answer %q", err, line)
	}
	return a
}

// eventually is for what happens in another goroutine or process with no channel to tell.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

// fakePool stands in for a pool where a test must decide when a call ends. Submit and Cancel are the ledger's.
type fakePool struct {
	name    string
	ledger  *ledger.Ledger
	invoke  func(context.Context, supervisor.Call) (supervisor.Reply, error)
	restart func(context.Context) (int, error)
	stuck   bool // Submit and Cancel wait as for a disk that fails
}

func (f *fakePool) Name() string {
	if f.name == "" {
		return "default"
	}
	return f.name
}

func (f *fakePool) Invoke(_ *jsonrpc.Cork, c supervisor.Call, done func(supervisor.Reply, error, *jsonrpc.Cork)) (cancel func()) {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer cancel()
		reply, err := f.invoke(ctx, c)
		done(reply, err, nil)
	}()
	return cancel
}

func (f *fakePool) Submit(ctx context.Context, jobs []ledger.Job) ([]ledger.Submitted, error) {
	if f.stuck {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return f.ledger.Submit(ctx, jobs)
}

func (f *fakePool) SubmitThen(jobs []ledger.Job, atMost time.Duration, done func([]ledger.Submitted, error)) {
	if f.stuck {
		time.AfterFunc(atMost, func() { done(nil, context.DeadlineExceeded) })
		return
	}
	f.ledger.SubmitThen(jobs, ledger.SubmitOptions{}, atMost, done)
}

func (f *fakePool) Cancel(ctx context.Context, ids []int64) (int, error) {
	if f.stuck {
		<-ctx.Done()
		return 1, ctx.Err()
	}
	cancelled, err := f.ledger.CancelQueued(ctx, ids, time.Now(), []byte(`{"code":1004,"message":"cancelled"}`))
	return len(cancelled), err
}

func (f *fakePool) Retry(ctx context.Context, ids []int64) (int, error) {
	retried, err := f.ledger.Retry(ctx, ids, nil)
	return len(retried), err
}

func (f *fakePool) Status() jsonrpc.Pool      { return jsonrpc.Pool{Name: f.Name(), State: "available"} }
func (f *fakePool) Stats() jsonrpc.PoolStats  { return jsonrpc.PoolStats{WorkerCount: 3} }
func (f *fakePool) Workers() []jsonrpc.Worker { return nil }
func (f *fakePool) StatsVersion() uint64      { return 0 }
func (f *fakePool) Pause()                    {}
func (f *fakePool) Resume()                   {}

func (f *fakePool) StatsAfter(uint64) <-chan struct{}          { return nil }
func (f *fakePool) PauseMethod(context.Context, string) error  { return nil }
func (f *fakePool) ResumeMethod(context.Context, string) error { return nil }
func (f *fakePool) Resize(int, int) error                      { return nil }
func (f *fakePool) Refuse([]ledger.Job, error)                 {}
func (f *fakePool) Restart(ctx context.Context) (int, error) {
	return f.restart(ctx)
}

// hangs is an invoke that ends with its caller, as a pool's does; it says when it has begun.
func hangs(begun chan<- struct{}) func(context.Context, supervisor.Call) (supervisor.Reply, error) {
	return func(ctx context.Context, _ supervisor.Call) (supervisor.Reply, error) {
		begun <- struct{}{}
		<-ctx.Done()
		return supervisor.Reply{
			Error: jsonrpc.Errorf(jsonrpc.CodeCancelled, "cancelled"), ErrorSource: ledger.FromWhipper, Job: 9,
		}, nil
	}
}

// receive takes from ch, or fails the test.
func receive[T any](t *testing.T, what string, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		t.Fatalf("never: %s", what)
		panic("unreachable")
	}
}
