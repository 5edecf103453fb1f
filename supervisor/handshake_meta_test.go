package supervisor

import (
	"encoding/json"
	"testing"

	"github.com/whipper-sidecar/whipper/ledger"
)

func TestATraceContextIsSplicedIntoTheParamsOfAnMCPServer(t *testing.T) {
	t.Parallel()
	const parent, baggage = `"traceparent":"P"`, `"baggage":"k=\"v\""`
	for _, test := range []struct{ params, want string }{
		{``, `{"_meta":{` + parent + `,"tracestate":"S",` + baggage + `}}`},
		{`{}`, `{"_meta":{` + parent + `,"tracestate":"S",` + baggage + `}}`},
		{` { "a": 1.50 , "ü" : [ ] } `, ` {"_meta":{` + parent + `,"tracestate":"S",` + baggage + `}, "a": 1.50 , "ü" : [ ] } `},
		{`{"a":1, "_meta" : { "progressToken" : 1e2 } , "b":2}`, `{"a":1, "_meta" : {` + parent + `,"tracestate":"S",` + baggage + `, "progressToken" : 1e2 } , "b":2}`},
		{`{"_meta":{}}`, `{"_meta":{` + parent + `,"tracestate":"S",` + baggage + `}}`},
		{`{"\u005fmeta":{"x":1}}`, `{"\u005fmeta":{` + parent + `,"tracestate":"S",` + baggage + `,"x":1}}`},
		{`{"_meta":{},"_meta":{"x":1}}`, `{"_meta":{},"_meta":{` + parent + `,"tracestate":"S",` + baggage + `,"x":1}}`},
		{`{"deep":{"_meta":{}}}`, `{"_meta":{` + parent + `,"tracestate":"S",` + baggage + `},"deep":{"_meta":{}}}`},
		// What the caller has put there goes before.
		{`{"_meta":{"traceparent":"own"}}`, `{"_meta":{` + baggage + `,"traceparent":"own"}}`},
		{`{"_meta":{"tracestate":"own"}}`, `{"_meta":{` + parent + `,` + baggage + `,"tracestate":"own"}}`},
		{`{"_meta":{"baggage":null}}`, `{"_meta":{` + parent + `,"tracestate":"S","baggage":null}}`},
		{`{"_meta":{"traceparent":"own","baggage":""}}`, `{"_meta":{"traceparent":"own","baggage":""}}`},
		// No place for it.
		{`[1,{"_meta":{}}]`, `[1,{"_meta":{}}]`},
		{`{"_meta":null}`, `{"_meta":null}`},
		{`{"_meta":[1]}`, `{"_meta":[1]}`},
	} {
		var params json.RawMessage
		if test.params != "" {
			params = json.RawMessage(test.params)
		}
		got := string(withTraceMeta(params, ledger.Trace{Traceparent: "P", Tracestate: "S", Baggage: `k="v"`}))
		if got != test.want || !json.Valid([]byte(got)) {
			t.Errorf("%s came to\n%s, not to\n%s", test.params, got, test.want)
		}
		if string(params) != test.params {
			t.Errorf("%s was changed to %s", test.params, params)
		}
		if got := withTraceMeta(params, ledger.Trace{}); string(got) != test.params || (got == nil) != (params == nil) {
			t.Errorf("without a trace context %s came to %s", test.params, got)
		}
	}
}

func TestOnlyMCPServersGetATraceContextInTheirParams(t *testing.T) {
	t.Parallel()
	trace := ledger.Trace{Traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", Baggage: "tenant=acme"}
	for protocol, want := range map[string]string{
		"lsp": `{"jsonrpc":"2.0","id":2,"method":"echo","params":{"a":1}}`,
		"mcp": `{"jsonrpc":"2.0","id":2,"method":"echo","params":{"_meta":{"traceparent":"` + trace.Traceparent + `","baggage":"tenant=acme"},"a":1}}`,
		"own": `{"jsonrpc":"2.0","id":2,"method":"echo","params":{"a":1}}`,
	} {
		r := foreignRig(t, protocol, nil).ready()
		if code := r.callAs(Call{Method: "echo", Params: []byte(`{"a":1}`), Trace: trace}).code(); code != 0 {
			t.Errorf("%s: code %d", protocol, code)
		}
		if got := r.message("echo"); got != want {
			t.Errorf("%s: it was sent %s, not %s", protocol, got, want)
		}
		if protocol != "mcp" {
			continue
		}
		if code := r.callAs(Call{Method: "notifications/tell", Trace: trace}).code(); code != 0 {
			t.Errorf("a notification: code %d", code)
		}
		id := r.submit("again", `{"a":1}`, func(j *ledger.Job) { j.Trace = trace })
		if job, _ := r.wait(id); string(job.Params) != `{"a":1}` { // and the notification before it has been read
			t.Errorf("the job's params are %s", job.Params)
		}
		if got, want := r.message("notifications/tell"), `{"jsonrpc":"2.0","method":"notifications/tell","params":{"_meta":{"traceparent":"`+trace.Traceparent+`","baggage":"tenant=acme"}}}`; got != want {
			t.Errorf("it was sent %s, not %s", got, want)
		}
	}
}
