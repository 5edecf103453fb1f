package server

import (
	"testing"
	"time"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
)

func TestJobLooksOnTheWireAsDocumented(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 678_900_000, time.FixedZone("", 3600))
	full := ledger.Job{
		ID: 7, Pool: "p", Method: "resize", State: ledger.Failed, Priority: -3, Params: []byte(`["<a>", 1.0]`),
		Labels: map[string]string{"k": "v"}, Attempt: 2, MaxAttempts: 3, Timeout: 1500 * time.Millisecond,
		Delivery: ledger.AtMostOnce, Origin: ledger.FromSubmit, IdempotencyKey: "key",
		Trace:     ledger.Trace{Traceparent: "00-1", Tracestate: "s", Baggage: "b"},
		CreatedAt: at, RunAt: at, StartedAt: at.Add(2 * time.Millisecond), FinishedAt: at.Add(5 * time.Millisecond), ExpiresAt: at.Add(time.Hour),
		Worker: "w1", Error: []byte(`{"code":1,"message":"no","data":{"a":  1}}`), ErrorSource: ledger.FromWorker, Progress: []byte(`0.5`),
	}
	retrying := ledger.Job{
		ID: 8, Pool: "p", Method: "m", State: ledger.Queued, Attempt: 1, MaxAttempts: 3, Delivery: ledger.AtLeastOnce, Origin: ledger.FromSubmit,
		CreatedAt: at, RunAt: at.Add(time.Second), StartedAt: at, Worker: "w1", Error: []byte(`{"code":1,"message":"first try"}`), ErrorSource: ledger.FromWorker,
	}
	done := ledger.Job{
		ID: 9, Pool: "p", Method: "m", State: ledger.Succeeded, Attempt: 2, MaxAttempts: 3, Delivery: ledger.AtLeastOnce, Origin: ledger.FromInvoke,
		CreatedAt: at, RunAt: at, StartedAt: at, FinishedAt: at, Worker: "w1", Result: []byte(`null`),
		Error: []byte(`{"code":1,"message":"first try"}`), ErrorSource: ledger.FromWorker,
	}
	given := retrying // up, while it waited for its next run
	given.State, given.FinishedAt, given.ErrorSource, given.Error = ledger.Cancelled, at.Add(time.Hour), "", nil
	unreadable := ledger.Job{ID: 10, State: ledger.Failed, CreatedAt: at, RunAt: at, Error: []byte(`{`)}
	for _, c := range []struct {
		job  ledger.Job
		want string
	}{
		{full, `{"id":7,"pool":"p","method":"resize","state":"failed","priority":-3,"attempt":2,"maxAttempts":3,"params":["<a>",1.0],` +
			`"error":{"code":1,"message":"no","data":{"a":1}},"errorSource":"worker","progress":0.5,"labels":{"k":"v"},` +
			`"createdAt":"2026-01-02T02:04:05.678Z","runAt":"2026-01-02T02:04:05.678Z","startedAt":"2026-01-02T02:04:05.680Z",` +
			`"finishedAt":"2026-01-02T02:04:05.683Z","expiresAt":"2026-01-02T03:04:05.678Z","timeoutMs":1500,"waitMs":2,"runMs":3,"worker":"w1",` +
			`"idempotencyKey":"key","delivery":"at-most-once","origin":"submit","traceparent":"00-1","tracestate":"s","baggage":"b"}`},
		{retrying, `{"id":8,"pool":"p","method":"m","state":"queued","priority":0,"attempt":1,"maxAttempts":3,` +
			`"error":{"code":1,"message":"first try"},"errorSource":"worker","labels":{},` +
			`"createdAt":"2026-01-02T02:04:05.678Z","runAt":"2026-01-02T02:04:06.678Z","startedAt":"2026-01-02T02:04:05.678Z","worker":"w1",` +
			`"delivery":"at-least-once","origin":"submit"}`},
		{done, `{"id":9,"pool":"p","method":"m","state":"succeeded","priority":0,"attempt":2,"maxAttempts":3,"result":null,"labels":{},` +
			`"createdAt":"2026-01-02T02:04:05.678Z","runAt":"2026-01-02T02:04:05.678Z","startedAt":"2026-01-02T02:04:05.678Z",` +
			`"finishedAt":"2026-01-02T02:04:05.678Z","waitMs":0,"runMs":0,"worker":"w1","delivery":"at-least-once","origin":"invoke"}`},
		{given, `{"id":8,"pool":"p","method":"m","state":"cancelled","priority":0,"attempt":1,"maxAttempts":3,"labels":{},` +
			`"createdAt":"2026-01-02T02:04:05.678Z","runAt":"2026-01-02T02:04:06.678Z","startedAt":"2026-01-02T02:04:05.678Z",` +
			`"finishedAt":"2026-01-02T03:04:05.678Z","worker":"w1","delivery":"at-least-once","origin":"submit"}`},
		{unreadable, `{"id":10,"pool":"","method":"","state":"failed","priority":0,"attempt":0,"maxAttempts":0,` +
			`"error":{"code":-32603,"message":"the recorded error cannot be read: unexpected end of JSON input"},"labels":{},` +
			`"createdAt":"2026-01-02T02:04:05.678Z","runAt":"2026-01-02T02:04:05.678Z","delivery":"","origin":""}`},
	} {
		got, err := jsonrpc.Encode(WireJob(&c.job, nil))
		if err != nil || string(got) != c.want {
			t.Errorf("job %d: %v\ngot  %s\nwant %s", c.job.ID, err, got, c.want)
		}
	}
}
