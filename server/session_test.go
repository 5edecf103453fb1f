package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"strings"
	"testing"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
	"github.com/whipper-sidecar/whipper/supervisor"
)

func TestRequestsOfOneConnectionAreServedSideBySide(t *testing.T) {
	begun := make(chan struct{}, 1)
	c := serveFake(t, &fakePool{invoke: hangs(begun)}).dial()
	c.send(requestLine("1", "job.invoke", `{"method":"slow"}`))
	receive(t, "the call begins", begun)
	if got := c.ask(requestLine("2", "ping", "")); !strings.HasPrefix(got, `{"jsonrpc":"2.0","id":2,"result":{"version":"1.2.3"`) {
		t.Errorf("while a call runs: %s", got)
	}
}

func TestHalfAFrameHoldsUpNobodyElse(t *testing.T) {
	r := serveFake(t, &fakePool{})
	half := r.dial()
	if _, err := io.WriteString(half, `{"jsonrpc":"2.0","id":1,"meth`); err != nil {
		t.Fatal(err)
	}
	var p jsonrpc.PingResult
	r.dial().must("ping", "", &p)
	if got := half.ask(`od":"ping"}`); !strings.Contains(got, `"version":"1.2.3"`) {
		t.Errorf("after the other half: %s", got)
	}
}

func TestClientThatNeverReadsHoldsUpNobodyElse(t *testing.T) {
	big := []byte(`"` + strings.Repeat("x", 900<<10) + `"`)
	answered := make(chan struct{}, 1000)
	r := serveFake(t, &fakePool{invoke: func(_ context.Context, c supervisor.Call) (supervisor.Reply, error) {
		answered <- struct{}{}
		return supervisor.Reply{Result: big}, nil
	}})
	deaf := r.dial()
	for i := range 8 { // more than the buffers on the way take
		deaf.send(requestLine(fmt.Sprint(i), "job.invoke", `{"method":"big"}`))
	}
	for range 4 { // nothing is read from it once the answers to so many wait
		receive(t, "the deaf client's calls are run", answered)
	}
	var p jsonrpc.PingResult
	for range 3 {
		r.dial().must("ping", "", &p)
	}
	r.end() // the server can stop all the same
}

func TestClosedConnectionCancelsItsCallsAndWaits(t *testing.T) {
	begun, ended := make(chan struct{}, 1), make(chan struct{}, 1)
	r := serveFake(t, &fakePool{invoke: func(ctx context.Context, _ supervisor.Call) (supervisor.Reply, error) {
		begun <- struct{}{}
		<-ctx.Done()
		ended <- struct{}{}
		return supervisor.Reply{}, ctx.Err()
	}})
	c := r.dial()
	c.send(requestLine("1", "job.invoke", `{"method":"slow"}`))
	receive(t, "the call begins", begun)
	other := r.dial()
	c.Close()
	receive(t, "the call ends", ended)
	var p jsonrpc.PingResult
	other.must("ping", "", &p)
}

func TestCancelledRequestIsAnsweredAsSuch(t *testing.T) {
	begun := make(chan struct{}, 1)
	r := serveFake(t, &fakePool{invoke: hangs(begun)})
	c := r.dial()
	for _, id := range []string{"7", `"seven"`, "7.0"} {
		c.send(requestLine(id, "job.invoke", `{"method":"slow"}`))
		receive(t, "the call begins", begun)
		for _, other := range []string{"70", `"7"`, `"eleven"`, "null"} { // nobody's
			c.send(`{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":` + other + `}}`)
		}
		if got := c.ask(requestLine("1", "ping", "")); !strings.Contains(got, `"id":1,`) {
			t.Fatalf("cancelled by another id: %s", got)
		}
		got := c.ask(`{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":` + id + `}}`)
		want := `{"jsonrpc":"2.0","id":` + id + `,"error":{"code":-32800,"message":"request cancelled"},` +
			`"meta":{"job":9,"attempts":0,"waitMs":0,"runMs":0,"errorSource":"whipper"}}`
		if got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}

	var submitted jsonrpc.SubmitResult
	c.must("job.submit", `{"method":"m"}`, &submitted)
	c.send(requestLine("8", "job.wait", fmt.Sprintf(`{"ids":[%d]}`, submitted.ID)))
	got := c.ask(`{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":8}}`)
	if want := `{"jsonrpc":"2.0","id":8,"error":{"code":-32800,"message":"request cancelled"}}`; got != want {
		t.Errorf("wait:\ngot  %s\nwant %s", got, want)
	}
}

func TestCancelledCallThatSucceedsAllTheSameKeepsItsResult(t *testing.T) {
	begun := make(chan struct{}, 1)
	c := serveFake(t, &fakePool{invoke: func(ctx context.Context, _ supervisor.Call) (supervisor.Reply, error) {
		begun <- struct{}{}
		<-ctx.Done()
		return supervisor.Reply{Result: []byte("1")}, nil
	}}).dial()
	c.send(requestLine("1", "job.invoke", `{"method":"slow"}`))
	receive(t, "the call begins", begun)
	if got := c.ask(`{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":1}}`); !strings.Contains(got, `"result":1`) {
		t.Errorf("got %s", got)
	}
}

func TestOneConnectionsRequestsAreBounded(t *testing.T) {
	begun, end := make(chan struct{}, 2*maxInFlight), make(chan struct{})
	r := serveFake(t, &fakePool{invoke: func(ctx context.Context, _ supervisor.Call) (supervisor.Reply, error) {
		begun <- struct{}{}
		select {
		case <-end:
		case <-ctx.Done():
		}
		return supervisor.Reply{Result: []byte("1")}, nil
	}})
	c := r.dial()
	var lines strings.Builder
	for range maxInFlight + 1 {
		lines.WriteString(requestLine("1", "job.invoke", `{"method":"slow"}`) + "\n")
	}
	c.send(strings.TrimSuffix(lines.String(), "\n"))
	for range maxInFlight {
		receive(t, "a call begins", begun)
	}
	var p jsonrpc.PingResult
	r.dial().must("ping", "", &p) // others are served
	if len(begun) > 0 {
		t.Error("more calls than the limit are in flight")
	}
	close(end)
	for range maxInFlight + 1 {
		c.line()
	}
}

func TestPeerThatGoesWhileItIsNotReadFromIsNoticed(t *testing.T) {
	begun, ended := make(chan struct{}, maxInFlight), make(chan struct{}, maxInFlight)
	r := serveFake(t, &fakePool{invoke: func(ctx context.Context, _ supervisor.Call) (supervisor.Reply, error) {
		begun <- struct{}{}
		<-ctx.Done()
		ended <- struct{}{}
		return supervisor.Reply{}, ctx.Err()
	}})
	c := r.dial()
	c.send(strings.TrimSuffix(strings.Repeat(requestLine("1", "job.invoke", `{"method":"slow"}`)+"\n", maxInFlight+1), "\n"))
	for range maxInFlight {
		receive(t, "a call begins", begun)
	}
	c.Close()
	for range maxInFlight {
		receive(t, "a call ends", ended)
	}
}

func TestDrainRefusesNewWorkAnswersReadsAndFinishesWhatRuns(t *testing.T) {
	begun, end := make(chan struct{}, 1), make(chan struct{})
	r := serveFake(t, &fakePool{invoke: func(ctx context.Context, _ supervisor.Call) (supervisor.Reply, error) {
		begun <- struct{}{}
		<-end
		if err := context.Cause(ctx); err != nil {
			t.Errorf("the running call was cancelled: %v", err)
		}
		return supervisor.Reply{Result: []byte(`"done"`), Job: 1, Attempts: 1, Worker: "w1"}, nil
	}})
	running, waiting, c := r.dial(), r.dial(), r.dial()
	running.send(requestLine("1", "job.invoke", `{"method":"slow"}`))
	receive(t, "the call begins", begun)
	var submitted jsonrpc.SubmitResult
	c.must("job.submit", `{"method":"m"}`, &submitted)
	waiting.send(requestLine("1", "job.wait", fmt.Sprintf(`{"ids":[%d]}`, submitted.ID)))
	waiting.send(requestLine("2", "ping", ""))
	if a := parse(t, waiting.line()); string(a.ID) != "2" { // what was sent before has been read, and waits
		t.Fatalf("answer to %s: %v", a.ID, a.Error)
	}

	r.stop()
	eventually(t, "the drain has begun", func() bool {
		a := c.call("job.submit", `{"method":"m"}`)
		return a.Error != nil && a.Error.Code == jsonrpc.CodeShuttingDown && a.Error.Type() == "ShuttingDownError"
	})
	if a := c.call("job.submitBatch", `{"jobs":[{"method":"m"}]}`); a.Error == nil || a.Error.Code != jsonrpc.CodeShuttingDown {
		t.Errorf("submitBatch: %v %s", a.Error, a.Result)
	}
	if a := c.call("job.invoke", `{"method":"m"}`); a.Error == nil || a.Error.Code != jsonrpc.CodeShuttingDown || a.Meta == nil || a.Meta.ErrorSource != "whipper" {
		t.Errorf("invoke: %v %s %+v", a.Error, a.Result, a.Meta)
	}
	for method, params := range map[string]string{"ping": "", "job.list": "", "pool.list": "", "job.get": fmt.Sprintf(`{"id":%d}`, submitted.ID)} {
		if a := c.call(method, params); a.Error != nil {
			t.Errorf("%s: %v", method, a.Error)
		}
	}

	r.drain()
	want := fmt.Sprintf("the supervisor is shutting down while job %d is queued", submitted.ID)
	if a := parse(t, waiting.line()); a.Error == nil || a.Error.Code != jsonrpc.CodeShuttingDown || a.Error.Message != want {
		t.Errorf("wait: %v %s", a.Error, a.Result)
	}
	select {
	case <-r.served:
		t.Fatal("Serve returned with a call in flight")
	default:
	}
	close(end)
	if a := parse(t, running.line()); string(a.Result) != `"done"` {
		t.Errorf("running call: %v %s", a.Error, a.Result)
	}
	for _, c := range []*client{running, waiting, c} {
		if rest := c.line(); rest != "" {
			t.Errorf("after the end: %s", rest)
		}
	}
	r.end()
	if _, err := net.Dial("unix", r.socket); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("dial after the end: %v", err)
	}
}

func TestBatchIsAnsweredAsOneThoughItsRequestsRunSideBySide(t *testing.T) {
	first := make(chan struct{})
	c := serveFake(t, &fakePool{invoke: func(_ context.Context, c supervisor.Call) (supervisor.Reply, error) {
		if c.Method == "a" {
			<-first // ends only after b
		} else {
			close(first)
		}
		return supervisor.Reply{Result: []byte(`"` + c.Method + `"`), ErrorSource: ledger.FromWorker}, nil
	}}).dial()
	got := c.ask("[" + requestLine("1", "job.invoke", `{"method":"a"}`) + "," + requestLine("2", "job.invoke", `{"method":"b"}`) + "]")
	meta := `"meta":{"attempts":0,"waitMs":0,"runMs":0}`
	a, b := `{"jsonrpc":"2.0","id":1,"result":"a",`+meta+`}`, `{"jsonrpc":"2.0","id":2,"result":"b",`+meta+`}`
	if got != "["+a+","+b+"]" && got != "["+b+","+a+"]" { // which comes first is nobody's business
		t.Errorf("got %s", got)
	}
}
