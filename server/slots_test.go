package server

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
	"github.com/whipper-sidecar/whipper/supervisor"
)

// holdingPool is an invoke that runs until the test, unless its method is "kept", or its caller ends it.
type holdingPool struct {
	begun         chan struct{}
	end           chan struct{}
	running, peak atomic.Int64
}

func (p *holdingPool) invoke(ctx context.Context, c supervisor.Call) (supervisor.Reply, error) {
	end := p.end
	if c.Method == "kept" {
		end = nil
	}
	p.peak.Store(max(p.peak.Load(), p.running.Add(1)))
	defer p.running.Add(-1)
	p.begun <- struct{}{}
	select {
	case <-end:
		return supervisor.Reply{Result: []byte(`"done"`)}, nil
	case <-ctx.Done():
		return supervisor.Reply{}, ctx.Err()
	}
}

// largeCall is an invoke that holds so many bytes, its id of three digits included.
func largeCall(id int, method string, size int) string {
	params := `{"method":"` + method + `","params":[""]}`
	filler := strings.Repeat("x", size-len("100")-len(params))
	return requestLine(fmt.Sprint(id), "job.invoke", strings.Replace(params, `""`, `"`+filler+`"`, 1))
}

func TestLargeCallsUnderWayKeepNobodyFromPingingAndCancellingThem(t *testing.T) {
	const size, most = 512 << 10, maxHeld / (512 << 10) // of a request, its id included, and how many there is room for
	f := holdingPool{begun: make(chan struct{}, most+2), end: make(chan struct{})}
	r := serveFake(t, &fakePool{invoke: f.invoke})
	c := r.dial()
	large := func(i int) { c.send(largeCall(100+i, "slow", size)) }
	for i := range most {
		large(i)
		receive(t, "a call begins", f.begun)
	}
	if got := c.ask(requestLine("1", "ping", "")); !strings.Contains(got, `"id":1,"result"`) {
		t.Errorf("ping: %.200s", got)
	}
	if got := c.ask(`{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":100}}`); !strings.Contains(got, `"id":100,"error":{"code":-32800,`) {
		t.Errorf("cancelled: %.200s", got)
	}
	large(most)
	receive(t, "a call begins in its place", f.begun)
	large(most + 1) // for which there is none
	var p jsonrpc.PingResult
	for range 10 { // others are served
		r.dial().must("ping", "", &p)
	}
	f.end <- struct{}{}
	if got := c.line(); !strings.Contains(got, `"done"`) {
		t.Errorf("a call that has ended: %.200s", got)
	}
	receive(t, "the last one begins", f.begun)
	if n := f.peak.Load(); n > most {
		t.Errorf("%d calls of %d bytes were under way at once", n, size)
	}
}

func TestWhoHoldsAllThatConnectionsShareLeavesEachItsOwn(t *testing.T) {
	const size, shared = 600 << 10, 3
	f := holdingPool{begun: make(chan struct{}, 100), end: make(chan struct{})}
	r := serveOptions(t, Options{MaxHeld: shared * size}, func(l *ledger.Ledger) []Pool {
		return []Pool{&fakePool{ledger: l, invoke: f.invoke}}
	})
	hog := r.dial()
	for i := range 1 + shared {
		hog.send(largeCall(100+i, "kept", size))
		receive(t, "a call of the greedy client's begins", f.begun)
	}
	hog.send(largeCall(200, "kept", size)) // waits, and has come first
	other := r.dial()
	other.send(largeCall(100, "slow", size))
	receive(t, "the other client's call begins", f.begun)
	for i := range 3 { // one after the other, though nothing of the greedy client's ever ends
		if got := other.ask(requestLine("1", "ping", "")); !strings.Contains(got, `"id":1,"result"`) {
			t.Fatalf("ping: %.200s", got)
		}
		other.send(largeCall(101+i, "slow", size))
		var p jsonrpc.PingResult
		for range 10 { // others are served
			r.dial().must("ping", "", &p)
		}
		if n := f.running.Load(); n != 1+shared+1 {
			t.Errorf("%d large calls are under way", n)
		}
		f.end <- struct{}{}
		if got := other.line(); !strings.Contains(got, `"done"`) {
			t.Fatalf("the call before: %.200s", got)
		}
		receive(t, "the next begins", f.begun)
	}
	hog.Close()
	for i := range shared {
		other.send(largeCall(200+i, "slow", size))
		receive(t, "a call begins in what the greedy client has left", f.begun)
	}
}

func TestWhoStopsWaitingForAShareIsNotWokenLater(t *testing.T) {
	r := serveFake(t, &fakePool{})
	socket, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: r.socket})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	s := &session{server: r.server, socket: socket, large: large{less: make(chan struct{}, 1)}}
	s.large.ring() // something has changed on the connection
	here, there := net.Pipe()
	defer there.Close()
	asked := make(chan struct{})
	conn := jsonrpc.NewConn(here, jsonrpc.HandlerFunc(func(c *jsonrpc.Conn, _ *jsonrpc.Request) { // whose reader it is that waits
		defer close(asked)
		taken, ok := s.takeShare(t.Context(), &request{session: s, conn: c, size: maxHeldByAll + 1})
		if taken || !ok || len(s.large.less) > 0 {
			t.Errorf("taken: %v, goes on: %v, tokens: %d", taken, ok, len(s.large.less))
		}
	}), jsonrpc.Options{})
	defer conn.Close()
	fmt.Fprintln(there, `{"jsonrpc":"2.0","method":"m"}`)
	<-asked
}
