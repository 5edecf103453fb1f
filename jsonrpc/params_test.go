package jsonrpc

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestParamsThatDoNotFitNameTheFault(t *testing.T) {
	type params struct {
		Name  string   `json:"name"`
		Count int      `json:"count"`
		Max   *uint    `json:"max"`
		Rate  float64  `json:"rate"`
		List  []string `json:"list"`
		Inner struct {
			Deep bool `json:"deep"`
		} `json:"inner"`
		Raw  json.RawMessage `json:"raw"`
		When *Time           `json:"when"`
		Many []struct {
			Trace
			Labels map[string]string `json:"labels"`
		} `json:"many"`
	}
	longText := strings.Repeat("x", 100)
	for raw, want := range map[string]string{
		``: ``, `{}`: ``, `{"name":"a","count":1,"max":2,"rate":1.5,"list":["x"],"inner":{"deep":true},"raw":[1.0]}`: ``,
		`[1]`:                       `invalid params: an object is wanted, by-position params are not accepted`,
		`{"other":1}`:               `invalid params: unknown field "other"`,
		`{"inner":{"x":1}}`:         `invalid params: unknown field "x"`,
		`{"name":5}`:                `invalid params: name: number given, string wanted`,
		`{"count":"5"}`:             `invalid params: count: string given, integer wanted`,
		`{"count":1.5}`:             `invalid params: count: number 1.5 given, integer wanted`,
		`{"count":1e400}`:           `invalid params: count: number 1e400 given, integer wanted`,
		`{"max":-1}`:                `invalid params: max: number -1 given, integer of 0 or more wanted`,
		`{"rate":true}`:             `invalid params: rate: bool given, number wanted`,
		`{"list":{}}`:               `invalid params: list: object given, array wanted`,
		`{"inner":[]}`:              `invalid params: inner: array given, object wanted`,
		`{"inner":{"deep":"true"}}`: `invalid params: inner.deep: string given, true or false wanted`,
		`{} {}`:                     `invalid params: something follows the object`,

		`{"when":"2026-01-02T15:04:05.5+02:00","many":[{"baggage":"b","labels":{"Any":"x"}}],"n\u0061me":"a","raw":{"Any":1}}`: ``,

		`{"Name":"a"}`:                  `invalid params: unknown field "Name"`,
		`{"name":"a","NAME":"b"}`:       `invalid params: unknown field "NAME"`,
		`{"":1}`:                        `invalid params: unknown field ""`,
		`{"inner":{"Deep":true}}`:       `invalid params: unknown field "Deep"`,
		`{"many":[{},{"Baggage":"b"}]}`: `invalid params: unknown field "Baggage"`,
		`{"many":[{"trace":{}}]}`:       `invalid params: unknown field "trace"`,
		`{"when":"yesterday"}`:          `invalid params: when: "yesterday" given, time as in 2026-01-02T15:04:05Z wanted`,
		`{"when":5}`:                    `invalid params: when: 5 given, time as in 2026-01-02T15:04:05Z wanted`,
		`{"when":"` + longText + `"}`:   `invalid params: when: "` + longText[:39] + `… given, time as in 2026-01-02T15:04:05Z wanted`,
	} {
		var p params
		e := DecodeParams(json.RawMessage(raw), &p)
		switch {
		case want == "" && e != nil, want != "" && (e == nil || e.Code != CodeInvalidParams || e.Message != want):
			t.Errorf("%s: %v, want %s", raw, e, want)
		}
	}
	var p params
	if e := DecodeParams(json.RawMessage(`{"raw":[ 1.0 ]}`), &p); e != nil || string(p.Raw) != `[ 1.0 ]` {
		t.Errorf("%s %v", p.Raw, e)
	}
}
