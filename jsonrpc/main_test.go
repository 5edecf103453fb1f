package jsonrpc

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience ends a test that waits for what does not come.
const patience = 20 * time.Second

// peer is the other end of a Conn's connection, line by line.
type peer struct {
	t *testing.T
	net.Conn
	lines *bufio.Reader
}

func (p *peer) send(lines ...string) {
	p.t.Helper()
	if _, err := p.Write([]byte(strings.Join(lines, "\n") + "\n")); err != nil {
		p.t.Errorf("send: %v", err)
	}
}

func (p *peer) receive() string {
	p.t.Helper()
	line, err := p.lines.ReadString('\n')
	if err != nil {
		p.t.Fatalf("receive: %q %v", line, err)
	}
	return strings.TrimSuffix(line, "\n")
}

func (p *peer) expect(lines ...string) {
	p.t.Helper()
	for _, want := range lines {
		if got := p.receive(); got != want {
			p.t.Fatalf("got  %s\nwant %s", got, want)
		}
	}
}

// expectNothing fails if anything is answered before the answer to one more request.
func (p *peer) expectNothing() {
	p.t.Helper()
	p.send(`{"jsonrpc":"2.0","id":"fence","method":"echo"}`)
	p.expect(`{"jsonrpc":"2.0","id":"fence","result":null}`)
}

// connect gives a Conn on a Unix socket and its peer.
func connect(t *testing.T, o Options, h HandlerFunc) (*Conn, *peer) {
	t.Helper()
	here, there := unixPair(t)
	c := NewConn(here, h, o)
	t.Cleanup(func() {
		c.Close()
		there.Close()
	})
	_ = there.SetDeadline(time.Now().Add(patience))
	return c, &peer{t: t, Conn: there, lines: bufio.NewReader(there)}
}

// echo answers a request with its own params.
func echo(c *Conn, r *Request) { _ = c.Reply(r, r.Params, r.Meta) }

func ignore(*Conn, *Request) {}

// wait waits for a channel to be closed, or to give something.
func wait[T any](t *testing.T, what string, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(patience):
		t.Fatalf("waited in vain for %s", what)
	}
	return v
}

// strays collects what a Conn reports as no message.
type strays struct {
	mu  sync.Mutex
	all []string
	cue chan struct{}
}

func newStrays() *strays { return &strays{cue: make(chan struct{}, 1000)} }

func (s *strays) add(frame []byte, _ int64, why string) {
	s.mu.Lock()
	s.all = append(s.all, string(frame)+" | "+why)
	s.mu.Unlock()
	s.cue <- struct{}{}
}

func (s *strays) next(t *testing.T) string {
	t.Helper()
	wait(t, "a stray frame", s.cue)
	s.mu.Lock()
	defer s.mu.Unlock()
	first := s.all[0]
	s.all = s.all[1:]
	return first
}

// unixPair is the two ends of a Unix socket connection.
func unixPair(tb testing.TB) (net.Conn, net.Conn) {
	tb.Helper()
	l, err := net.Listen("unix", filepath.Join(tb.TempDir(), "s"))
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Close()
	here, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		tb.Fatal(err)
	}
	there, err := l.Accept()
	if err != nil {
		tb.Fatal(err)
	}
	return here, there
}

// code is the error code in an answer.
func code(t *testing.T, answer string) int64 {
	t.Helper()
	var a struct{ Error *Error }
	if err := json.Unmarshal([]byte(answer), &a); err != nil || a.Error == nil {
		t.Fatalf("no error answer: %s", answer)
	}
	return a.Error.Code
}

// count is a connection that counts writes and keeps what is written.
type count struct {
	net.Conn
	mu     sync.Mutex
	writes int
	bytes  bytes.Buffer
}

func (c *count) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writes++
	c.bytes.Write(b)
	return c.Conn.Write(b)
}
