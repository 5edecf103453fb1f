package jsonrpc

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
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
		if _, err := scanEnvelope([]byte(`{"params":`+params+`}`), 0); params != "" && err != nil {
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

func FuzzEncodeInvokeSaysWhatEncodeSays(f *testing.F) {
	for _, params := range []string{`[1]`, ` {"a": "<é>"} `, "[1,\n2]", "[1,\r2]", `[`, ``, `null`, `[] []`, `["\u003c"]`, "[\"\n\"]", strings.Repeat("[", 1000) + strings.Repeat("]", 1000)} {
		f.Add("m", params, "p", int64(1), -3)
		f.Add("", params, "", int64(0), 0)
	}
	f.Fuzz(func(t *testing.T, method, params, pool string, timeout int64, priority int) {
		p := InvokeParams{Pool: pool, Method: method, Params: json.RawMessage(params), TimeoutMs: timeout, Priority: priority}
		got, err := EncodeInvoke(p)
		want, wantErr := Encode(p)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%v, want %v", err, wantErr)
		}
		if err != nil {
			return
		}
		var gotParams, wantParams InvokeParams
		if err := json.Unmarshal(got, &gotParams); err != nil || hasLineEnd(got) {
			t.Fatalf("%s: %v", got, err)
		}
		if err := json.Unmarshal(want, &wantParams); err != nil {
			t.Fatal(err)
		}
		var compact bytes.Buffer
		if len(gotParams.Params) > 0 {
			if err := json.Compact(&compact, gotParams.Params); err != nil {
				t.Fatal(err)
			}
			gotParams.Params = compact.Bytes()
		}
		if !reflect.DeepEqual(gotParams, wantParams) {
			t.Errorf("%s, want %s", got, want)
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
