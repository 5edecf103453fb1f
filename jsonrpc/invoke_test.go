package jsonrpc

import (
	"encoding/json"
	"reflect"
	"testing"
)

func FuzzDecodeInvokeDecodesAsDecodeParams(f *testing.F) {
	for _, params := range []string{
		`{"method":"m"}`, `{"method":"m","params":[1]}`, ` {"method":"m"}`, `{"method":"m"} x`, `{"Method":"m"}`, `{"method":null}`, `{"method":1}`,
		`{"method":"a\u0062"}`, `{"me\u0074hod":"m"}`, `{"method":"é","pool":"p","timeoutMs":1000,"priority":-3}`, `{"timeoutMs":-1}`, `{"timeoutMs":1.5}`,
		`{"timeoutMs":1e3}`, `{"timeoutMs":0}`, `{"timeoutMs":99999999999999999999}`, `{"timeoutMs":"1"}`, `{"params":null}`, `{"params":"x"}`, `{"x":1}`,
		`{"method":"a","method":"b"}`, `{"traceparent":"t","tracestate":"s","baggage":"b"}`, `[]`, `null`, ``, `{`, `{"method":"m",}`, `{"params":{"a":[{}]}}`,
	} {
		f.Add(params)
	}
	f.Fuzz(func(t *testing.T, params string) {
		if !json.Valid([]byte(params)) && params != "" || len(params) > 0 && params[0] != '{' && params[0] != '[' {
			t.Skip("a message's params are JSON, and an array or an object")
		}
		if _, err := scanEnvelope([]byte(`{"params":` + params + `}`)); params != "" && err != nil {
			t.Skip("nor does the scanner let this through")
		}
		var got, want InvokeParams
		gotErr, wantErr := DecodeInvoke(json.RawMessage(params), &got), DecodeParams(json.RawMessage(params), &want)
		if (gotErr == nil) != (wantErr == nil) || gotErr != nil && gotErr.Message != wantErr.Message {
			t.Fatalf("%s: %v, want %v", params, gotErr, wantErr)
		}
		if wantErr == nil && !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, want %+v", params, got, want)
		}
	})
}

func TestResponseMetaIsAppendedAsItIsEncoded(t *testing.T) {
	for _, m := range []ResponseMeta{
		{}, {Job: 7, Attempts: 1, Worker: "w1", WaitMs: 2, RunMs: 3}, {Attempts: 2, ErrorSource: "worker"}, {Job: 1, Dropped: true}, {Worker: "\"é\n"},
	} {
		want, err := Encode(m)
		if got := m.AppendTo(nil); err != nil || string(got) != string(want) {
			t.Errorf("%s, want %s, %v", got, want, err)
		}
	}
}
