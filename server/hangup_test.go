package server

import (
	"context"
	"net"
	"runtime"
	"strings"
	"testing"

	"github.com/whipper-sidecar/whipper/supervisor"
)

func (c *client) closeWrite() {
	c.t.Helper()
	if err := c.Conn.(*net.UnixConn).CloseWrite(); err != nil {
		c.t.Fatal(err)
	}
}

func TestClientThatHasSaidAllItsRequestsGetsTheAnswers(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("elsewhere a half-closed connection cannot be told from a closed one")
	}
	begun, end := make(chan struct{}, 2), make(chan struct{}, 2)
	r := serveFake(t, &fakePool{invoke: func(ctx context.Context, _ supervisor.Call) (supervisor.Reply, error) {
		begun <- struct{}{}
		select {
		case <-end:
			return supervisor.Reply{Result: []byte(`"late"`)}, nil
		case <-ctx.Done():
			return supervisor.Reply{}, context.Cause(ctx)
		}
	}})
	c := r.dial()
	c.send(requestLine("1", "job.invoke", `{"method":"slow"}`) + "\n" + requestLine("2", "job.invoke", `{"method":"slow"}`))
	c.send(requestLine("3", "ping", ""))
	c.closeWrite()
	if got := c.line(); !strings.Contains(got, `"id":3,"result"`) {
		t.Errorf("first answer %q", got)
	}
	for range 2 {
		receive(t, "a call begins", begun)
	}
	end <- struct{}{}
	if got := c.line(); !strings.Contains(got, `"result":"late"`) {
		t.Errorf("second answer %q", got)
	}
	end <- struct{}{}
	if got := c.line(); !strings.Contains(got, `"result":"late"`) {
		t.Errorf("third answer %q", got)
	}
	if rest := c.line(); rest != "" {
		t.Errorf("after the last answer: %q", rest)
	}
}

func TestClientWithNothingInFlightIsLetGoAtTheEndOfItsDirection(t *testing.T) {
	c := serveFake(t, &fakePool{}).dial()
	c.ask(requestLine("1", "ping", ""))
	c.closeWrite()
	if rest := c.line(); rest != "" {
		t.Errorf("after the end: %q", rest)
	}
}

func TestClientThatGoesAfterTheEndOfItsDirectionIsNoticed(t *testing.T) {
	begun, ended := make(chan struct{}, 1), make(chan struct{}, 1)
	r := serveFake(t, &fakePool{invoke: func(ctx context.Context, _ supervisor.Call) (supervisor.Reply, error) {
		begun <- struct{}{}
		<-ctx.Done()
		ended <- struct{}{}
		return supervisor.Reply{}, ctx.Err()
	}})
	c := r.dial()
	c.send(requestLine("1", "job.invoke", `{"method":"slow"}`))
	c.closeWrite()
	receive(t, "the call begins", begun)
	c.Close()
	receive(t, "the call ends", ended)
}

func TestDrainEndsAConnectionThatIsHalfClosed(t *testing.T) {
	begun, end := make(chan struct{}, 1), make(chan struct{})
	r := serveFake(t, &fakePool{invoke: func(context.Context, supervisor.Call) (supervisor.Reply, error) {
		begun <- struct{}{}
		<-end
		return supervisor.Reply{Result: []byte("1")}, nil
	}})
	c := r.dial()
	c.send(requestLine("1", "job.invoke", `{"method":"slow"}`))
	c.closeWrite()
	receive(t, "the call begins", begun)
	r.stop()
	r.drain()
	close(end)
	if runtime.GOOS == "linux" {
		if got := c.line(); !strings.Contains(got, `"result":1`) {
			t.Errorf("answer %q", got)
		}
	}
	r.end()
}
