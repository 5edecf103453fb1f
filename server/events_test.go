package server

import (
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/whipper-sidecar/whipper/jsonrpc"
)

// note is a notification, taken apart.
type note struct {
	Method string
	Params json.RawMessage
	event  jsonrpc.Event
}

func parseNote(t *testing.T, line string) note {
	t.Helper()
	var n note
	if err := json.Unmarshal([]byte(line), &n); err != nil || n.Method == "" {
		t.Fatalf("%v in what should be a notification: %q", err, line)
	}
	if n.Method == jsonrpc.MethodEvent {
		if err := json.Unmarshal(n.Params, &n.event); err != nil {
			t.Fatalf("%v in %q", err, line)
		}
	}
	return n
}

// event is the next line, which must be an event.
func (c *client) event() jsonrpc.Event {
	c.t.Helper()
	n := parseNote(c.t, c.line())
	if n.Method != jsonrpc.MethodEvent {
		c.t.Fatalf("%s came", n.Method)
	}
	return n.event
}

// ready waits for the pool's worker, until its events are over.
func (r *rig) ready() *rig {
	r.t.Helper()
	c := r.dial()
	c.must("job.invoke", `{"method":"echo","params":[]}`, new(json.RawMessage))
	eventually(r.t, "the worker is idle", func() bool {
		var w jsonrpc.WorkerListResult
		c.must("worker.list", "", &w)
		return w.Workers[0].WorkingStatus == "idle"
	})
	if err := r.ledger.Flush(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	c.Close()
	return r
}

func TestASubscriberGetsItsAnswerAndThenTheEventsItAskedFor(t *testing.T) {
	r := servePool(t).ready()
	c, other := r.dial(), r.dial()
	if got := c.ask(requestLine("1", "event.subscribe", `{"types":["job"],"pool":"default"}`)); got != `{"jsonrpc":"2.0","id":1,"result":{"subscription":1}}` {
		t.Fatalf("answer = %s", got)
	}
	if got := c.ask(requestLine("2", "event.subscribe", `{"types":["job:failed","worker:working-status:idle"]}`)); got != `{"jsonrpc":"2.0","id":2,"result":{"subscription":2}}` {
		t.Fatalf("answer = %s", got)
	}
	if a := other.call("job.invoke", `{"method":"fail","params":["secret"]}`); a.Error == nil {
		t.Fatal("it did not fail")
	}
	var first, second []string
	for len(first) < 2 || len(second) < 2 {
		line := c.line()
		e := parseNote(t, line).event
		if strings.Contains(line, "secret") || e.Pool != "default" || e.At.IsZero() {
			t.Errorf("event = %s", line)
		}
		if e.Subscription == 1 {
			first = append(first, e.Type)
		} else {
			second = append(second, e.Type)
		}
		if e.Type == jsonrpc.EventJobFailed {
			if j := e.Job; j.Method != "fail" || j.State != "failed" || j.Origin != "invoke" || j.Attempt != 1 || j.Worker != "w1" || j.PID == 0 ||
				j.StartedAt == nil || j.FinishedAt == nil || j.WaitMs == nil || j.RunMs == nil || j.Outcome != "error" ||
				j.ErrorSource != "worker" || *j.Error != (jsonrpc.EventError{Code: 1002, Type: "TimeoutError", Message: "no <luck>"}) {
				t.Errorf("failed: %s", line)
			}
		}
	}
	if want := []string{"job:started", "job:failed"}; !slices.Equal(first, want) {
		t.Errorf("first subscription got %v, want %v", first, want)
	}
	if slices.Sort(second); !slices.Equal(second, []string{"job:failed", "worker:working-status:idle"}) {
		t.Errorf("second subscription got %v", second)
	}

	// After both are ended nothing comes but answers.
	for id := 1; id <= 2; id++ {
		if a := c.call("event.unsubscribe", fmt.Sprintf(`{"subscription":%d}`, id)); string(a.Result) != "{}" {
			t.Fatalf("unsubscribe: %s %v", a.Result, a.Error)
		}
	}
	other.call("job.invoke", `{"method":"fail"}`)
	if got := c.ask(requestLine("3", "ping", "")); !strings.Contains(got, `"id":3`) {
		t.Errorf("after unsubscribing came %s", got)
	}
}

func TestSubscriptionsThatCannotBeMeantAreRefused(t *testing.T) {
	c := serveFake(t, &fakePool{}).dial()
	for _, test := range []struct {
		method, params string
		code           int64
		says           string
	}{
		{"event.subscribe", `{"types":["job","job:lost"]}`, jsonrpc.CodeInvalidParams, `types[1]: "job:lost" is neither a type of event nor a group`},
		{"event.subscribe", `{"types":["job:*"]}`, jsonrpc.CodeInvalidParams, `is called "job"`},
		{"event.subscribe", `{"pool":"other"}`, jsonrpc.CodeNotFound, `"other"`},
		{"event.subscribe", `{"type":"job"}`, jsonrpc.CodeInvalidParams, `unknown field "type"`},
		{"event.unsubscribe", `{"subscription":1}`, jsonrpc.CodeNotFound, "no subscription 1"},
	} {
		a := c.call(test.method, test.params)
		if a.Error == nil || a.Error.Code != test.code || !strings.Contains(a.Error.Message, test.says) {
			t.Errorf("%s %s: %v %s", test.method, test.params, a.Error, a.Result)
		}
	}
	for range maxSubscriptions {
		c.must("event.subscribe", "", new(jsonrpc.SubscribeResult))
	}
	if a := c.call("event.subscribe", ""); a.Error == nil || a.Error.Code != jsonrpc.CodeInvalidArgument {
		t.Errorf("one more than there may be: %v %s", a.Error, a.Result)
	}
	c.must("event.unsubscribe", `{"subscription":3}`, new(struct{}))
	var s jsonrpc.SubscribeResult
	if c.must("event.subscribe", "", &s); s.Subscription != maxSubscriptions+1 {
		t.Errorf("a subscription in place of one that has ended has number %d", s.Subscription)
	}
}

func TestASubscriberThatDoesNotReadHoldsNobodyUpAndIsToldWhatItLost(t *testing.T) {
	r := servePool(t).ready()
	stalled, other := r.dial(), r.dial()
	stalled.must("event.subscribe", `{"types":["job:progress","job:succeeded"]}`, new(jsonrpc.SubscribeResult))
	const values = 12_000
	other.flood(values, 300)
	// It can still ask for something, though its answer comes after what it has not read.
	stalled.send(requestLine("2", "job.submit", `{"method":"echo"}`))
	other.succeeded("echo", 2) // one is ready's
	if err := r.ledger.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	known, lost := int64(0), int64(0)
	for known+lost < values+2 {
		line := stalled.line()
		if strings.Contains(line, `"id":2,"result"`) {
			continue
		}
		e := parseNote(t, line).event
		known, lost = known+1, lost+e.Lost
		if last := known+lost == values+2; last != (e.Job.Method == "echo") {
			t.Fatalf("event %d, %d of them lost, is %s", known+lost, lost, line)
		}
		if e.Type == jsonrpc.EventJobProgress {
			var value string
			if n := 0; json.Unmarshal(e.Progress, &value) != nil || !sscan(value, &n) || int64(n) != known+lost-1 {
				t.Fatalf("event %d, %d of them lost, has progress %.20s", known+lost, lost, value)
			}
		}
	}
	if lost == 0 {
		t.Error("nothing was lost by a subscriber that did not read")
	}
}

func sscan(text string, n *int) bool {
	_, err := fmt.Sscan(text, n)
	return err == nil
}

// flood has a job tell so many values of so many bytes, and waits for its end.
func (c *client) flood(values, size int) {
	c.t.Helper()
	c.must("job.submit", fmt.Sprintf(`{"method":"flood","params":[%d,%d]}`, values, size), new(jsonrpc.SubmitResult))
	c.succeeded("flood", 1)
}

// succeeded waits until so many jobs with this method have.
func (c *client) succeeded(method string, n int) {
	c.t.Helper()
	eventually(c.t, fmt.Sprintf("%d jobs of %s have succeeded", n, method), func() bool {
		var list jsonrpc.JobsResult
		c.must("job.list", `{"method":"`+method+`","state":"succeeded"}`, &list)
		return len(list.Jobs) == n
	})
}

func TestASubscriberThatHasEndedItsOwnDirectionGoesOnToGetEvents(t *testing.T) {
	r := servePool(t).ready()
	c, other := r.dial(), r.dial()
	c.send(requestLine("1", "event.subscribe", `{"types":["job:succeeded"]}`))
	if err := c.Conn.(*net.UnixConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got := c.line(); !strings.Contains(got, `"subscription":1`) {
		t.Fatalf("answer = %s", got)
	}
	for range 3 {
		other.must("job.invoke", `{"method":"echo"}`, new(json.RawMessage))
		if e := c.event(); e.Type != jsonrpc.EventJobSucceeded {
			t.Errorf("event = %+v", e)
		}
	}
}

func TestSubscribersGetTheLastEventsAndThenTheEnd(t *testing.T) {
	r := servePool(t).ready()
	c, stalled := r.dial(), r.dial()
	c.must("event.subscribe", "", new(jsonrpc.SubscribeResult))
	stalled.must("event.subscribe", `{"types":["job:progress"]}`, new(jsonrpc.SubscribeResult))
	other := r.dial()
	other.flood(2000, 3000) // nobody reads all that
	other.must("job.submit", `{"method":"hang"}`, new(jsonrpc.SubmitResult))
	for e := c.event(); e.Type != jsonrpc.EventJobStarted || e.Job.Method != "hang"; {
		e = c.event()
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.end() // fails the test if it takes too long
	}()
	var types []string
	for {
		line := c.line()
		if line == "" {
			break
		}
		types = append(types, parseNote(t, line).event.Type)
	}
	<-done
	for _, want := range []string{"worker:pool:unavailable", "worker:process:exited", "job:retrying"} {
		if !slices.Contains(types, want) {
			t.Errorf("%s did not come before the end; there were %v", want, types)
		}
	}
}

func TestTheCallerHearsTheProgressOfItsCallsAndWaits(t *testing.T) {
	r := servePool(t).ready()
	c, waiter := r.dial(), r.dial()
	c.send(requestLine(`"mine"`, "job.invoke", `{"method":"tell","params":[{"progress":1, "total":2}, 2.50, "<done>"]}`))
	for _, want := range []string{`{"progress":1, "total":2}`, `2.50`, `"<done>"`} {
		n := parseNote(t, c.line())
		var p jsonrpc.ProgressParams
		if err := json.Unmarshal(n.Params, &p); err != nil || n.Method != "$/progress" || string(p.ID) != `"mine"` || p.Job < 1 || string(p.Value) != want {
			t.Errorf("%s %s, want the value %s", n.Method, n.Params, want)
		}
	}
	if got := c.line(); !strings.HasPrefix(got, `{"jsonrpc":"2.0","id":"mine","result":null`) {
		t.Errorf("answer = %s", got)
	}

	var s jsonrpc.SubmitResult
	c.must("job.submit", `{"method":"hang"}`, &s)
	waiter.send(requestLine("5", "job.wait", fmt.Sprintf(`{"ids":[%d,%d]}`, s.ID, s.ID+1)))
	if got := waiter.line(); !strings.Contains(got, "NotFoundError") {
		t.Fatalf("wait for a job that is not there: %s", got)
	}
	// Two jobs, of which one tells something until it is heard.
	var told jsonrpc.SubmitResult
	c.must("job.submit", `{"method":"repeat","params":["a"]}`, &told)
	waiter.send(requestLine("6", "job.wait", fmt.Sprintf(`{"ids":[%d,%d]}`, s.ID, told.ID)))
	if got, want := waiter.line(), fmt.Sprintf(`{"jsonrpc":"2.0","method":"$/progress","params":{"id":6,"job":%d,"value":"a"}}`, told.ID); got != want {
		t.Errorf("the wait heard %s, want %s", got, want)
	}
	c.must("job.cancel", fmt.Sprintf(`{"ids":[%d,%d]}`, s.ID, told.ID), new(jsonrpc.CountResult))
	got := waiter.line()
	for strings.Contains(got, "$/progress") {
		got = waiter.line()
	}
	if !strings.HasPrefix(got, `{"jsonrpc":"2.0","id":6,"result":{"jobs":[`) {
		t.Errorf("answer = %s", got)
	}
	// A notification has no id that progress could be for.
	c.send(`{"jsonrpc":"2.0","method":"job.invoke","params":{"method":"tell","params":[1,2]}}`)
	if got := c.ask(requestLine("7", "job.invoke", `{"method":"echo","params":[]}`)); !strings.HasPrefix(got, `{"jsonrpc":"2.0","id":7,"result"`) {
		t.Errorf("after a call that was a notification came %s", got)
	}
}

func TestACallerThatIsSlowHearsTheNewestProgressInBoundedRoom(t *testing.T) {
	r := servePool(t).ready()
	c := r.dial()
	const values, size = 3000, 3000
	c.send(requestLine("1", "job.invoke", fmt.Sprintf(`{"method":"flood","params":[%d,%d]}`, values, size)))
	r.dial().succeeded("flood", 1) // it waits for no reader
	heard, last := 0, -1
	for {
		line := c.line()
		if strings.Contains(line, `"result"`) {
			break
		}
		var n int
		if _, err := fmt.Sscanf(line[strings.Index(line, `"value":"`)+len(`"value":"`):], "%d ", &n); err != nil || n <= last {
			t.Fatalf("%v: value %d after %d", err, n, last)
		}
		heard, last = heard+1, n
	}
	if heard == 0 || heard == values {
		t.Errorf("%d of %d values were heard by a caller that did not read", heard, values)
	}
}
