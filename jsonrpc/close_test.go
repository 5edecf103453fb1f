package jsonrpc

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is one end of a pair of os.Pipes, as a worker's stdio is.
type pipes struct{ in, out *os.File }

func (p pipes) Read(b []byte) (int, error)         { return p.out.Read(b) }
func (p pipes) Write(b []byte) (int, error)        { return p.in.Write(b) }
func (p pipes) SetWriteDeadline(t time.Time) error { return p.in.SetWriteDeadline(t) }
func (p pipes) CloseWrite() error                  { return p.in.Close() }
func (p pipes) Close() error                       { return errors.Join(p.out.Close(), ignoreClosed(p.in.Close())) }

func ignoreClosed(err error) error {
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}

func pipePair(t *testing.T) (here, there pipes) {
	t.Helper()
	for _, ends := range [][2]**os.File{{&here.out, &there.in}, {&there.out, &here.in}} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		*ends[0], *ends[1] = r, w
	}
	return here, there
}

func TestClosingEndsCallsInFlightAndAllThatComeAfter(t *testing.T) {
	client, p := connect(t, Options{}, ignore)
	ended := make(chan error, 10)
	for range 10 {
		go func() { ended <- client.Call(context.Background(), "m", nil, nil) }()
		p.receive()
	}
	if err := client.Err(); err != nil {
		t.Error(err)
	}
	if err := client.Close(); err != nil {
		t.Error(err)
	}
	for range 10 {
		if err := wait(t, "a call's end", ended); !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	}
	wait(t, "the end", client.Done())
	_, startErr := client.Start("m", nil, nil, ignoreAnswer)
	for what, err := range map[string]error{
		"Err": client.Err(), "Start": startErr, "Notify": client.Notify("m", nil), "Call": client.Call(t.Context(), "m", nil, nil),
		"Reply": client.Reply(&Request{ID: null}, nil, nil), "Close": client.Close(),
	} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestThePeersClosingEndsTheConnection(t *testing.T) {
	client, p := connect(t, Options{}, ignore)
	ended := make(chan error, 1)
	go func() { ended <- client.Call(context.Background(), "m", nil, nil) }()
	p.receive()
	p.Write([]byte(`{"jsonrpc":"2.0","id":1,"result":"cut off"}`))
	p.Close()
	if err := wait(t, "the call's end", ended); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if err := client.Err(); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}

// late is a context that holds up whoever waits for it until something has happened.
type late struct {
	context.Context
	until <-chan struct{}
}

func (l late) Done() <-chan struct{} {
	<-l.until
	return nil
}

func TestAnAnswerThatComesTogetherWithTheEndIsReceived(t *testing.T) {
	for range 50 {
		here, there := net.Pipe()
		client := NewConn(here, HandlerFunc(ignore), Options{})
		ctx := late{t.Context(), client.Done()}
		go func() {
			p := &peer{t: t, Conn: there}
			_, _ = there.Read(make([]byte, 1000))
			p.send(`{"jsonrpc":"2.0","id":1,"result":1}`)
			there.Close()
		}()
		if err := client.Call(ctx, "m", nil, nil); err != nil {
			t.Fatal(err)
		}
		client.Close()
	}
}

func TestCloseWritesWhatIsBuffered(t *testing.T) {
	const n = 2000
	client, p := connect(t, Options{}, ignore)
	payload := json.RawMessage(`"` + strings.Repeat("a", 1000) + `"`) // together more than a socket holds
	for range n {
		if err := client.Notify("m", payload); err != nil {
			t.Fatal(err)
		}
	}
	closed := make(chan error)
	go func() { closed <- client.Close() }()
	for range n {
		p.receive()
	}
	if err := wait(t, "Close", closed); err != nil {
		t.Error(err)
	}
}

func TestCloseWriteEndsOneDirectionAfterWhatIsBuffered(t *testing.T) {
	here, there := pipePair(t)
	client := NewConn(here, HandlerFunc(ignore), Options{})
	defer client.Close()
	answer := make(chan *Response, 1)
	if _, err := client.Start("m", json.RawMessage(`"`+strings.Repeat("a", 1<<20)+`"`), nil, func(r *Response) { answer <- r }); err != nil {
		t.Fatal(err)
	}
	client.CloseWrite()
	client.CloseWrite()
	if err := client.Notify("late", nil); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	sent, err := io.ReadAll(there)
	if err != nil || bytes.Count(sent, []byte("\n")) != 1 || !bytes.HasSuffix(sent, []byte("}\n")) {
		t.Errorf("%d bytes, %v", len(sent), err)
	}
	(&peer{t: t, Conn: pipeConn{pipes: there}}).send(`{"jsonrpc":"2.0","id":1,"result":1}`)
	if r := wait(t, "the answer", answer); string(r.Result) != "1" {
		t.Errorf("%+v", r)
	}
	there.Close()
	wait(t, "the end", client.Done())
}

// pipeConn makes pipes a net.Conn for a peer.
type pipeConn struct {
	net.Conn
	pipes
}

func (p pipeConn) Read(b []byte) (int, error)         { return p.pipes.Read(b) }
func (p pipeConn) Write(b []byte) (int, error)        { return p.pipes.Write(b) }
func (p pipeConn) SetWriteDeadline(t time.Time) error { return p.pipes.SetWriteDeadline(t) }
func (p pipeConn) Close() error                       { return p.pipes.Close() }

func TestAnAnswerIsReceivedFromAPeerThatNoLongerReads(t *testing.T) {
	here, there := pipePair(t)
	failed := make(chan error, 10)
	client := NewConn(here, HandlerFunc(ignore), Options{WriteFailed: func(err error) { failed <- err }})
	defer client.Close()
	answer := make(chan *Response, 1)
	if _, err := client.Start("m", nil, nil, func(r *Response) { answer <- r }); err != nil {
		t.Fatal(err)
	}
	_, _ = there.Read(make([]byte, 1000))
	there.out.Close() // its reading end
	if err := client.Notify("m", nil); err != nil {
		t.Fatal(err)
	}
	if err := wait(t, "the failure", failed); err == nil {
		t.Error("no reason")
	}
	if err := client.Notify("m", nil); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	(&peer{t: t, Conn: pipeConn{pipes: there}}).send(`{"jsonrpc":"2.0","id":1,"result":1}`)
	if r := wait(t, "the answer", answer); string(r.Result) != "1" {
		t.Errorf("%+v", r)
	}
	if err := client.Err(); err != nil {
		t.Error(err)
	}
	there.in.Close()
	wait(t, "the end", client.Done())
	if len(failed) > 0 {
		t.Error("told twice")
	}
}

func TestWhatAPeerWroteBeforeItWentIsRead(t *testing.T) {
	const n = 3000 // more than is read at once
	here, there := unixPair(t)
	served := make(chan struct{}, n)
	hold := make(chan struct{})
	server := NewConn(here, HandlerFunc(func(c *Conn, r *Request) {
		<-hold
		_ = c.Reply(r, nil, nil)
		served <- struct{}{}
	}), Options{})
	defer server.Close()
	request := `{"jsonrpc":"2.0","id":1,"method":"m"}` + "\n"
	if _, err := there.Write([]byte(strings.Repeat(request, n))); err != nil {
		t.Fatal(err)
	}
	there.Close()
	close(hold)
	for range n {
		wait(t, "a request", served)
	}
	wait(t, "the end", server.Done())
}

func TestCloseMayBeCalledByAHandlerAndByEverybodyAtOnce(t *testing.T) {
	closing := make(chan struct{})
	server, p := connect(t, Options{Stray: func([]byte, int64, string) {}}, func(c *Conn, _ *Request) {
		c.Close()
		close(closing)
	})
	p.send(`{"jsonrpc":"2.0","method":"m"}`)
	wait(t, "the handler's Close", closing)
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() { server.Close() })
	}
	all.Wait()
	if err := server.Err(); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

func TestNothingIsLeftBehindHoweverManyThingsHappenAtTheEnd(t *testing.T) { // TestMain looks for goroutines
	for i := range 100 {
		here, there := unixPair(t)
		a := NewConn(here, HandlerFunc(func(c *Conn, r *Request) { go echo(c, r) }), Options{Batches: i%2 == 0})
		b := NewConn(there, HandlerFunc(ignore), Options{})
		var callers sync.WaitGroup
		for range 4 {
			callers.Go(func() {
				for {
					if err := b.Call(t.Context(), "m", []int{i}, nil); err != nil {
						if !errors.Is(err, ErrClosed) {
							t.Error(err)
						}
						return
					}
				}
			})
		}
		switch i % 4 {
		case 0:
			a.Close()
		case 1:
			b.Close()
		case 2:
			here.Close()
		case 3:
			a.CloseWrite()
		}
		callers.Wait()
		a.Close()
		b.Close()
		wait(t, "a's end", a.Done())
		wait(t, "b's end", b.Done())
	}
}

func TestClosingTakesASecondAtMostWhenThePeerDoesNotRead(t *testing.T) {
	for name, o := range map[string]Options{
		"no stall timeout": {}, "a long one": {StallTimeout: time.Hour}, "told of failures": {WriteFailed: func(error) { panic("it is we who close") }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				here, there := net.Pipe()
				defer there.Close()
				c := NewConn(here, HandlerFunc(ignore), o)
				if err := c.Notify("m", nil); err != nil {
					t.Fatal(err)
				}
				synctest.Wait() // the writer is stuck
				begin := time.Now()
				c.CloseWrite()
				synctest.Wait()
				c.Close()
				if took := time.Since(begin); took > flushAtMost {
					t.Errorf("Close took %v", took)
				}
			})
		})
	}
}

func TestClosingInterruptsAWriterThatHasNoDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		defer there.Close()
		c := NewConn(struct{ io.ReadWriteCloser }{here}, HandlerFunc(ignore), Options{StallTimeout: time.Millisecond})
		if err := c.Notify("m", nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if err := c.Err(); err != nil {
			t.Error(err)
		}
		begin := time.Now()
		c.Close()
		if took := time.Since(begin); took > flushAtMost {
			t.Errorf("Close took %v", took)
		}
	})
}
