package jsonrpc

import (
	"bufio"
	"encoding/json"
	"net"
	"strings"
	"testing"
	"time"
)

// FuzzConn sends arbitrary bytes to a server and to a client that has two calls in flight. Neither may panic or hang, the
// server's answers are JSON-RPC and name no request that was not made, and every call is answered once at most.
func FuzzConn(f *testing.F) {
	for _, seed := range []string{
		`{"jsonrpc":"2.0","id":1,"method":"m","params":[1]}`, `{"jsonrpc":"2.0","method":"m"}`, `[{"jsonrpc":"2.0","id":"a","method":"m"},1,{}]`,
		`{"jsonrpc":"2.0","id":1,"result":1}` + "\n" + `{"jsonrpc":"2.0","id":1,"result":2}`, `{"jsonrpc":"2.0","id":2,"error":{"code":1,"message":"x","data":[]}}`,
		`{"jsonrpc":"2.0","id":null,"error":null}`, `[]`, `[[]]`, "\r\n \n{", `{"jsonrpc":"2.0","id":1e9,"method":"\u006d","params":{},"meta":0}`,
		`{"jsonrpc":"2.0","id":3,"method":"` + strings.Repeat("m", 3000) + `"}`, `{"jsonrpc":"2.0","result":"` + strings.Repeat("m", 3000) + `","id":1}`,
		`{"jsonrpc":"2.0","id":"x","method":"` + strings.Repeat(`\u0000`, 300) + `"}`, strings.Repeat(`[`, 1000),
	} {
		f.Add([]byte(seed+"\n"), false)
		f.Add([]byte(seed+"\n"), true)
	}
	f.Fuzz(func(t *testing.T, data []byte, batches bool) {
		const limit = 2048
		here, there := net.Pipe()
		_ = there.SetDeadline(time.Now().Add(patience))
		o := Options{MaxMessageSize: limit, Batches: batches}
		server := NewConn(here, HandlerFunc(func(c *Conn, r *Request) {
			if !json.Valid(r.ID) && r.ID != nil || len(r.Params) > 0 && !json.Valid(r.Params) || len(r.Meta) > 0 && !json.Valid(r.Meta) {
				t.Errorf("handed on: %+v", r)
			}
			if len(r.Method)%2 == 0 {
				_ = c.ReplyError(r, Errorf(1, "%s", r.Method), r.Meta)
				return
			}
			_ = c.Reply(r, r.Params, r.Meta)
		}), o)
		go func() {
			_, _ = there.Write(append(data, "\n"+`{"jsonrpc":"2.0","id":"fence","method":"m"}`+"\n"...))
		}()
		lines := bufio.NewReaderSize(there, 1<<16)
		for {
			line, err := lines.ReadSlice('\n')
			if err != nil {
				t.Fatalf("answer to %q: %v", data, err)
			}
			if string(line) == `{"jsonrpc":"2.0","id":"fence","result":null}`+"\n" {
				break
			}
			checkAnswer(t, line, limit)
		}
		server.Close()
		there.Close()

		here, there = net.Pipe()
		answers := make(chan *Response, 100)
		client := NewConn(here, HandlerFunc(echo), o)
		go func() {
			_, _ = there.Write(data)
			there.Close()
		}()
		go func() {
			for b := make([]byte, 4096); ; {
				if _, err := there.Read(b); err != nil {
					return
				}
			}
		}()
		for range 2 {
			_, _ = client.Start("m", nil, nil, func(r *Response) { answers <- r }) // data may have come first
		}
		wait(t, "the end", client.Done())
		client.Close()
		if len(answers) > 2 {
			t.Errorf("%d answers", len(answers))
		}
		for range len(answers) {
			if r := <-answers; (r.Error == nil) != json.Valid(r.Result) {
				t.Errorf("answer %+v", r)
			}
		}
	})
}

// checkAnswer fails unless line is one answer, or an array of them, within the limit.
func checkAnswer(t *testing.T, line []byte, limit int) {
	t.Helper()
	if len(line) > limit+1 {
		t.Fatalf("an answer of %d bytes", len(line))
	}
	all := []json.RawMessage{line}
	if line[0] == '[' {
		if err := json.Unmarshal(line, &all); err != nil || len(all) == 0 {
			t.Fatalf("%s: %v", line, err)
		}
	}
	for _, one := range all {
		var answer struct {
			JSONRPC string
			ID      json.RawMessage
			Result  json.RawMessage
			Error   *Error
		}
		err := json.Unmarshal(one, &answer)
		if err != nil || answer.JSONRPC != "2.0" || answer.ID == nil || (answer.Result == nil) == (answer.Error == nil) {
			t.Fatalf("%s: %v", one, err)
		}
	}
}
