package server

import (
	"encoding/json"
	"syscall"
	"testing"

	"github.com/whipper-sidecar/whipper/jsonrpc"
)

// stats is the next line, which must be a stats notification.
func (c *client) stats() jsonrpc.PoolStats {
	c.t.Helper()
	n := parseNote(c.t, c.line())
	var note jsonrpc.StatsNote
	if n.Method != jsonrpc.MethodStatsNote || json.Unmarshal(n.Params, &note) != nil || note.Pool != "default" {
		c.t.Fatalf("%s %s came", n.Method, n.Params)
	}
	return note.Stats
}

func TestASubscriptionIsChangedWithoutLossOrRepetition(t *testing.T) {
	r := servePool(t).ready()
	c, other := r.dial(), r.dial()
	c.must("event.subscribe", `{"types":["job:started"]}`, new(jsonrpc.SubscribeResult))
	other.call("job.invoke", `{"method":"echo","params":[1]}`)
	var changed jsonrpc.SubscribeResult
	first := c.event()
	c.must("event.subscribe", `{"subscription":1,"types":["job:started","job:succeeded"]}`, &changed)
	other.call("job.invoke", `{"method":"echo","params":[2]}`)
	next := func() jsonrpc.Event { // of the second call; the end of the first is told when it is on disk, which may be after the change
		e := c.event()
		for e.Job.ID == first.Job.ID {
			e = c.event()
		}
		return e
	}
	second, third := next(), next()
	if changed.Subscription != 1 || first.Type != "job:started" || second.Type != "job:started" || third.Type != "job:succeeded" ||
		third.Job.ID != second.Job.ID {
		t.Errorf("%v, then %v, %v, %v", changed, first, second, third)
	}
	if a := other.call("event.subscribe", `{"subscription":2}`); a.Error == nil || a.Error.Code != jsonrpc.CodeNotFound {
		t.Errorf("one that is not there: %+v", a)
	}
}

func TestStatsThatCountACallComeBeforeItsAnswer(t *testing.T) {
	r := servePool(t).ready()
	c := r.dial()
	var before jsonrpc.PoolStats
	c.must("pool.stats", `{"follow":true}`, &before)
	for n := int64(1); n <= 50; n++ {
		c.send(requestLine("7", "job.invoke", `{"method":"echo","params":[1]}`))
		var told jsonrpc.PoolStats
		line := c.line()
		for ; parse(t, line).Result == nil; line = c.line() { // while it runs there may be one more, of a busy worker
			var note struct{ Params jsonrpc.StatsNote }
			if err := json.Unmarshal([]byte(line), &note); err != nil {
				t.Fatal(err)
			}
			told = note.Params.Stats
		}
		if told.Workers.CallsHandled != before.Workers.CallsHandled+n || told.IdleWorkerCount != 1 {
			t.Fatalf("call %d was answered when the stats told were %+v", n, told)
		}
	}
}

func TestStatsThatNoAnswerComesWithAreToldAllTheSame(t *testing.T) {
	r := servePool(t).ready()
	c := r.dial()
	var before jsonrpc.PoolStats
	c.must("pool.stats", `{"follow":true}`, &before)
	r.dial().call("job.invoke", `{"method":"fail"}`)
	told := c.stats()
	for told.Workers.ErrorCount == before.Workers.ErrorCount {
		told = c.stats()
	}
	if told.Workers.CallsHandled != before.Workers.CallsHandled+1 {
		t.Errorf("stats = %+v after %+v and one call", told, before)
	}
}

func TestAnEventFindsItsWorkerCounted(t *testing.T) {
	r := servePool(t).ready()
	c := r.dial()
	c.must("pool.stats", `{"follow":true}`, new(jsonrpc.PoolStats))
	c.must("event.subscribe", `{"types":["worker:process:exited"]}`, new(jsonrpc.SubscribeResult))
	var list jsonrpc.WorkerListResult
	r.dial().must("worker.list", "", &list)
	if err := syscall.Kill(list.Workers[0].PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	var told jsonrpc.PoolStats
	for {
		line := c.line()
		var note struct {
			Method string
			Params json.RawMessage
		}
		if err := json.Unmarshal([]byte(line), &note); err != nil {
			t.Fatal(err)
		}
		if note.Method == jsonrpc.MethodEvent {
			e := parseNote(t, line).event
			if e.Worker.Stats.CallsHandled == 0 || e.Worker.State == "" || e.Worker.WorkingStatus == "" {
				t.Errorf("event = %s", line)
			}
			break
		}
		var n jsonrpc.StatsNote
		if err := json.Unmarshal(note.Params, &n); err != nil {
			t.Fatal(err)
		}
		told = n.Stats
	}
	if told.WorkerCount != 1 || told.IdleWorkerCount != 0 { // the worker is there, and takes no calls
		t.Errorf("stats before the event = %+v", told)
	}
}
