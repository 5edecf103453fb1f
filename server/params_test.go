package server

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
	"github.com/whipper-sidecar/whipper/supervisor"
)

func TestMalformedParamsAreRefusedByName(t *testing.T) {
	r := serveFake(t, &fakePool{invoke: func(context.Context, supervisor.Call) (supervisor.Reply, error) {
		t.Error("the pool was asked")
		return supervisor.Reply{}, nil
	}})
	c := r.dial()
	for _, test := range []struct{ method, params, want string }{
		{"job.invoke", ``, `method: missing, the name of one of the worker's methods is wanted`},
		{"job.invoke", `{"method":""}`, `method: missing, the name of one of the worker's methods is wanted`},
		{"job.invoke", `{"method":"$/ping"}`, `method: "$/ping" begins with "$/", which only whipper's own messages do`},
		{"job.invoke", `{"method":"m","params":1}`, `params: 1 is neither an array nor an object`},
		{"job.invoke", `{"method":"m","params":"0123456789012345678901234567890123456789é"}`, `params: "012345678901234567890123456789012345678… is neither an array nor an object`},
		{"job.invoke", `{"method":"m","priority":101}`, `priority: 101 is outside -100 to 100`},
		{"job.invoke", `{"method":"m","priority":-101}`, `priority: -101 is outside -100 to 100`},
		{"job.invoke", `{"method":"m","timeoutMs":-1}`, `timeoutMs: -1 is outside 0 to 3153600000000 (100 years)`},
		{"job.submit", `{"method":"m","timeoutMs":9223372036854775807}`, `timeoutMs: 9223372036854775807 is outside 0 to 3153600000000 (100 years)`},
		{"job.submit", `{"method":"$/shutdown"}`, `method: "$/shutdown" begins with "$/", which only whipper's own messages do`},
		{"job.submit", `{"method":"m","delayMs":-5}`, `delayMs: -5 is outside 0 to 3153600000000 (100 years)`},
		{"job.submit", `{"method":"m","delayMs":5,"runAt":"2026-01-02T03:04:05.678Z"}`, `runAt: given together with delayMs 5, only one of the two may be`},
		{"job.submit", `{"method":"m","maxAttempts":-1}`, `maxAttempts: -1 is outside 1 to 10000 (0 or absent: 3)`},
		{"job.submit", `{"method":"m","maxAttempts":10001}`, `maxAttempts: 10001 is outside 1 to 10000 (0 or absent: 3)`},
		{"job.submit", `{"Method":"m"}`, `unknown field "Method"`},
		{"job.submit", `{"method":"m","runAt":"yesterday"}`, `runAt: "yesterday" given, time as in 2026-01-02T15:04:05Z wanted`},
		{"job.submitBatch", `{"jobs":[{"method":"m","Priority":1}]}`, `unknown field "Priority"`},
		{"job.submit", `{"method":"m","delivery":"twice"}`, `delivery: "twice" is neither "at-least-once" nor "at-most-once"`},
		{"job.submit", `{"method":"m","backoff":{"baseMs":-1}}`, `backoff.baseMs: -1 is outside 0 to 3153600000000 (100 years)`},
		{"job.submit", `{"method":"m","backoff":{"capMs":-1}}`, `backoff.capMs: -1 is outside 0 to 3153600000000 (100 years)`},
		{"job.submit", `{"method":"m","backoff":{"factor":0.5}}`, `backoff.factor: 0.5 is less than 1 (0 or absent: 2)`},
		{"job.submit", `{"method":"m","backoff":{"jitter":1.5}}`, `backoff.jitter: 1.5 is outside 0 to 1`},
		{"job.submit", `{"method":"m","labels":{"":"x"}}`, `labels: a label has no name`},
		{"job.submitBatch", `{}`, `jobs: missing or empty, at least one job is wanted`},
		{"job.submitBatch", `{"jobs":[{"method":"m"},{"method":"m","priority":200}]}`, `jobs[1].priority: 200 is outside -100 to 100`},
		{"job.get", `{}`, `id: 0 is not a job's id, which is 1 or more`},
		{"job.get", `{"id":-1}`, `id: -1 is not a job's id, which is 1 or more`},
		{"job.list", `{"limit":1001}`, `limit: 1001 is outside 1 to 1000 (0 or absent: 100)`},
		{"job.list", `{"limit":-1}`, `limit: -1 is outside 1 to 1000 (0 or absent: 100)`},
		{"job.list", `{"state":"done"}`, `state: "done" is none of queued, running, succeeded, failed, cancelled, dropped`},
		{"job.list", `{"label":{"value":"x"}}`, `label.name: missing or empty`},
		{"job.list", `{"cursor":"2"}`, `cursor "2": cursor was not made by this ledger's list`},
		{"job.wait", `{}`, `ids: missing or empty, at least one job's id is wanted`},
		{"job.wait", `{"ids":[1,0]}`, `ids[1]: 0 is not a job's id, which is 1 or more`},
		{"job.wait", `{"ids":[1],"timeoutMs":-1}`, `timeoutMs: -1 is outside 0 to 3153600000000 (100 years)`},
		{"job.cancel", `{}`, `ids: missing or empty, at least one job's id is wanted`},
		{"job.cancel", `{"ids":[1],"filter":{"pool":"default"}}`, `filter: given together with ids, only one of the two may be`},
		{"job.cancel", `{"filter":{}}`, `filter: empty, it would cancel every job; name a pool, method, state, since, until, label or grep`},
		{"job.cancel", `{"filter":{"limit":5}}`, `filter.limit: does not apply to job.cancel`},
		{"job.cancel", `{"filter":{"cursor":"j1"}}`, `filter.cursor: does not apply to job.cancel`},
		{"job.cancel", `{"filter":{"payloads":true}}`, `filter.payloads: does not apply to job.cancel`},
		{"job.cancel", `{"filter":{"state":"failed"}}`, `filter.state: "failed" is none of queued, running`},
		{"job.prune", `{}`, `ids: missing or empty, at least one job's id is wanted`},
		{"job.prune", `{"ids":[1],"filter":{"pool":"default"}}`, `filter: given together with ids, only one of the two may be`},
		{"job.prune", `{"filter":{"limit":5}}`, `filter: empty, it would prune every job that is final; name a pool, method, state, since, until, endedBefore, label or grep`},
		{"job.prune", `{"filter":{"pool":"p","limit":-1}}`, `filter.limit: -1 is less than 0 (0 or absent: all)`},
		{"job.prune", `{"filter":{"state":"queued"}}`, `filter.state: "queued" is none of succeeded, failed, cancelled, dropped`},
		{"job.prune", `{"filter":{"label":{}}}`, `filter.label.name: missing or empty`},
	} {
		a := c.call(test.method, test.params)
		if a.Error == nil {
			t.Errorf("%s %s: no error, %s", test.method, test.params, a.Result)
			continue
		}
		if want := "invalid params: " + test.want; a.Error.Code != jsonrpc.CodeInvalidParams || a.Error.Message != want {
			t.Errorf("%s %s: %d\ngot  %s\nwant %s", test.method, test.params, a.Error.Code, a.Error.Message, want)
		}
		if invoke := test.method == jsonrpc.MethodJobInvoke; invoke != (a.Meta != nil) || invoke && a.Meta.ErrorSource != "whipper" {
			t.Errorf("%s %s: meta %+v", test.method, test.params, a.Meta)
		}
	}
	if jobs, _, err := r.ledger.List(t.Context(), ledger.Filter{}); err != nil || len(jobs) != 0 {
		t.Errorf("in the ledger after refusals only: %d jobs %v", len(jobs), err)
	}
}

func TestNullAsACallsParamsIsNone(t *testing.T) {
	c := serveFake(t, &fakePool{invoke: func(_ context.Context, c supervisor.Call) (supervisor.Reply, error) {
		if c.Params != nil {
			t.Errorf("the pool got params %s", c.Params)
		}
		return supervisor.Reply{Result: []byte("1")}, nil
	}}).dial()
	var n int
	c.must("job.invoke", `{"method":"m","params":null}`, &n)
	var first, second jsonrpc.SubmitResult
	c.must("job.submit", `{"method":"m","params":null,"idempotencyKey":"k"}`, &first)
	c.must("job.submit", `{"method":"m","idempotencyKey":"k"}`, &second)
	if !second.Duplicate || second.ID != first.ID {
		t.Errorf("the same without params: %+v after %+v", second, first)
	}
	var b jsonrpc.SubmitBatchResult
	c.must("job.submitBatch", `{"jobs":[{"method":"m","params":null}]}`, &b)
	for _, id := range []int64{first.ID, b.IDs[0]} {
		var job jsonrpc.Job
		if c.must("job.get", fmt.Sprintf(`{"id":%d}`, id), &job); job.Params != nil {
			t.Errorf("job %d has params %s", id, job.Params)
		}
	}
}

func TestWhatIsTooLongOfATraceContextIsLeftOut(t *testing.T) {
	got := make(chan ledger.Trace, 1)
	c := serveFake(t, &fakePool{invoke: func(_ context.Context, c supervisor.Call) (supervisor.Reply, error) {
		got <- c.Trace
		return supervisor.Reply{Result: []byte("1")}, nil
	}}).dial()
	long, most := strings.Repeat("b", mostTrace+1), strings.Repeat("b", mostTrace)
	for _, test := range []struct {
		members string
		want    ledger.Trace
	}{
		{`"traceparent":"00-1","tracestate":"a=1","baggage":"` + long + `"`, ledger.Trace{Traceparent: "00-1", Tracestate: "a=1"}},
		{`"traceparent":"00-1","tracestate":"` + long + `"`, ledger.Trace{Traceparent: "00-1"}},
		{`"traceparent":"` + long + `","baggage":"` + most + `"`, ledger.Trace{Baggage: most}},
	} {
		var n int
		if c.must("job.invoke", `{"method":"m",`+test.members+`}`, &n); <-got != test.want {
			t.Errorf("an invoke's %.60s… has come", test.members)
		}
		var s jsonrpc.SubmitResult
		c.must("job.submit", `{"method":"m",`+test.members+`}`, &s)
		var job jsonrpc.Job
		if c.must("job.get", fmt.Sprintf(`{"id":%d}`, s.ID), &job); ledger.Trace(job.Trace) != test.want {
			t.Errorf("a job's %.60s… has come", test.members)
		}
	}
	put := ToSchedule(jsonrpc.SchedulePutParams{Name: "s", Spec: "@daily", Method: "m", Traceparent: "00-1", Tracestate: long}, "p")
	if put.Traceparent != "00-1" || put.Tracestate != "" {
		t.Errorf("a schedule has %q, %d bytes", put.Traceparent, len(put.Tracestate))
	}
}

func TestEveryMethodRefusesMembersItDoesNotKnowAndPositions(t *testing.T) {
	c := serveFake(t, &fakePool{}).dial()
	for name := range methods {
		for _, params := range []string{`{"pol":"default"}`, `["default"]`} {
			if a := c.call(name, params); a.Error == nil || a.Error.Code != jsonrpc.CodeInvalidParams {
				t.Errorf("%s %s: %v %s", name, params, a.Error, a.Result)
			}
		}
	}
}

func TestPoolIsTheOneNamedOrTheOnlyOne(t *testing.T) {
	echo := func(_ context.Context, c supervisor.Call) (supervisor.Reply, error) {
		return supervisor.Reply{Result: c.Params}, nil
	}
	one := serveFake(t, &fakePool{name: "a", invoke: echo}).dial()
	two := serve(t, func(l *ledger.Ledger) []Pool {
		return []Pool{&fakePool{name: "a", ledger: l, invoke: echo}, &fakePool{name: "b", ledger: l, invoke: echo}}
	}).dial()
	const several = "pool: not given, and there are several: a, b"
	for _, test := range []struct {
		method  string
		members string // beside the pool
	}{
		{"job.invoke", `"method":"m"`},
		{"job.submit", `"method":"m"`},
		{"pool.stats", ``},
		{"worker.list", ``},
	} {
		with := func(pool string) string {
			members := test.members
			if pool != "" && members != "" {
				members += ","
			}
			if pool != "" {
				members += `"pool":"` + pool + `"`
			}
			return "{" + members + "}"
		}
		for _, pool := range []string{"", "a"} {
			if a := one.call(test.method, with(pool)); a.Error != nil {
				t.Errorf("one pool, %s %s: %v", test.method, with(pool), a.Error)
			}
		}
		if a := two.call(test.method, with("b")); a.Error != nil {
			t.Errorf("two pools, %s %s: %v", test.method, with("b"), a.Error)
		}
		if a := two.call(test.method, with("")); a.Error == nil || a.Error.Code != jsonrpc.CodeInvalidArgument || a.Error.Message != several {
			t.Errorf("two pools, %s %s: %v", test.method, with(""), a.Error)
		}
		const none = `pool: no pool is named "c"; there is a, b`
		if a := two.call(test.method, with("c")); a.Error == nil || a.Error.Code != jsonrpc.CodeNotFound || a.Error.Message != none {
			t.Errorf("two pools, %s %s: %v", test.method, with("c"), a.Error)
		}
	}
	a := two.call("job.submitBatch", `{"jobs":[{"method":"m","pool":"a"},{"method":"m","pool":"b"}]}`)
	const mixed = `invalid params: jobs[1].pool: "b" differs from the first job's "a", a batch goes to one pool`
	if a.Error == nil || a.Error.Message != mixed {
		t.Errorf("mixed batch: %v", a.Error)
	}
}
