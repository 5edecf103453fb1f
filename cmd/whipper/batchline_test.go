package main

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/server"
)

func TestALineOfABatchTakesEveryMemberOfASubmission(t *testing.T) {
	line := `{"pool":"p","method":"m","params":{"a":[1, 2]},"timeoutMs":1,"priority":-2,"delayMs":3,"maxAttempts":4,` +
		`"backoff":{"baseMs":1,"factor":2,"capMs":3,"jitter":0.5},"idempotencyKey":"k","delivery":"at-most-once",` +
		`"expiresAt":"2026-01-02T03:04:05.678Z","labels":{"a":"b"},"traceparent":"00-x-y-01"}`
	job, fault := parseJob([]byte(line))
	if fault != nil {
		t.Fatal(fault)
	}
	if string(job.Params) != `{"a":[1, 2]}` {
		t.Errorf("params are %s, not the bytes of the line", job.Params)
	}
	var want jsonrpc.SubmitParams
	if err := json.Unmarshal([]byte(line), &want); err != nil || !reflect.DeepEqual(job, want) {
		t.Errorf("got %+v, want %+v (%v)", job, want, err)
	}
}

func TestANameMayBeWrittenWithEscapes(t *testing.T) {
	if job, fault := parseJob([]byte(`{"m\u0065thod":"m"}`)); fault != nil || job.Method != "m" {
		t.Errorf("%+v, %+v", job, fault)
	}
}

func TestABadLineIsToldWithItsPlace(t *testing.T) {
	for line, want := range map[string]struct {
		at  int
		why string
	}{
		`{"method":"m"`:              {13, "unexpected end of JSON input"},
		`{"method":"m",}`:            {14, "invalid character"},
		`[1]`:                        {0, "a JSON object is wanted"},
		`nonsense`:                   {1, "invalid character 'o' in literal null"},
		`{"method":"m"} {}`:          {14, "more than one JSON value"},
		`{"method":"m"}}`:            {14, "more than one JSON value"},
		`{}`:                         {0, `"method" is missing`},
		`{"method":7}`:               {10, "method: number given, string wanted"},
		`{"method":"m", "mehtod":1}`: {15, `unknown member "mehtod", did you mean "method"?`},
		`{"method":"m","params":{"x":[1,"y"]},"x":1}`:    {37, `unknown member "x"`},
		`{"method":"m","params":["\\",{}],"Priority":1}`: {33, `unknown member "Priority", did you mean "priority"?`},
		`{"method":"m","params":5}`:                      {14, `"params" is neither an array nor an object`},
		`{"method":"$/ping"}`:                            {1, `"method" begins with "$/"`},
		`{"method":"m","priority":101}`:                  {14, `"priority" 101 is outside -100 to 100`},
		`{"method":"m","delivery":"once"}`:               {14, `"delivery" is neither`},
		`{"method":"m","maxAttempts":-1}`:                {14, `"maxAttempts" is negative`},
		`{"method":"m","maxAttempts":10001}`:             {14, `maxAttempts: 10001 is outside 1 to 10000 (0 or absent: 3)`},
		`{"method":"m","backoff":{"jitter":2}}`:          {14, `backoff.jitter: 2 is outside 0 to 1`},
		`{"method":"m","labels":{"":"a"}}`:               {14, `labels: a label has no name`},
		`{"method":"m","labels":{"a":1}}`:                {28, "labels: number given, string wanted"},
		`{"method":"m","backoff":{"bas":1}}`:             {0, `unknown field "bas"`},
		"{\"method\":\"m\",\"params\":[\"\xff\"]}":       {25, "not UTF-8"},
	} {
		_, got := parseJob([]byte(line))
		if got == nil || got.at != want.at || !strings.Contains(got.why, want.why) {
			t.Errorf("%s: %+v, want %+v", line, got, want)
		}
	}
}

func TestFlagsFillInWhatALineLeavesOpen(t *testing.T) {
	backoff, expires := &jsonrpc.Backoff{BaseMs: 5}, jsonrpc.TimePtr(time.Now())
	flags := jsonrpc.SubmitParams{Pool: "p", Priority: 5, DelayMs: 1000, MaxAttempts: 2, Backoff: backoff, ExpiresAt: expires, Labels: map[string]string{"a": "flag", "b": "flag"}}
	job := jsonrpc.SubmitParams{Method: "m", Priority: -1, Labels: map[string]string{"a": "line"}}
	fillIn(&job, &flags)
	want := jsonrpc.SubmitParams{
		Method: "m", Pool: "p", Priority: -1, DelayMs: 1000, MaxAttempts: 2, Backoff: backoff, ExpiresAt: expires, Labels: map[string]string{"a": "line", "b": "flag"},
	}
	if !reflect.DeepEqual(job, want) {
		t.Errorf("got %+v, want %+v", job, want)
	}
	if len(flags.Labels) != 2 || flags.Labels["a"] != "flag" {
		t.Errorf("the flags were changed: %v", flags.Labels)
	}
}

func TestChunksAreBoundedAndForOnePool(t *testing.T) {
	long := strings.Repeat("x", chunkBytes*2/3)
	lines := strings.Repeat(`{"method":"m"}`+"\n", chunkJobs+1) +
		strings.Repeat(`{"method":"m","params":["`+long+`"]}`+"\n", 2) +
		`{"method":"m","pool":"q"}`
	b := batch{in: strings.NewReader(lines), file: true}
	var sizes []int
	last := 0
	err := b.chunks(func(c *chunk) error {
		if c.first != last+1 || c.last != c.first+len(c.jobs)-1 {
			t.Errorf("lines %d to %d follow %d", c.first, c.last, last)
		}
		last = c.last
		sizes = append(sizes, len(c.jobs))
		return nil
	})
	if want := []int{chunkJobs, 2, 1, 1}; err != nil || !reflect.DeepEqual(sizes, want) {
		t.Errorf("chunks of %v (%v), want %v", sizes, err, want)
	}
}

// FuzzALineOfABatchIsTakenOrItsFaultLiesInIt holds the lines that are taken to what the supervisor makes of them: it decodes the same job, whose params
// are the line's own, and finds nothing wrong with it.
func FuzzALineOfABatchIsTakenOrItsFaultLiesInIt(f *testing.F) {
	for _, seed := range []string{
		`{"method":"m"}`, `{"method":"m","x":1}`, `{`, `{"method":"m"}x`, `{"backoff":[]}`, `{"method":"m","Method":"n"}`, `{"method":"a","method":"$/b"}`, `{"method":"$/b","method":"a"}`,
		`{"method":"m","params":null}`, `{"method":"m","params": { "a" : [ 1e999 , -0.0, "\ud800\u0000é <" ], "a":2 } ,"priority":1}`, `{"method":"m","params":[` + strings.Repeat("9", 400) + `]}`,
		`{"method":"m","maxAttempts":9223372036854775807}`, `{"method":"m","timeoutMs":9223372036854775807}`, `{"method":"m","delayMs":1e999}`, `{"method":"m","priority":1e2}`,
		`{"method":"m","backoff":{"baseMs":-1}}`, `{"method":"m","backoff":{"BaseMs":1,"jitter":2}}`, `{"method":"m","labels":{"":"a"}}`, `{"method":"m","labels":{"a":"1"},"labels":{"b":"\ud800"}}`,
		`{"method":"m","runAt":"0000-01-01T00:00:00+23:59"}`, `{"method":"m","runAt":"9999-12-31T23:59:59-23:59","expiresAt":null}`, "{\"method\":\"\xff\"}", "{\"method\":\"\x00\"}", "\ufeff{}",
		`{"method":"m","params":` + strings.Repeat("[", 508) + strings.Repeat("]", 508) + `}`, `{"method":"m","params":` + strings.Repeat("[", 509) + strings.Repeat("]", 509) + `}`,
		strings.Repeat(`{"method":`, 100_000), `{"me\u0074hod":"m","\u0000":1}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		line := strings.TrimSpace(text)
		if line == "" {
			return
		}
		job, fault := parseJob([]byte(line))
		if fault != nil {
			if fault.at < 0 || fault.at > len(line) || fault.why == "" {
				t.Errorf("%q: %+v", line, fault)
			}
			return
		}
		sent, err := jsonrpc.Encode(jsonrpc.SubmitBatchParams{Jobs: []jsonrpc.SubmitParams{job}})
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if levels := 1 + jsonrpc.Depth(sent); levels > jsonrpc.MaxDepth {
			t.Fatalf("%.100q is taken, but its message nests %d levels", line, levels)
		}
		var read jsonrpc.SubmitBatchParams
		if err := jsonrpc.DecodeParams(sent, &read); err != nil {
			t.Fatalf("%q is sent as %s: %v", line, sent, err)
		}
		if err := server.CheckSubmit("", read.Jobs[0]); err != nil {
			t.Fatalf("%q is taken, but the supervisor would say %v", line, err)
		}
		var given struct{ Params json.RawMessage }
		_ = json.Unmarshal([]byte(line), &given) // where a member comes twice the last counts
		var want bytes.Buffer
		if given.Params != nil && string(given.Params) != "null" {
			if err := json.Compact(&want, given.Params); err != nil {
				t.Fatal(err)
			}
		}
		if got := read.Jobs[0].Params; string(got) != want.String() && !(string(got) == "null" && want.Len() == 0) {
			t.Fatalf("%q: params %q arrive as %q", line, want.String(), got)
		}
		if read.Jobs[0].Method != job.Method || read.Jobs[0].TimeoutMs != job.TimeoutMs || !maps.Equal(read.Jobs[0].Labels, job.Labels) {
			t.Fatalf("%q: %+v arrives as %+v", line, job, read.Jobs[0])
		}
	})
}

func BenchmarkParseJob(b *testing.B) {
	line := []byte(`{"method":"resize","params":["a.png",100],"priority":5}`)
	for b.Loop() {
		if _, fault := parseJob(line); fault != nil {
			b.Fatal(fault)
		}
	}
}
