package jsonrpc

import (
	"bytes"
	"encoding/json"
	"net"
	"strings"
	"testing"
	"time"
)

// FuzzPayloadsArriveAsTheyWereSent sends a payload to a peer, as the params of a call, and has it come back as the result, or as an error's data:
// every byte of it arrives both times, in both framings, but for line ends between its tokens.
func FuzzPayloadsArriveAsTheyWereSent(f *testing.F) {
	for _, payload := range []string{
		`[1,2]`, ` { "a" : [ 1 , 2 ] } `, "[1,\r\n\t2]", `{"a":1,"a":2,"\u0061":3}`, `[1e999,-0,1.0,1E+2,0.1e-7,` + strings.Repeat("9", 400) + `]`,
		`["\ud800","\udc00\ud800","\u0000","\/","\u003c<&>","é` + "\u2028\u007f" + `"]`, `{"":0," ":{}}`, `["` + strings.Repeat("x", ownPiece) + `"]`,
		nested("[", MaxDepth-2, "]"), nested(`{"a":`, MaxDepth-2, "}"), `["Content-Length: 3"]`, `{"jsonrpc":"2.0","id":1,"result":"a \"id\":7"}`,
	} {
		f.Add([]byte(payload), "m", true)
		f.Add([]byte(payload), "größe\x00\xff\"", false)
	}
	f.Fuzz(func(t *testing.T, payload []byte, method string, lines bool) {
		if _, bad := readMessage([]byte(`{"jsonrpc":"2.0","method":"m","params":`+string(payload)+`}`), 0); bad != nil {
			t.Skip("no params of a message")
		}
		if Depth(payload) >= MaxDepth-1 {
			t.Skip("too deep for an error's data")
		}
		o := Options{Framing: ContentLength}
		if lines {
			o.Framing = NDJSON
		}
		want := []byte(strings.NewReplacer("\n", "", "\r", "").Replace(string(bytes.Trim(payload, " \t\r\n"))))
		wantMethod := string([]rune(method)) // what is no UTF-8 is replaced
		here, there := net.Pipe()
		_ = here.SetDeadline(time.Now().Add(patience))
		server := NewConn(there, HandlerFunc(func(c *Conn, r *Request) {
			if !bytes.Equal(r.Params, want) && !(string(want) == "null" && r.Params == nil) {
				t.Errorf("params %.300q arrived as %.300q", want, r.Params)
			}
			if r.Method != wantMethod {
				t.Errorf("method %q arrived as %q", method, r.Method)
			}
			if string(r.ID) == "1" {
				_ = c.Reply(r, payload, payload)
				return
			}
			_ = c.ReplyError(r, &Error{Code: 1, Message: method, Data: payload}, nil)
		}), o)
		defer server.Close()
		client := NewConn(here, HandlerFunc(ignore), o)
		defer client.Close()
		answers := make(chan *Response, 2)
		for range 2 {
			if _, err := client.Start(method, json.RawMessage(payload), nil, func(r *Response) { answers <- r }); err != nil {
				t.Fatal(err)
			}
		}
		result, failed := wait(t, "the result", answers), wait(t, "the error", answers)
		if !bytes.Equal(result.Result, want) || !bytes.Equal(result.Meta, want) {
			t.Errorf("result %.300q arrived as %.300q with meta %.300q", want, result.Result, result.Meta)
		}
		if failed.Error == nil || !bytes.Equal(failed.Error.Data, want) && string(want) != "null" || failed.Error.Message != wantMethod {
			t.Errorf("data %.300q of error %q arrived as %+v", want, method, failed.Error)
		}
	})
}
