package jsonrpc

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"
)

func FuzzDecodeSubmitDecodesAsDecodeParams(f *testing.F) {
	for _, params := range []string{
		`{"method":"m"}`, `{"method":"m","params":[1]}`, ` {"method":"m"}`, `{"method":"m"} x`, `{"Method":"m"}`, `{"method":null}`, `{"method":1}`,
		`{"method":"a\u0062"}`, `{"me\u0074hod":"m"}`, `{"method":"é","pool":"p","timeoutMs":1000,"priority":-3}`, `{"delayMs":-1}`, `{"delayMs":1.5}`,
		`{"delayMs":1e3}`, `{"delayMs":0}`, `{"delayMs":99999999999999999999}`, `{"params":null}`, `{"x":1}`, `{"method":"a","method":"b"}`,
		`{"idempotencyKey":"k","concurrencyKey":"c","delivery":"d"}`, `{"traceparent":"t","tracestate":"s","baggage":"b"}`, `{"labels":{"a":"b"}}`,
		`{"runAt":"2026-01-02T15:04:05Z"}`, `{"backoff":{"baseMs":1}}`, `{"maxAttempts":2}`, `[]`, `null`, ``, `{`, `{"params":{"a":[{}]}}`,
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
		var got, want SubmitParams
		gotErr, wantErr := DecodeSubmit(json.RawMessage(params), &got), DecodeParams(json.RawMessage(params), &want)
		if (gotErr == nil) != (wantErr == nil) || gotErr != nil && gotErr.Message != wantErr.Message {
			t.Fatalf("%s: %v, want %v", params, gotErr, wantErr)
		}
		if wantErr == nil && !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, want %+v", params, got, want)
		}
	})
}

func TestSubmitParamsAreDecodedAsTheyWereEncoded(t *testing.T) {
	at := Time{time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC)}
	for _, p := range []SubmitParams{
		{Method: "m"},
		{Method: "\"é\n<"},
		{Pool: "p", Method: "m", Params: json.RawMessage(`[1,"a b"]`)},
		{Method: "m", TimeoutMs: 1, DelayMs: -2},
		{Method: "m", IdempotencyKey: "k", ConcurrencyKey: "c", Delivery: "at-most-once"},
		{Method: "m", Priority: 3, MaxAttempts: 2},
		{Method: "m", Trace: Trace{Traceparent: "t", Tracestate: "s", Baggage: "b"}},
		{Method: "m", RunAt: &at, ExpiresAt: &at},
		{Method: "m", Backoff: &Backoff{BaseMs: 1}, Labels: map[string]string{"a": "b"}},
	} {
		raw, err := Encode(p)
		if err != nil {
			t.Fatal(err)
		}
		var got SubmitParams
		if err := json.Unmarshal(raw, &got); err != nil || !reflect.DeepEqual(got, p) {
			t.Errorf("%s: %+v, %v, want %+v", raw, got, err, p)
		}
	}
	if raw, err := Encode(SubmitParams{Method: "m", Params: json.RawMessage(`{`)}); err == nil {
		t.Errorf("params that are no JSON became %s", raw)
	}
}

func TestSubmitResultIsDecodedAsItWasEncoded(t *testing.T) {
	for _, r := range []SubmitResult{{ID: 7}, {ID: 1 << 62, Duplicate: true}, {}} {
		raw, err := Encode(r)
		var got SubmitResult
		if err != nil || DecodeSubmitResult(raw, &got) != nil || got != r {
			t.Errorf("%s: %+v, %v", raw, got, err)
		}
	}
	for _, unusual := range []string{`{"id":1,"later":2}`, `{"id":1,"duplicate":null}`, ` { "id" : 1 }`} {
		var got SubmitResult
		if err := DecodeSubmitResult(json.RawMessage(unusual), &got); err != nil || got != (SubmitResult{ID: 1}) {
			t.Errorf("%s: %+v, %v", unusual, got, err)
		}
	}
	if err := DecodeSubmitResult(json.RawMessage(`"1"`), new(SubmitResult)); err == nil {
		t.Error("a string became a result")
	}
}
