package endtoend

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

const frameLimit = 16 << 20 // the default of --max-message-size

// padded is a request for a method that is not there, of exactly so many bytes.
func padded(size int) string {
	const head, tail = `{"jsonrpc":"2.0","id":1,"method":"nothing","params":{"a":"`, `"}}`
	return head + strings.Repeat("x", size-len(head)-len(tail)) + tail
}

func nested(open string, levels int, end string) string {
	return strings.Repeat(open, levels) + strings.Repeat(end, levels)
}

// Whatever is sent to the socket gets an error by name, on a connection that goes on, beside others that notice nothing.
func TestHostileFramesAreAnsweredByNameAndHarmNobody(t *testing.T) {
	s := start(t, filepath.Join(t.TempDir(), "state"), "--min-workers", "2", "testdata/calculator.py")
	client := s.client()
	before := mostMemory(t, s.cmd.Process.Pid)
	stop := neighbours(t, client)
	for _, hostile := range []struct{ name, frame, want string }{
		{"100,000 levels without an end", strings.Repeat("[", 100_000), `"id":null,"error":{"code":-32700,"message":"parse error: nested deeper than 512 levels"}`},
		{"100,000 levels of objects", nested(`{"a":`, 100_000, "}"), `"id":null,"error":{"code":-32700,"message":"parse error: `},
		{
			"100,000 levels in params", `{"jsonrpc":"2.0","id":1,"method":"ping","params":` + nested("[", 100_000, "]") + `}`,
			`"id":1,"error":{"code":-32700,"message":"parse error: nested deeper than 512 levels"}`,
		},
		{"a number that is none", `{"jsonrpc":"2.0","id":1,"method":"job.get","params":{"id":1e999}}`, `"id":1,"error":{"code":-32602,"message":"invalid params: id: number 1e999 given, integer wanted"}`},
		{
			"400 digits", `{"jsonrpc":"2.0","id":1,"method":"job.get","params":{"id":` + strings.Repeat("9", 400) + `}}`,
			`"id":1,"error":{"code":-32602,"message":"invalid params: id: number 9999`,
		},
		{"an id of 400 digits", `{"jsonrpc":"2.0","id":` + strings.Repeat("9", 400) + `,"method":"nothing"}`, `"id":` + strings.Repeat("9", 400) + `,"error":{"code":-32601,`},
		{"duplicate members", `{"jsonrpc":"2.0","id":1,"id":2,"method":"ping","method":"nothing"}`, `"id":2,"error":{"code":-32601,`},
		{"a lone surrogate", `{"jsonrpc":"2.0","id":"\ud800","method":"\udc00"}`, `"id":"\ud800","error":{"code":-32601,"message":"method \"�\" not found`},
		{"NUL in a string", `{"jsonrpc":"2.0","id":1,"method":"a\u0000"}`, `"id":1,"error":{"code":-32601,"message":"method \"a\\x00\" not found`},
		{"NUL between tokens", "{\"jsonrpc\":\"2.0\",\x00\"id\":1,\"method\":\"ping\"}", `"id":null,"error":{"code":-32700,"message":"parse error: not JSON at byte 17"}`},
		{"invalid UTF-8", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"caf\xe9\"}", `"id":null,"error":{"code":-32700,"message":"parse error: not UTF-8"}`},
		{"a surrogate in UTF-8", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xed\xa0\x80\"}", `"id":null,"error":{"code":-32700,"message":"parse error: not UTF-8"}`},
		{"a byte order mark", "\ufeff{}", `"id":null,"error":{"code":-32700,"message":"parse error: not JSON at byte 0"}`},
		{"headers of the other framing", "Content-Length: 2\r", `"id":null,"error":{"code":-32700,"message":"parse error: not JSON at byte 0"}`},
		{"exactly 16 MiB", padded(frameLimit), `"id":1,"error":{"code":-32601,`},
		{"16 MiB and a byte", padded(frameLimit + 1), `"id":1,"error":{"code":1009,"message":"message too large: frame is larger than 16777216 bytes","data":{"type":"MessageTooLargeError"}}`},
		{"64 MiB of nothing", strings.Repeat("x", 4*frameLimit), `"id":null,"error":{"code":1009,`},
	} {
		t.Run(hostile.name, func(t *testing.T) {
			c := s.bare(t)
			c.send([]byte(hostile.frame))
			if got := string(c.line()); !strings.HasPrefix(got, `{"jsonrpc":"2.0",`+hostile.want) {
				t.Errorf("got %.300s", got)
			}
			c.send([]byte(fence))
			if why := unlike([]byte(fenceAnswer), c.line()); why != "" {
				t.Errorf("the next request: %s", why)
			}
		})
	}
	half := s.bare(t)
	_, err := half.Write([]byte(padded(frameLimit)[:frameLimit/2]))
	check(t, err)
	whole := s.bare(t)
	whole.send([]byte(fence))
	whole.line()
	half.Close()
	stop()
	if after := mostMemory(t, s.cmd.Process.Pid); after > before+200<<20 { // some frames of 16 MiB at a time, and the runtime's room for as much again
		t.Errorf("the supervisor grew from %d to %d MiB", before>>20, after>>20)
	}
}

// What a program sends as its params arrives in it as it was, whatever it is, and its result comes back to each client that reads it.
func TestHostilePayloadsComeThrough(t *testing.T) {
	s := start(t, filepath.Join(t.TempDir(), "state"), "--min-workers", "1", "--max-workers", "1", "--", "python3", "testdata/rogue.py")
	c := s.client()
	deepest := nested("[", 510, "]") // what a request may hold
	for _, payload := range []string{
		`[1e999,-0,1.50,` + strings.Repeat("9", 400) + `]`, `{"a":1,"a":2,"\u0061":3}`, `["\ud800","\udc00\ud800","\u0000","\/"]`, deepest,
	} {
		result, _, err := c.Invoke(t.Context(), whipper.InvokeParams{Method: "raw", Params: raw(t, payload), TimeoutMs: patience.Milliseconds()})
		if err != nil || string(result) != payload {
			t.Errorf("%.80s comes back as %.80s, %v", payload, result, err)
		}
		submitted, err := c.Submit(t.Context(), whipper.SubmitParams{Method: "bytes-of-params", Params: json.RawMessage(payload), MaxAttempts: 1})
		check(t, err)
		waited, err := c.Wait(t.Context(), whipper.WaitParams{IDs: []int64{submitted.ID}, TimeoutMs: patience.Milliseconds()})
		check(t, err)
		if got := string(waited.Jobs[0].Result); got != quoted(payload) {
			t.Errorf("%.80s arrives as %.80s", payload, got)
		}
	}
}

func quoted(text string) string {
	b, _ := json.Marshal(text) // a string always has an encoding
	return string(b)
}

// The payloads of jobs lie deeper in the answers that bring them than in the message that brought them: no client may lose its connection over that.
func TestAClientReadsTheDeepestPayloadsThatAJobCanHave(t *testing.T) {
	s := start(t, filepath.Join(t.TempDir(), "state"), "--min-workers", "1", "--max-workers", "1", "--", "python3", "testdata/rogue.py")
	c := s.client()
	var ids []int64
	for _, method := range []string{"raw", "raw-error"} {
		deepest := 511 // in a result: there is the frame around it
		if method == "raw-error" {
			deepest = 510 // in an error's data
		}
		submitted, err := c.Submit(t.Context(), whipper.SubmitParams{Method: method, Params: raw(t, nested("[", deepest, "]")), MaxAttempts: 1})
		check(t, err)
		ids = append(ids, submitted.ID)
	}
	waited, err := c.Wait(t.Context(), whipper.WaitParams{IDs: ids, TimeoutMs: patience.Milliseconds()})
	check(t, err)
	if got := string(waited.Jobs[0].Result); got != nested("[", 511, "]") {
		t.Errorf("the result is %.60s", got)
	}
	if fault := waited.Jobs[1].Error; fault == nil || string(fault.Data) != nested("[", 510, "]") {
		t.Errorf("the error is %+v", fault)
	}
	for _, id := range ids {
		_, err := c.Get(t.Context(), whipper.GetParams{ID: id})
		check(t, err)
	}
	_, err = c.List(t.Context(), whipper.ListParams{Payloads: true})
	check(t, err)
}

// What a worker sends instead of its answer fails its own call by name, or is its log; the worker goes on.
func TestHostileAnswersFailTheirCallByName(t *testing.T) {
	s := start(t, filepath.Join(t.TempDir(), "state"), "--min-workers", "2", "--max-workers", "2", "--max-concurrent-calls", "1", "--", "python3", "testdata/rogue.py")
	c := s.client()
	before := mostMemory(t, s.cmd.Process.Pid)
	stop := neighbours(t, c)
	answer := func(result string) string { return `{"jsonrpc":"2.0","id":ID,"result":` + result + `}` }
	for _, hostile := range []struct {
		name, frame string
		code        int64 // 0: the result is the frame's
		result      string
	}{
		{"100,000 levels", answer(nested("[", 100_000, "]")), -32700, ""},
		{"100,000 levels without an end", answer(strings.Repeat("[", 100_000)), -32700, ""},
		{"invalid UTF-8", answer("\"\xff\""), -32700, ""},
		{"NUL in a string", answer("\"\x00\""), -32700, ""},
		{"NUL in front, which is a log line", "\x00\n" + answer(`1`), 0, `1`},
		{"numbers without a size", answer(`[1e999,` + strings.Repeat("9", 400) + `]`), 0, `[1e999,` + strings.Repeat("9", 400) + `]`},
		{"lone surrogates", answer(`["\ud800"]`), 0, `["\ud800"]`},
		{"two results, of which the last counts", `{"jsonrpc":"2.0","id":ID,"result":1,"result":2}`, 0, `2`},
		{"a result and an error, of which the error counts", `{"jsonrpc":"2.0","id":ID,"result":1,"error":{"code":7,"message":"no"}}`, 7, ""},
		{"an error that is none", `{"jsonrpc":"2.0","id":ID,"error":[1e999]}`, -32603, ""},
		{"a code of 400 digits", `{"jsonrpc":"2.0","id":ID,"error":{"code":` + strings.Repeat("9", 400) + `,"message":"no"}}`, -32603, ""},
		{"a batch, and then the answer", `[{"jsonrpc":"2.0","id":ID,"result":1}]` + "\n" + answer(`2`), 0, `2`},
		{"half a frame in the middle of another", `{"jsonrpc":"2.0","id":ID,"res` + "\n" + answer(`3`), 0, `3`},
	} {
		t.Run(hostile.name, func(t *testing.T) {
			result, _, err := c.Invoke(t.Context(), whipper.InvokeParams{
				Method: "frame", Params: raw(t, []byte(hostile.frame)), TimeoutMs: patience.Milliseconds(),
			})
			var fault *whipper.Error
			switch {
			case hostile.code == 0 && (err != nil || string(result) != hostile.result):
				t.Errorf("the result is %.80s, %v", result, err)
			case hostile.code != 0 && (!errors.As(err, &fault) || fault.Code != hostile.code):
				t.Errorf("it is %.80s, %v, want code %d", result, err, hostile.code)
			}
		})
	}
	for size, state := range map[int]string{frameLimit: "succeeded", frameLimit + 1: "failed"} {
		submitted, err := c.Submit(t.Context(), whipper.SubmitParams{Method: "sized", Params: raw(t, size), MaxAttempts: 3})
		check(t, err)
		without := false
		waited, err := c.Wait(t.Context(), whipper.WaitParams{IDs: []int64{submitted.ID}, TimeoutMs: patience.Milliseconds(), Payloads: &without})
		check(t, err)
		if job := waited.Jobs[0]; job.State != state || job.Attempt != 1 || state == "failed" && job.Error.Code != whipper.CodeMessageTooLarge {
			t.Errorf("an answer of %d bytes: %+v, error %+v", size, job, job.Error)
		}
	}
	stop()
	stats, err := c.Stats(t.Context(), whipper.PoolParams{})
	check(t, err)
	if n := stats.Workers.ForkCount; n != 2 {
		t.Errorf("%d processes were started for 2 workers", n)
	}
	var crashed *whipper.Error
	_, _, err = c.Invoke(t.Context(), whipper.InvokeParams{Method: "half", TimeoutMs: patience.Milliseconds()})
	if !errors.As(err, &crashed) || crashed.Code != whipper.CodeWorkerCrashed {
		t.Errorf("half an answer and the end of the process: %v", err)
	}
	if after := mostMemory(t, s.cmd.Process.Pid); after > before+200<<20 {
		t.Errorf("the supervisor grew from %d to %d MiB", before>>20, after>>20)
	}
}
