package jsonrpc

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// calculator is the server of the specification's examples.
func calculator(c *Conn, r *Request) {
	var list []int
	var byName struct{ Subtrahend, Minuend int }
	switch r.Method {
	case "subtract":
		if json.Unmarshal(r.Params, &list) == nil {
			byName.Minuend, byName.Subtrahend = list[0], list[1]
		} else if err := json.Unmarshal(r.Params, &byName); err != nil {
			_ = c.ReplyError(r, Errorf(CodeInvalidParams, "Invalid params"), nil)
			return
		}
		_ = c.Reply(r, fmt.Append(nil, byName.Minuend-byName.Subtrahend), nil)
	case "sum":
		_ = json.Unmarshal(r.Params, &list)
		sum := 0
		for _, n := range list {
			sum += n
		}
		_ = c.Reply(r, fmt.Append(nil, sum), nil)
	case "get_data":
		_ = c.Reply(r, json.RawMessage(`["hello", 5]`), nil)
	case "update", "notify_hello", "notify_sum":
		_ = c.Reply(r, json.RawMessage(`true`), nil)
	case "echo":
		echo(c, r)
	default:
		_ = c.ReplyError(r, Errorf(CodeMethodNotFound, "Method not found"), nil)
	}
}

// TestTheSpecificationsExamples plays section 7 of the JSON-RPC 2.0 specification. Messages of errors are the server's own.
func TestTheSpecificationsExamples(t *testing.T) {
	_, p := connect(t, Options{Batches: true}, calculator)
	for _, example := range []struct{ send, want string }{
		{`{"jsonrpc": "2.0", "method": "subtract", "params": [42, 23], "id": 1}`, `{"jsonrpc":"2.0","id":1,"result":19}`},
		{`{"jsonrpc": "2.0", "method": "subtract", "params": [23, 42], "id": 2}`, `{"jsonrpc":"2.0","id":2,"result":-19}`},
		{`{"jsonrpc": "2.0", "method": "subtract", "params": {"subtrahend": 23, "minuend": 42}, "id": 3}`, `{"jsonrpc":"2.0","id":3,"result":19}`},
		{`{"jsonrpc": "2.0", "method": "subtract", "params": {"minuend": 42, "subtrahend": 23}, "id": 4}`, `{"jsonrpc":"2.0","id":4,"result":19}`},
		{`{"jsonrpc": "2.0", "method": "update", "params": [1,2,3,4,5]}`, ``},
		{`{"jsonrpc": "2.0", "method": "foobar"}`, ``},
		{`{"jsonrpc": "2.0", "method": "foobar", "id": "1"}`, `{"jsonrpc":"2.0","id":"1","error":{"code":-32601,"message":"Method not found"}}`},
		{`{"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz]`, `{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"parse error: not JSON at byte 39"}}`},
		{`{"jsonrpc": "2.0", "method": 1, "params": "bar"}`, `{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"invalid request: method must be a string"}}`},
		{`[ {"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"}, {"jsonrpc": "2.0", "method" ]`, `{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"parse error: not JSON at byte 97"}}`},
		{`[]`, `{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"invalid request: a batch holds 1 to 10000 messages"}}`},
		{`[1]`, `[{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"invalid request: not an object"}}]`},
		{`[1,2,3]`, `[{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"invalid request: not an object"}},` +
			`{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"invalid request: not an object"}},` +
			`{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"invalid request: not an object"}}]`},
		{
			`[ {"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"}, {"jsonrpc": "2.0", "method": "notify_hello", "params": [7]},` +
				`{"jsonrpc": "2.0", "method": "subtract", "params": [42,23], "id": "2"}, {"foo": "boo"},` +
				`{"jsonrpc": "2.0", "method": "foo.get", "params": {"name": "myself"}, "id": "5"}, {"jsonrpc": "2.0", "method": "get_data", "id": "9"} ]`,
			`[{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"invalid request: no \"jsonrpc\":\"2.0\""}},{"jsonrpc":"2.0","id":"1","result":7},{"jsonrpc":"2.0","id":"2","result":19},` +
				`{"jsonrpc":"2.0","id":"5","error":{"code":-32601,"message":"Method not found"}},{"jsonrpc":"2.0","id":"9","result":["hello", 5]}]`,
		},
		{`[ {"jsonrpc": "2.0", "method": "notify_sum", "params": [1,2,4]}, {"jsonrpc": "2.0", "method": "notify_hello", "params": [7]} ]`, ``},
	} {
		p.send(example.send)
		if example.want != "" {
			p.expect(example.want)
		}
		p.expectNothing()
	}
}

func TestTheAnswersToABatchComeTogetherInTheOrderInWhichTheyWereGiven(t *testing.T) {
	requests := make(chan *Request, 10)
	server, p := connect(t, Options{Batches: true}, func(_ *Conn, r *Request) { requests <- r })
	p.send(` [{"jsonrpc":"2.0","id":1,"method":"m"},{"jsonrpc":"2.0","id":1,"method":"m","params":"x"},{"jsonrpc":"2.0","id":2,"method":"m"},{"jsonrpc":"2.0","method":"n"}] `)
	all := []*Request{wait(t, "request", requests), wait(t, "request", requests), wait(t, "request", requests)}
	slices.Reverse(all)
	for _, r := range all {
		if err := server.Reply(r, r.ID, nil); err != nil {
			t.Error(err)
		}
		_ = server.Reply(r, null, nil) // counts for nothing
	}
	p.expect(`[{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"invalid params: params must be an array or an object"}},{"jsonrpc":"2.0","id":2,"result":2},{"jsonrpc":"2.0","id":1,"result":1}]`)
}

func TestABatchMayHaveTenThousandMessages(t *testing.T) {
	_, p := connect(t, Options{Batches: true}, calculator)
	batch := func(n int, element string) string { return "[" + strings.Repeat(element+",", n-1) + element + "]" }
	request := `{"jsonrpc":"2.0","id":1,"method":"sum","params":[1,2]}`
	for _, c := range []struct {
		batch   string
		answers int
	}{
		{batch(maxBatch, request), maxBatch},
		{batch(maxBatch+1, request), 0},
		{batch(maxBatch, `1`), maxBatch},
		{batch(1_000_000, `1`), 0},
		{batch(maxBatch, `{"jsonrpc":"2.0","method":"update"}`), -1}, // no answer
	} {
		p.send(c.batch)
		if c.answers < 0 {
			p.expectNothing()
			continue
		}
		answer := p.receive()
		if c.answers == 0 {
			if code(t, answer) != CodeInvalidRequest {
				t.Errorf("%.100s", answer)
			}
			continue
		}
		var answers []json.RawMessage
		if err := json.Unmarshal([]byte(answer), &answers); err != nil || len(answers) != c.answers {
			t.Errorf("%d answers, want %d: %v", len(answers), c.answers, err)
		}
	}
}

func TestTheAnswersToABatchStayWithinTheLimit(t *testing.T) {
	const limit = 20_000
	payload := json.RawMessage(`"` + strings.Repeat("a", 9000) + `"`)
	meta := json.RawMessage(`{"job":"` + strings.Repeat("j", 1000) + `"}`)
	_, p := connect(t, Options{Batches: true, MaxMessageSize: limit}, func(c *Conn, r *Request) {
		if r.Method == "large" {
			_ = c.Reply(r, payload, meta)
			return
		}
		echo(c, r)
	})
	var requests []string
	for i := range 30 {
		requests = append(requests, fmt.Sprintf(`{"jsonrpc":"2.0","id":"%s%d","method":"large"}`, strings.Repeat("i", 50), i))
	}
	p.send("[" + strings.Join(requests[:10], ",") + "]")
	answer := p.receive()
	var answers []struct {
		ID     string
		Result string
		Error  *Error
	}
	if err := json.Unmarshal([]byte(answer), &answers); err != nil || len(answers) != 10 || len(answer) > limit {
		t.Fatalf("%d answers in %d bytes: %v", len(answers), len(answer), err)
	}
	for i, a := range answers {
		if large := i == 0; (a.Error == nil) != large || !large && a.Error.Code != CodeMessageTooLarge || !strings.HasSuffix(a.ID, fmt.Sprint("i", i)) {
			t.Errorf("answer %d: %+v", i, a)
		}
	}
	p.send("[" + strings.Join(append(requests, requests...), ",") + "]")
	if answer := p.receive(); code(t, answer) != CodeInvalidRequest {
		t.Errorf("%.200s", answer)
	}
	p.expectNothing()
}

func TestAnswersInABatchAreNotAnswered(t *testing.T) {
	_, p := connect(t, Options{Batches: true}, echo)
	p.send(`[{"jsonrpc":"2.0","id":1,"result":1},{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"x"}},{"jsonrpc":"2.0","id":5,"method":"echo"}]`)
	p.expect(`[{"jsonrpc":"2.0","id":5,"result":null}]`)
	p.send(`[{"jsonrpc":"2.0","id":1,"result":1}]`)
	p.expectNothing()
}

func TestAnswersOfABatchAreReplacedOnlyWhereTheyMustBe(t *testing.T) {
	const limit = 3000
	id := []byte(`1`)
	for size := 1400; size < 1600; size++ {
		b := &batch{spare: limit - len("[]")}
		b.expect(id)
		b.expect(id)
		replaced := false
		tooLarge := func(room int) []byte {
			if room >= size {
				t.Errorf("%d bytes do not fit into %d", size, room)
			}
			replaced = true
			return make([]byte, answerReserve)
		}
		b.add(id, make([]byte, size), tooLarge)
		whole, _ := b.add(id, make([]byte, size), tooLarge)
		if fits := 2*size+len("[,]") < limit; replaced == fits || len(whole) > limit {
			t.Errorf("two answers of %d bytes: replaced %v, %d bytes", size, replaced, len(whole))
		}
	}
}
