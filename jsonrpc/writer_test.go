package jsonrpc

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestAPeerThatTakesNothingForTheStallTimeoutIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		defer there.Close()
		c := NewConn(here, HandlerFunc(ignore), Options{StallTimeout: 5 * time.Second})
		time.Sleep(time.Minute) // idleness is no stall
		begin := time.Now()
		ended := make(chan error, 1)
		go func() { ended <- c.Call(t.Context(), "m", nil, nil) }()
		<-c.Done()
		if took := time.Since(begin); took != 5*time.Second {
			t.Errorf("left after %v", took)
		}
		if err := c.Err(); !errors.Is(err, ErrStalled) {
			t.Error(err)
		}
		if err := <-ended; !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
		c.Close()
	})
}

func TestAStallIsToldToWhoeverWantsToKnowAndEndsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		told := make(chan error, 2)
		c := NewConn(here, HandlerFunc(ignore), Options{StallTimeout: time.Second, WriteFailed: func(err error) { told <- err }})
		if err := c.Notify("m", nil); err != nil {
			t.Fatal(err)
		}
		if err := <-told; !errors.Is(err, ErrStalled) {
			t.Error(err)
		}
		time.Sleep(time.Minute)
		if err := c.Err(); err != nil {
			t.Error(err)
		}
		there.Close()
		<-c.Done()
		c.Close()
	})
}

func TestASlowPeerIsNotAStalledOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		c := NewConn(here, HandlerFunc(ignore), Options{StallTimeout: time.Second})
		if err := c.Notify("m", json.RawMessage(`"`+strings.Repeat("a", 1000)+`"`)); err != nil {
			t.Fatal(err)
		}
		for b := make([]byte, 1); b[0] != '\n'; { // a byte every 0.9 s
			time.Sleep(900 * time.Millisecond)
			if _, err := there.Read(b); err != nil {
				t.Fatal(err)
			}
		}
		c.Close()
		there.Close()
	})
}

func TestMessagesThatComeDuringAWriteGoOutTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		counted := &count{Conn: here}
		c := NewConn(counted, HandlerFunc(ignore), Options{})
		for range 1000 {
			if err := c.Notify("m", nil); err != nil {
				t.Fatal(err)
			}
			synctest.Wait() // the first is being written and nobody reads
		}
		go func() { _, _ = io.Copy(io.Discard, there) }()
		synctest.Wait()
		counted.mu.Lock()
		if got := strings.Count(counted.bytes.String(), "\n"); counted.writes != 2 || got != 1000 {
			t.Errorf("%d messages in %d writes", got, counted.writes)
		}
		counted.mu.Unlock()
		c.Close()
	})
}

func TestNothingMoreIsReadFromAPeerThatLeavesItsAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		var served atomic.Int64
		c := NewConn(here, HandlerFunc(func(c *Conn, r *Request) {
			served.Add(1)
			echo(c, r)
		}), Options{MaxBuffered: 10_000})
		request := `{"jsonrpc":"2.0","id":1,"method":"m","params":["` + strings.Repeat("a", 900) + `"]}` + "\n"
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			for range 1000 {
				if _, err := there.Write([]byte(request)); err != nil {
					return
				}
			}
		}()
		synctest.Wait()
		if n := served.Load(); n < 10 || n > 12 {
			t.Errorf("%d requests of 1,000 bytes were served, 10,000 bytes may wait", n)
		}
		answers := make(chan int)
		go func() {
			b, _ := io.ReadAll(there)
			answers <- strings.Count(string(b), "\n")
		}()
		<-sent // it goes on as soon as the peer reads
		synctest.Wait()
		c.Close()
		if n := <-answers; n != 1000 {
			t.Errorf("%d answers", n)
		}
	})
}

func TestAnswersThatNobodyReadsAreErrorsFromSomeBytesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		held := make(chan *Request, 100)
		c := NewConn(here, HandlerFunc(func(_ *Conn, r *Request) { held <- r }), Options{MaxUnread: 50_000, Batches: true})
		go func() {
			for range 10 { // one of each batch is never answered
				_, _ = io.WriteString(there, `[{"jsonrpc":"2.0","id":1,"method":"a"},{"jsonrpc":"2.0","id":2,"method":"m"}]`+"\n")
			}
			for range 80 {
				_, _ = io.WriteString(there, `{"jsonrpc":"2.0","id":2,"method":"m"}`+"\n")
			}
		}()
		synctest.Wait()
		large := json.RawMessage(`"` + strings.Repeat("a", 5000) + `"`)
		kept := 0
		for range cap(held) {
			r := <-held
			if r.Method == "a" {
				continue
			}
			if c.unread() <= 50_000 {
				kept++
			}
			_ = c.Reply(r, large, json.RawMessage(`{"job":7}`))
		}
		if kept != 10 || c.unread() > 80_000 {
			t.Errorf("%d answers were kept, %d bytes", kept, c.unread())
		}
		go c.Close()
		b, _ := io.ReadAll(there)
		if n := strings.Count(string(b), `"code":1009,"message":"an answer of 5`); n != 80 || strings.Count(string(b), `"meta":{"job":7}`) != 80 {
			t.Errorf("%d errors: %.300s", n, b)
		}
	})
}

func TestTheAnswersOfABatchCountUntilItIsWhole(t *testing.T) {
	c, p := connect(t, Options{Batches: true}, func(c *Conn, r *Request) { echo(c, r) })
	p.send(`[{"jsonrpc":"2.0","id":1,"method":"m"},{"jsonrpc":"2.0","id":2,"method":"m"},5]`)
	p.receive()
	p.expectNothing()
	if n := c.inPart.Load(); n != 0 {
		t.Errorf("%d bytes seem to be kept", n)
	}
}

func TestClosingEndsAConnectionThatIsNotBeingReadFrom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		defer there.Close()
		c := NewConn(here, HandlerFunc(echo), Options{MaxBuffered: 1})
		go func() {
			for {
				if _, err := fmt.Fprintln(there, `{"jsonrpc":"2.0","id":1,"method":"m"}`); err != nil {
					return
				}
			}
		}()
		synctest.Wait()
		begin := time.Now()
		c.Close()
		if took := time.Since(begin); took > flushAtMost {
			t.Errorf("Close took %v", took)
		}
	})
}

func TestReadingGoesOnAfterCloseWriteAlthoughAnswersAreLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		served := make(chan struct{}, 3)
		c := NewConn(here, HandlerFunc(func(c *Conn, r *Request) {
			_ = c.Reply(r, nil, nil)
			served <- struct{}{}
		}), Options{MaxBuffered: 1})
		request := `{"jsonrpc":"2.0","id":1,"method":"m"}` + "\n"
		go func() { _, _ = there.Write([]byte(request + request + request)) }()
		<-served
		synctest.Wait()
		if len(served) > 0 {
			t.Error("read on before")
		}
		c.CloseWrite()
		<-served
		<-served
		there.Close()
		<-c.Done()
		c.Close()
	})
}

func TestTwoPeersThatFloodEachOtherWithCallsDoNotWaitForEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		o := Options{MaxBuffered: 1000}
		server := NewConn(there, HandlerFunc(echo), o)
		client := NewConn(here, HandlerFunc(ignore), o)
		answered := make(chan struct{}, 1000)
		params := json.RawMessage(`["` + strings.Repeat("a", 10_000) + `"]`)
		for range 1000 {
			if _, err := client.Start("m", params, nil, func(*Response) { answered <- struct{}{} }); err != nil {
				t.Fatal(err)
			}
		}
		for range 1000 {
			<-answered
		}
		client.Close()
		server.Close()
	})
}

func TestAFrameOverTheLimitLeavesTheBufferAsItWas(t *testing.T) {
	w := newWriter(io.Discard, Options{MaxMessageSize: 10})
	frame := func(s string) error { return w.append(&outgoing{answer: true, batch: []byte(s)}) }
	if err := errors.Join(frame("a"), frame("0123456789")); err != nil {
		t.Error(err)
	}
	for _, tooLarge := range []string{"0123456789a", strings.Repeat("x", 1<<20)} {
		var e *overLimit
		if err := frame(tooLarge); !errors.As(err, &e) || e.size != len(tooLarge) {
			t.Error(err)
		}
	}
	if buf := w.buf.buf; string(buf) != "a\n0123456789\n" || w.answers != len(buf) || w.buf.size() != len(buf) || cap(buf) > 1<<10 {
		t.Errorf("%q, %d bytes of answers, room for %d", buf, w.answers, cap(buf))
	}
}
