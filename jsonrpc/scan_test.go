package jsonrpc

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestAFrameIsOneJSONObjectAndNothingElse(t *testing.T) {
	for frame, valid := range map[string]bool{
		`{}`: true, ` { } `: true, `{"a":1}`: true, "\t{\"a\"\r:\n[ ] }": true,
		`{"a":-0.1e+5,"b":0,"c":-0,"d":1E5,"e":12.50}`:   true,
		`{"a":1e400,"b":123456789012345678901234567890}`: true,
		`{"a":"\"\\\/\b\f\n\r\t\u00e9\uD800"}`:           true,
		`{"a":"é €  ` + "\u2028\u007f" + `"}`:            true,
		`{"a":true,"b":false,"c":null,"a":{}}`:           true,
		``:                                               false, ` `: false, `{`: false, `}`: false, `{}}`: false, `{}{}`: false, `{}x`: false,
		`{"a"}`: false, `{"a":}`: false, `{"a":1,}`: false, `{,}`: false, `{"a":1 "b":2}`: false, `{a:1}`: false, `{'a':1}`: false,
		`{"a":01}`: false, `{"a":-}`: false, `{"a":1.}`: false, `{"a":.5}`: false, `{"a":1e}`: false, `{"a":+1}`: false, `{"a":0x1}`: false,
		`{"a":1e+}`: false, `{"a":--1}`: false, `{"a":NaN}`: false, `{"a":Infinity}`: false, `{"a":tru}`: false, `{"a":nulll}`: false,
		`{"a":"x}`: false, `{"a":"\x"}`: false, `{"a":"\u12g4"}`: false, `{"a":"\u12`: false, `{"a":"\`: false,
		"{\"a\":\"\t\"}": false, "{\"a\":\"x\x00\"}": false, "{\"a\":\"1234567\x1f\"}": false, "\ufeff{}": false, "\v{}": false, "{\"a\":\u00a01}": false,
		`{"a":[1,]}`: false, `{"a":[,1]}`: false, `{"a":[1 2]}`: false, `{"a":[1}`: false, `{"a":{]}`: false, `{"a":1]`: false,
		"{\"a\":\"\xff\"}": false, "{\"a\":\"\xed\xa0\x80\"}": false, "{\"a\":\"\xc0\x80\"}": false,
		`[]`: false, `1`: false, `"a"`: false, `null`: false, `nul`: false, `[`: false,
	} {
		_, err := scanEnvelope([]byte(frame), 0)
		if (err == nil) != valid {
			t.Errorf("%q: %v", frame, err)
		}
		if object := strings.HasPrefix(strings.TrimSpace(frame), "{"); errors.Is(err, errNotObject) != (!object && json.Valid([]byte(frame))) {
			t.Errorf("%q: %v", frame, err)
		}
	}
}

func TestMembersAreFoundAsTheyWereWritten(t *testing.T) {
	frame := []byte(` {"id" : 1.0 ,"x":{"id":2},"\u006dethod": "a\n" , "params":[ 1.0,1e400 , {"a":1,"a":2}],"meta":{} ,"result":null,"error": {"b" :1 },"ID":3,"jsonrpc":"1","jsonrpc":"2.0"}`)
	e, err := scanEnvelope(frame, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, member := range []struct{ name, got, want string }{
		{"id", string(e.id), `1.0`},
		{"method", string(e.method), `"a\n"`},
		{"params", string(e.params), `[ 1.0,1e400 , {"a":1,"a":2}]`},
		{"meta", string(e.meta), `{}`},
		{"result", string(e.result), `null`},
		{"error", string(e.err), `{"b" :1 }`},
		{"jsonrpc", string(e.version), `"2.0"`},
	} {
		if member.got != member.want {
			t.Errorf("%s is %s, want %s", member.name, member.got, member.want)
		}
	}
}

func TestAMemberCannotBeAppendedToOverItsNeighbour(t *testing.T) {
	frame := []byte(`{"params":[1],"id":7}`)
	e, err := scanEnvelope(frame, 0)
	if err != nil {
		t.Fatal(err)
	}
	_ = append(e.params, "XXXXXXX"...)
	if string(e.id) != "7" {
		t.Fatalf("id became %s", e.id)
	}
}

func TestNestingIsAllowedToExactly512Levels(t *testing.T) {
	for depth, valid := range map[int]bool{MaxDepth: true, MaxDepth + 1: false, 1_000_000: false} {
		frame := `{"params":` + nested("[", depth-1, "]") + `}`
		if _, err := scanEnvelope([]byte(frame), 0); (err == nil) != valid || err != nil && !errors.Is(err, errTooDeep) {
			t.Errorf("%d levels of arrays: %v", depth, err)
		}
		frame = nested(`{"a":`, depth, "}")
		if _, err := scanEnvelope([]byte(frame), 0); (err == nil) != valid || err != nil && !errors.Is(err, errTooDeep) {
			t.Errorf("%d levels of objects: %v", depth, err)
		}
	}
}

func TestAnAnswerMayNestAsMuchDeeperAsIsSaid(t *testing.T) {
	for depth, valid := range map[int]bool{MaxDepth + AnswerDepth: true, MaxDepth + AnswerDepth + 1: false} {
		if _, err := scanEnvelope([]byte(nested(`{"a":`, depth, "}")), AnswerDepth); (err == nil) != valid {
			t.Errorf("%d levels: %v", depth, err)
		}
	}
}

func TestDepthCountsBracketsOutsideOfStrings(t *testing.T) {
	for text, want := range map[string]int{
		``: 0, `1`: 0, `[]`: 1, `[[],[[]]]`: 3, `{"[":{"a":"\\"}}`: 2, `["\"[[[",{}]`: 2, `["\\",[]]`: 2, nested("[", 700, "]"): 700,
	} {
		if got := Depth([]byte(text)); got != want {
			t.Errorf("%.20s: %d, want %d", text, got, want)
		}
	}
}

func TestEveryByteOfAStringIsLookedAt(t *testing.T) {
	for length := range 40 {
		for at := range length {
			for c := range 256 {
				value := bytes.Repeat([]byte{'x'}, length)
				value[at] = byte(c)
				frame := append(append([]byte(`{"a":"`), value...), `"}`...)
				_, err := scanEnvelope(frame, 0)
				if want := json.Valid(frame) && utf8.Valid(frame); (err == nil) != want {
					t.Fatalf("%q: %v", frame, err)
				}
			}
		}
	}
}

// nested is a number so many levels deep.
func nested(open string, levels int, end string) string {
	return strings.Repeat(open, levels) + "1" + strings.Repeat(end, levels)
}

// FuzzScan holds the scanner to encoding/json: what is valid, and where the members are.
func FuzzScan(f *testing.F) {
	for _, seed := range []string{
		`{"jsonrpc":"2.0","id":1,"method":"m","params":[1.0,"é\u00e9",{"a":null}],"meta":{"x":[true,false]}}`,
		`{"jsonrpc":"2.0","id":"a","error":{"code":-1,"message":"x","data":-0.5E-7}}`, ` {"a" : [ ] , "b":{ } } `,
		`{"a":1,"a":2,"\u0061":3}`, `{"id":1e5,"id":01}`, `{"a":"0123456\n"}`, `{"a":"` + "\x7f\x1f" + `"}`, "{\"a\":\"\xff\"}",
		`{"a":[[[[[[]]]]]]}`, `[1,2,{"a":"b"}]`, `"x"`, `-`, `{"a":tru`, `{"\ud800":1}`,
		`{"a":` + nested("[", MaxDepth-1, "]") + `}`, `{"a":` + nested("[", MaxDepth, "]") + `}`, nested(`{"a":`, MaxDepth+1, "}"), strings.Repeat("[", 100_000),
		`{"a":1e999,"b":-1E-999,"c":` + strings.Repeat("9", 400) + `,"d":0.` + strings.Repeat("3", 400) + `}`, // kept, not read
		`{"id":1,"id":2,"i\u0064":3}`, `{"a":"\ud800","b":"\udc00\ud800","c":"\ud83d\ude00"}`, "{\"a\":\"\x00\"}", `{"a":"\u0000","\u0000":1}`,
		"{\"a\":\"\xed\xa0\x80\"}", "{\"\xc0\x80\":1}", "{\"a\":\"\xf4\x90\x80\x80\"}", "\ufeff{}", `{"a":"` + strings.Repeat("x", 7) + "\x80" + `"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		var members map[string]json.RawMessage
		isObject := json.Valid(frame) && frame[len(frame)-len(bytes.TrimLeft(frame, " \t\r\n"))] == '{'
		_, err := scanEnvelope(frame, 0)
		if tooDeep := errors.Is(err, errTooDeep); tooDeep { // what is behind that level is not looked at
			if most := Depth(frame); most <= MaxDepth {
				t.Fatalf("%.200q, of %d levels: %v", frame, most, err)
			}
			return
		}
		if (err == nil) != (isObject && utf8.Valid(frame)) || err == nil && Depth(frame) > MaxDepth {
			t.Fatalf("%q: %v", frame, err)
		}
		if errors.Is(err, errNotObject) && !json.Valid(frame) {
			t.Fatalf("%q: %v", frame, err)
		}
		if err != nil {
			return
		}
		if err := json.Unmarshal(frame, &members); err != nil {
			t.Fatal(err)
		}
		found := map[string]json.RawMessage{}
		s := scanner{b: frame}
		s.space()
		if err := s.object(0, func(key, value []byte) { found[string(memberName(key))] = value }); err != nil {
			t.Fatal(err)
		}
		if len(found) != len(members) {
			t.Fatalf("%q: found %q, want %q", frame, found, members)
		}
		for name, value := range members {
			if !bytes.Equal(found[name], value) {
				t.Fatalf("%q: %q is %q, want %q", frame, name, found[name], value)
			}
		}
	})
}
