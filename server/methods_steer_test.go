package server

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/supervisor"
)

func TestAPoolIsPausedAndResumed(t *testing.T) {
	r := servePool(t)
	c := r.dial()
	var job jsonrpc.SubmitResult
	c.must("job.submit", `{"method":"echo","params":["first"]}`, &job) // ready by its end
	c.must("job.wait", fmt.Sprintf(`{"ids":[%d]}`, job.ID), &jsonrpc.JobsResult{})

	var p jsonrpc.Pool
	if c.must("pool.pause", "", &p); p.State != "paused" || p.Name != "default" {
		t.Errorf("after pause: %+v", p)
	}
	if c.must("pool.pause", `{"pool":"default"}`, &p); p.State != "paused" {
		t.Errorf("after a second pause: %+v", p)
	}
	c.must("job.submit", `{"method":"echo","params":["second"]}`, &job)
	invoked := r.dial()
	invoked.send(requestLine("1", "job.invoke", `{"method":"echo","params":["third"]}`))
	eventually(t, "the call waits", func() bool {
		c.must("pool.pause", "", &p)
		return p.Jobs["queued"] == 2
	})
	if c.must("pool.resume", "", &p); p.State != "available" {
		t.Errorf("after resume: %+v", p)
	}
	if got := invoked.line(); !strings.Contains(got, `"third"`) {
		t.Errorf("the call that waited got %s", got)
	}
	c.must("job.wait", fmt.Sprintf(`{"ids":[%d]}`, job.ID), &jsonrpc.JobsResult{})
}

func TestAPoolIsResized(t *testing.T) {
	c := servePool(t).dial()
	var p jsonrpc.Pool
	for _, step := range []struct {
		params      string
		least, most int
	}{
		{`{"maxWorkers":3}`, 1, 3},
		{`{"minWorkers":2}`, 2, 3},
		{`{"maxWorkers":4}`, 2, 4},
		{`{"minWorkers":1,"maxWorkers":1,"pool":"default"}`, 1, 1},
	} {
		if c.must("pool.resize", step.params, &p); p.MinWorkers != step.least || p.MaxWorkers != step.most {
			t.Errorf("%s: %d to %d workers", step.params, p.MinWorkers, p.MaxWorkers)
		}
	}
	for params, code := range map[string]int64{
		``:                                jsonrpc.CodeInvalidParams,
		`{"minWorkers":-1}`:               jsonrpc.CodeInvalidParams,
		`{"maxWorkers":10001}`:            jsonrpc.CodeInvalidParams,
		`{"minWorkers":2}`:                jsonrpc.CodeInvalidArgument,
		`{"minWorkers":3,"maxWorkers":2}`: jsonrpc.CodeInvalidArgument,
		`{"minWorkers":1,"pool":"other"}`: jsonrpc.CodeNotFound,
	} {
		if a := c.call("pool.resize", params); a.Error == nil || a.Error.Code != code {
			t.Errorf("%s: %v, want code %d", params, a.Error, code)
		}
	}
}

func TestARestartReplacesTheProcesses(t *testing.T) {
	c := servePool(t).dial()
	pid := func() (pid int) {
		eventually(t, "there is one worker, and it serves", func() bool {
			var w jsonrpc.WorkerListResult
			c.must("worker.list", "", &w)
			if len(w.Workers) != 1 || w.Workers[0].State != "processing" {
				return false
			}
			pid = w.Workers[0].PID
			return true
		})
		return pid
	}
	before := pid()
	var restarted jsonrpc.RestartResult
	if c.must("pool.restart", "", &restarted); restarted.Replaced != 1 || restarted.Pool != "default" {
		t.Errorf("result %+v", restarted)
	}
	if after := pid(); after == before {
		t.Errorf("process %d is still there", before)
	}
}

func TestARestartThatIsGivenUpSaysHowFarItCame(t *testing.T) {
	f := &fakePool{restart: func(context.Context) (int, error) {
		return 2, &supervisor.RestartError{Pool: "default", Replaced: 2, Reason: "exit code 1"}
	}}
	a := serveFake(t, f).dial().call("pool.restart", "")
	if a.Error == nil || a.Error.Type() != "WorkerCrashedError" || !strings.Contains(a.Error.Message, "exit code 1") ||
		string(a.Error.Details().Fields) != `{"replaced":2}` {
		t.Errorf("error %v %s", a.Error, a.Error.Data)
	}
}

func TestARestartIsLeftAloneByACallerWhoGoesAway(t *testing.T) {
	begun := make(chan struct{})
	f := &fakePool{restart: func(ctx context.Context) (int, error) {
		close(begun)
		<-ctx.Done()
		return 0, ctx.Err()
	}}
	c := serveFake(t, f).dial()
	c.send(requestLine("1", "pool.restart", ""))
	receive(t, "the restart has begun", begun)
	c.send(`{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":1}}`)
	if a := parse(t, c.line()); a.Error == nil || a.Error.Code != jsonrpc.CodeRequestCancelled {
		t.Errorf("error %v", a.Error)
	}
}
