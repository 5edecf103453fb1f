package jsonrpc

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
)

// counting keeps what is written to a pipe.
type counting struct {
	pipes
	now NowWriter

	mu     sync.Mutex
	writes []string
}

func (c *counting) WriteNow(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writes = append(c.writes, string(b))
	return c.now.WriteNow(b)
}

func TestAnswersToWhatCameTogetherLeaveTogether(t *testing.T) {
	here, there := pipePair(t)
	counted := &counting{pipes: here, now: NewNowWriter(here.in)}
	c := NewConn(counted, HandlerFunc(func(c *Conn, r *Request) { _ = c.Cork().Reply(c, r, r.Params, nil) }), Options{})
	defer c.Close()
	const together = mostCorked - 1
	var requests strings.Builder
	for i := range together {
		fmt.Fprintf(&requests, `{"jsonrpc":"2.0","id":%d,"method":"m","params":[%d]}`+"\n", i+1, i)
	}
	if _, err := there.Write([]byte(requests.String())); err != nil {
		t.Fatal(err)
	}
	answers := newFrameReader(there, 1000)
	for i := range together {
		frame, err := answers.next()
		if want := fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"result":[%d]}`, i+1, i); err != nil || string(frame) != want {
			t.Fatalf("%s, %v", frame, err)
		}
	}
	counted.mu.Lock()
	defer counted.mu.Unlock()
	if len(counted.writes) != 1 {
		t.Errorf("%d answers in %d writes", together, len(counted.writes))
	}
}

func TestAFrameThatIsAddedAloneIsWrittenBeforeNotifyReturns(t *testing.T) {
	here, there := pipePair(t)
	defer there.Close()
	counted := &counting{pipes: here, now: NewNowWriter(here.in)}
	c := NewConn(counted, HandlerFunc(ignore), Options{})
	defer c.Close()
	for i := range 3 {
		if err := c.Notify("m", nil); err != nil {
			t.Fatal(err)
		}
		counted.mu.Lock()
		if len(counted.writes) != i+1 {
			t.Errorf("%d writes after %d frames", len(counted.writes), i+1)
		}
		counted.mu.Unlock()
	}
}

func TestWhoAddsFramesNeverWaitsForAPeerThatDoesNotRead(t *testing.T) {
	here, there := unixPair(t)
	c := NewConn(here, HandlerFunc(ignore), Options{})
	params := json.RawMessage(`["` + strings.Repeat("a", 100_000) + `"]`)
	const frames = 100 // far more than the socket takes; a Notify that waits makes the test hang
	for range frames {
		if err := c.Notify("m", params); err != nil {
			t.Fatal(err)
		}
	}
	if c.Room(1<<20) == nil {
		t.Error("all of it has gone somewhere")
	}
	read := newFrameReader(there, 200_000)
	for range frames {
		if frame, err := read.next(); err != nil || len(frame) < len(params) {
			t.Fatalf("%d bytes, %v", len(frame), err)
		}
	}
	c.Close()
}

func TestFramesKeepTheirOrderWhoeverWritesThem(t *testing.T) {
	here, there := unixPair(t)
	c := NewConn(here, HandlerFunc(ignore), Options{})
	defer c.Close()
	const senders, each = 4, 500
	for s := range senders {
		go func() {
			for i := range each {
				size := 10
				if i%50 == 0 {
					size = 200_000 // more than a pipe takes: the goroutine has to write it
				}
				_ = c.Notify("m", json.RawMessage(fmt.Sprintf(`[%d,%d,"%s"]`, s, i, strings.Repeat("a", size))))
			}
		}()
	}
	read := newFrameReader(there, 1<<20)
	var next [senders]int
	for range senders * each {
		frame, err := read.next()
		if err != nil {
			t.Fatal(err)
		}
		m, bad := readMessage(frame, 0)
		if bad != nil {
			t.Fatal(bad.why)
		}
		var p [2]int
		if _, err := fmt.Sscanf(string(m.request.Params[:min(20, len(m.request.Params))]), "[%d,%d,", &p[0], &p[1]); err != nil {
			t.Fatal(err)
		}
		if p[1] != next[p[0]] {
			t.Fatalf("of sender %d comes frame %d, want %d", p[0], p[1], next[p[0]])
		}
		next[p[0]]++
	}
}
