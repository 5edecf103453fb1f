package server

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/whipper-sidecar/whipper/supervisor"
)

// The examples of the JSON-RPC 2.0 specification, section 7, with job.invoke around the methods they call.
func TestSpecificationsExamplesHold(t *testing.T) {
	f := &fakePool{invoke: func(_ context.Context, c supervisor.Call) (supervisor.Reply, error) {
		var n []int
		_ = json.Unmarshal(c.Params, &n) // by-name params are not summed
		switch c.Method {
		case "subtract":
			if n == nil {
				n = []int{42, 23}
			}
			return supervisor.Reply{Result: fmt.Appendf(nil, "%d", n[0]-n[1])}, nil
		case "sum":
			return supervisor.Reply{Result: fmt.Appendf(nil, "%d", n[0]+n[1]+n[2])}, nil
		}
		return supervisor.Reply{Result: json.RawMessage(`["hello",5]`)}, nil
	}}
	call := func(method, params, id string) string {
		line := `{"jsonrpc": "2.0", "method": "job.invoke", "params": {"method": "` + method + `", "params": ` + params + `}`
		if id != "" {
			line += `, "id": ` + id
		}
		return line + `}`
	}
	result := func(value, id string) string {
		return `{"jsonrpc":"2.0","id":` + id + `,"result":` + value + `}`
	}
	fault := func(code int, message, id string) string {
		return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"error":{"code":%d,"message":%q}}`, id, code, message)
	}
	const parseError, invalid, none = -32700, -32600, -32601
	c := serveFake(t, f).dial()
	for _, test := range []struct {
		name, send string
		want       []string // of a batch, in any order; a message stands for whatever begins with it
	}{
		{"positional parameters", call("subtract", "[42, 23]", "1"), []string{result("19", "1")}},
		{"positional parameters, swapped", call("subtract", "[23, 42]", "2"), []string{result("-19", "2")}},
		{"named parameters", call("subtract", `{"subtrahend": 23, "minuend": 42}`, "3"), []string{result("19", "3")}},
		{"notification", call("update", "[1,2,3,4,5]", ""), nil},
		{"notification of a method that is not there", `{"jsonrpc": "2.0", "method": "foobar"}`, nil},
		{
			"call of a method that is not there", `{"jsonrpc": "2.0", "method": "foobar", "id": "1"}`,
			[]string{fault(none, `method "foobar" not found; rpc.discover lists the methods`, `"1"`)},
		},
		{"invalid JSON", `{"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz]`, []string{fault(parseError, "parse error", "null")}},
		{"invalid request", `{"jsonrpc": "2.0", "method": 1, "params": "bar"}`, []string{fault(invalid, "invalid request", "null")}},
		{
			"batch of invalid JSON", `[{"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},{"jsonrpc": "2.0", "method"]`,
			[]string{fault(parseError, "parse error", "null")},
		},
		{"empty batch", `[]`, []string{fault(invalid, "invalid request", "null")}},
		{"invalid batch", `[1]`, []string{"[", fault(invalid, "invalid request", "null")}},
		{
			"batch of three that are invalid", `[1,2,3]`,
			[]string{"[", fault(invalid, "invalid request", "null"), fault(invalid, "invalid request", "null"), fault(invalid, "invalid request", "null")},
		},
		{"mixed batch", `[` + strings.Join([]string{
			call("sum", "[1,2,4]", `"1"`),
			call("notify_hello", "[7]", ""),
			call("subtract", "[42,23]", `"2"`),
			`{"foo": "boo"}`,
			`{"jsonrpc": "2.0", "method": "foo.get", "params": {"name": "myself"}, "id": "5"}`,
			call("get_data", "[]", `"9"`),
		}, ", ") + `]`, []string{
			"[", result("7", `"1"`), result("19", `"2"`), fault(invalid, "invalid request", "null"),
			fault(none, `method "foo.get" not found; rpc.discover lists the methods`, `"5"`), result(`["hello",5]`, `"9"`),
		}},
		{"batch of notifications", `[` + call("notify_sum", "[1,2,4]", "") + `, ` + call("notify_hello", "[7]", "") + `]`, nil},
		{"null id", `{"jsonrpc":"2.0","id":null,"method":"foobar"}`, []string{fault(none, `method "foobar" not found; rpc.discover lists the methods`, "null")}},
		{"fractional and negative ids", call("subtract", "[42, 23]", "-1.50"), []string{result("19", "-1.50")}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c.t = t
			c.send(test.send)
			const mark = `{"jsonrpc":"2.0","id":"mark","method":"nothing"}`
			if test.want == nil { // nothing may come: the next answer is the mark's
				if got := c.ask(mark); !strings.Contains(got, `"mark"`) {
					t.Errorf("answered with %s", got)
				}
				return
			}
			if diff := cmp.Diff(normal(t, test.want...), normal(t, c.line())); diff != "" {
				t.Errorf("want, got:\n%s", diff)
			}
		})
	}
}

// normal brings an answer, or a batch of them, into a form that can be compared: meta and the details of messages about
// malformed frames are dropped, a batch is sorted.
func normal(t *testing.T, lines ...string) []string {
	t.Helper()
	batch := lines[0][0] == '['
	var messages []json.RawMessage
	switch {
	case len(lines) == 1 && batch:
		if err := json.Unmarshal([]byte(lines[0]), &messages); err != nil {
			t.Fatalf("%v in %s", err, lines[0])
		}
	default:
		if batch {
			lines = lines[1:]
		}
		for _, line := range lines {
			messages = append(messages, json.RawMessage(line))
		}
	}
	var all []string
	for _, m := range messages {
		a := parse(t, string(m))
		text := fmt.Sprintf("id %s result %s", a.ID, a.Result)
		if a.Error != nil {
			message, _, _ := strings.Cut(a.Error.Message, ":")
			text = fmt.Sprintf("id %s error %d %s", a.ID, a.Error.Code, message)
		}
		all = append(all, text)
	}
	slices.Sort(all)
	if batch {
		all = append([]string{"batch"}, all...)
	}
	return all
}
