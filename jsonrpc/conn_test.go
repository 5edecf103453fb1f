package jsonrpc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
)

// oddities are payloads that a decoder would change.
var oddities = []string{
	`[1.0,1e400,-0,12345678901234567890,0.1e+05]`,
	`{"b":1,"a":2,"b":3}`,
	`["\u00e9é\/\ud800<>&"]`,
	"[ 1 ,\t{ } ]",
	`{}`, `[]`,
}

func TestPayloadsTravelAsTheBytesTheyWere(t *testing.T) {
	server, p := connect(t, Options{}, echo)
	_ = server
	for _, payload := range oddities {
		p.send(`{"jsonrpc":"2.0","id":"é\u00e9","method":"echo","params":` + payload + `,"meta":` + payload + `}`)
		p.expect(`{"jsonrpc":"2.0","id":"é\u00e9","result":` + payload + `,"meta":` + payload + `}`)
	}
	client, p := connect(t, Options{}, ignore)
	for i, payload := range append(oddities, `1.0`, `"x"`, `null`, `1e400`, `false`) {
		answer := make(chan *Response, 1)
		if _, err := client.Start("m", json.RawMessage(payload), json.RawMessage(payload), func(r *Response) { answer <- r }); err != nil {
			t.Fatal(err)
		}
		p.expect(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"m","params":%s,"meta":%s}`, i+1, payload, payload))
		p.send(fmt.Sprintf(`{"id":%d,"meta":%s,"result":%s,"jsonrpc":"2.0"}`, i+1, payload, payload))
		if r := wait(t, "the answer", answer); string(r.Result) != payload || string(r.Meta) != payload || r.Error != nil {
			t.Errorf("%+v, want %s", r, payload)
		}
	}
}

func TestLineEndsBetweenTokensAreLeftOutOfWhatIsSent(t *testing.T) {
	client, p := connect(t, Options{}, ignore)
	if err := client.Notify("a\nb", json.RawMessage("{\r\n  \"a\": [\n1,\r2\n] , \"b\":\"\\n\"\n}")); err != nil {
		t.Fatal(err)
	}
	p.expect(`{"jsonrpc":"2.0","method":"a\nb","params":{  "a": [1,2] , "b":"\n"}}`)
}

func TestAbsentNullAndEmptyPayloads(t *testing.T) {
	requests := make(chan *Request, 10)
	server, p := connect(t, Options{}, func(_ *Conn, r *Request) { requests <- r })
	for _, params := range []string{``, `,"params":null`} {
		p.send(`{"jsonrpc":"2.0","id":1,"method":"m"` + params + `}`)
		r := wait(t, "the request", requests)
		if r.Params != nil || r.Meta != nil || r.Notification() {
			t.Errorf("%q: %+v", params, r)
		}
		if err := server.Reply(r, json.RawMessage{}, json.RawMessage{}); err != nil {
			t.Error(err)
		}
		p.expect(`{"jsonrpc":"2.0","id":1,"result":null}`)
	}
	client, p := connect(t, Options{}, ignore)
	for frame, want := range map[string]string{
		`"result":null`:           `null <nil>`,
		`"error":null`:            `null <nil>`,
		`"result":1,"error":null`: `1 <nil>`,
		`"result":null,"error":{"code":5,"message":"x"}`: ` x`,
		`"result":1,"error":{"code":5,"message":"x"}`:    ` x`,
		`"error":{}`:  ` `,
		`"error":"x"`: ` the peer's error is not an object with an integer code and a message`,
		`"error":{"code":"EACCES","message":"x"}`: ` the peer's error is not an object with an integer code and a message`,
	} {
		answer := make(chan *Response, 1)
		id, err := client.Start("m", json.RawMessage{}, json.RawMessage{}, func(r *Response) { answer <- r })
		if err != nil {
			t.Fatal(err)
		}
		p.expect(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"m"}`, id))
		p.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,%s}`, id, frame))
		r := wait(t, "the answer", answer)
		got := string(r.Result) + " <nil>"
		if r.Error != nil {
			got = string(r.Result) + " " + r.Error.Message
		}
		if got != want {
			t.Errorf("%s: %q, want %q", frame, got, want)
		}
	}
}

func TestTheDataOfAnErrorIsThePeersOwnBytes(t *testing.T) {
	client, p := connect(t, Options{}, ignore)
	failed := make(chan error, 1)
	for _, data := range append(oddities, `null`, `"x"`) {
		go func() { failed <- client.Call(t.Context(), "m", nil, nil) }()
		var id struct{ ID int }
		if err := json.Unmarshal([]byte(p.receive()), &id); err != nil {
			t.Fatal(err)
		}
		p.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"error":{"code":-7,"message":"né","data":%s}}`, id.ID, data))
		var e *Error
		if err := wait(t, "the answer", failed); !errors.As(err, &e) || e.Code != -7 || e.Message != "né" || string(e.Data) != data {
			t.Errorf("%#v, want %s", e, data)
		}
	}
	server, p := connect(t, Options{}, func(c *Conn, r *Request) {
		_ = c.ReplyError(r, &Error{Code: 3, Message: "a\"b", Data: r.Params}, json.RawMessage(`1`))
	})
	_ = server
	p.send(`{"jsonrpc":"2.0","id":1,"method":"m","params":[ 1.0 ]}`)
	p.expect(`{"jsonrpc":"2.0","id":1,"error":{"code":3,"message":"a\"b","data":[ 1.0 ]},"meta":1}`)
}

func TestAnIDIsGivenBackAsItWasWritten(t *testing.T) {
	_, p := connect(t, Options{}, echo)
	for _, id := range []string{
		`1`, `0`, `-1`, `1.0`, `1.50`, `1e3`, `-0`, `12345678901234567890123`, `1e400`, `"a"`, `""`, `"\u0041"`, `"1"`, `null`,
		`"` + strings.Repeat("i", maxIDSize-2) + `"`,
	} {
		p.send(`{"jsonrpc":"2.0","id":` + id + `,"method":"echo"}`)
		p.expect(`{"jsonrpc":"2.0","id":` + id + `,"result":null}`)
	}
}

func TestNotificationsAreNeverAnswered(t *testing.T) {
	seen := make(chan string, 10)
	_, p := connect(t, Options{}, func(c *Conn, r *Request) {
		seen <- r.Method
		if err := c.Reply(r, nil, nil); err != nil {
			t.Error(err)
		}
		if r.Method == "n" {
			_ = c.ReplyError(r, Errorf(1, "x"), nil)
		}
	})
	p.send(`{"jsonrpc":"2.0","method":"n"}`, `{"jsonrpc":"2.0","method":"n","params":[1]}`)
	p.expectNothing()
	for _, want := range []string{"n", "n", "echo"} {
		if got := <-seen; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestARequestIsAnsweredOnce(t *testing.T) {
	again := make(chan error, 2)
	_, p := connect(t, Options{}, func(c *Conn, r *Request) {
		_ = c.Reply(r, nil, nil)
		if r.Method == "m" {
			again <- c.Reply(r, nil, nil)
			again <- c.ReplyError(r, Errorf(1, "x"), nil)
		}
	})
	p.send(`{"jsonrpc":"2.0","id":1,"method":"m"}`)
	p.expect(`{"jsonrpc":"2.0","id":1,"result":null}`)
	p.expectNothing()
	for range 2 {
		if err := <-again; !errors.Is(err, ErrAnswered) {
			t.Error(err)
		}
	}
}

func TestRequestsAreServedInTheOrderOfTheirArrival(t *testing.T) {
	const n = 1000
	order := make(chan string, n)
	_, p := connect(t, Options{}, func(_ *Conn, r *Request) { order <- string(r.Params) })
	var lines []string
	for i := range n {
		lines = append(lines, fmt.Sprintf(`{"jsonrpc":"2.0","method":"m","params":[%d]}`, i))
	}
	p.send(lines...)
	for i := range n {
		if got := wait(t, "a request", order); got != fmt.Sprintf("[%d]", i) {
			t.Fatalf("request %d is %s", i, got)
		}
	}
}

func TestCallsOfManyGoroutinesGetTheirOwnAnswers(t *testing.T) {
	here, there := unixPair(t)
	var serving sync.WaitGroup
	handle := func(c *Conn, r *Request) { serving.Go(func() { echo(c, r) }) } // answers in any order
	a, b := NewConn(here, HandlerFunc(handle), Options{}), NewConn(there, HandlerFunc(handle), Options{})
	defer serving.Wait()
	defer a.Close()
	defer b.Close()
	var callers sync.WaitGroup
	for _, c := range []*Conn{a, b} { // both ways at once
		for g := range 32 {
			callers.Go(func() {
				for i := range 50 {
					want, got := [2]int{g, i}, [2]int{}
					if err := c.Call(t.Context(), "echo", want, &got); err != nil || got != want {
						t.Errorf("got %v, want %v: %v", got, want, err)
						return
					}
				}
			})
		}
	}
	callers.Wait()
}

func TestCallEncodesParamsAndDecodesTheResult(t *testing.T) {
	here, there := unixPair(t)
	server := NewConn(there, HandlerFunc(func(c *Conn, r *Request) {
		if r.Params == nil {
			_ = c.Reply(r, json.RawMessage(`"none"`), nil)
			return
		}
		echo(c, r)
	}), Options{})
	defer server.Close()
	client := NewConn(here, HandlerFunc(ignore), Options{})
	defer client.Close()

	var none string
	if err := client.Call(t.Context(), "m", nil, &none); err != nil || none != "none" {
		t.Errorf("%q %v", none, err)
	}
	var raw json.RawMessage
	if err := client.Call(t.Context(), "m", json.RawMessage(`[ 1.0, "<" ]`), &raw); err != nil || string(raw) != `[ 1.0, "<" ]` {
		t.Errorf("%s %v", raw, err)
	}
	var typed struct{ A int }
	if err := client.Call(t.Context(), "m", map[string]int{"A": 5}, &typed); err != nil || typed.A != 5 {
		t.Errorf("%+v %v", typed, err)
	}
	if err := client.Call(t.Context(), "m", []int{1}, nil); err != nil {
		t.Error(err)
	}
	var wrong *json.UnmarshalTypeError
	if err := client.Call(t.Context(), "m", []int{1}, &typed); !errors.As(err, &wrong) {
		t.Error(err)
	}
	if err := client.Call(t.Context(), "m", func() {}, nil); err == nil {
		t.Error("a function was encoded")
	}
}

func TestACallThatIsNoLongerWantedIsCancelledAtThePeer(t *testing.T) {
	stray := newStrays()
	client, p := connect(t, Options{Stray: stray.add}, ignore)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- client.Call(ctx, "slow", nil, nil) }()
	p.expect(`{"jsonrpc":"2.0","id":1,"method":"slow"}`)
	cancel()
	p.expect(`{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":1}}`)
	if err := wait(t, "the call's end", ended); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := client.Call(ctx, "never", nil, nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	p.send(`{"jsonrpc":"2.0","id":1,"error":{"code":-32800,"message":"cancelled"}}`) // its answer harms nobody
	go func() { ended <- client.Call(t.Context(), "next", nil, nil) }()
	p.expect(`{"jsonrpc":"2.0","id":2,"method":"next"}`)
	p.send(`{"jsonrpc":"2.0","id":2,"result":0}`)
	if err := wait(t, "the call's end", ended); err != nil {
		t.Error(err)
	}
	if len(stray.all) > 0 {
		t.Error(stray.all)
	}
}

func TestAMessageOfOursMayHaveExactlyTheLimit(t *testing.T) {
	client, p := connect(t, Options{MaxMessageSize: 500}, ignore)
	frame := func(id, params string) string {
		return `{"jsonrpc":"2.0",` + id + `"method":"m","params":` + params + `}`
	}
	fill := func(id string, size int) json.RawMessage {
		return json.RawMessage(`"` + strings.Repeat("a", size-len(frame(id, `""`))) + `"`)
	}
	var e *Error
	if err := client.Notify("m", fill("", 501)); !errors.As(err, &e) || e.Code != CodeMessageTooLarge {
		t.Error(err)
	}
	if _, err := client.Start("m", fill(`"id":1,`, 501), nil, nil); !errors.As(err, &e) || e.Code != CodeMessageTooLarge || !strings.Contains(e.Message, "501") {
		t.Error(err)
	}
	if err := client.Call(t.Context(), "m", strings.Repeat("a", 1<<20), nil); !errors.As(err, &e) || e.Code != CodeMessageTooLarge {
		t.Error(err)
	}
	if err := client.Notify("m", fill("", 500)); err != nil {
		t.Error(err)
	}
	p.expect(frame("", string(fill("", 500))))
	if _, err := client.Start("m", fill(`"id":4,`, 500), nil, nil); err != nil {
		t.Error(err)
	}
	if got := p.receive(); len(got) != 500 {
		t.Errorf("%d bytes", len(got))
	}
}

func TestAnAnswerThatIsTooLargeIsReplacedByAnError(t *testing.T) {
	_, p := connect(t, Options{MaxMessageSize: 500}, func(c *Conn, r *Request) {
		_ = c.Reply(r, json.RawMessage(`"`+strings.Repeat("a", len(r.Method)*100)+`"`), r.Meta)
	})
	p.send(`{"jsonrpc":"2.0","id":"i","method":"mmmmm","meta":{"job":1}}`)
	p.expect(`{"jsonrpc":"2.0","id":"i","error":{"code":1009,"message":"an answer of 555 bytes is over the limit of 500","data":{"type":"MessageTooLargeError"}},"meta":{"job":1}}`)
	p.send(`{"jsonrpc":"2.0","id":2,"method":"mmmm"}`)
	if got := p.receive(); !strings.Contains(got, "aaaa") {
		t.Error(got)
	}
}

func TestAnAnswerIsMeasuredWithItsEscapes(t *testing.T) {
	_, p := connect(t, Options{MaxMessageSize: 500}, func(c *Conn, r *Request) {
		_ = c.ReplyError(r, Errorf(1, "%s", strings.Repeat("\x01", 100)), nil)
	})
	p.send(`{"jsonrpc":"2.0","id":1,"method":"m"}`)
	if got := p.receive(); !strings.Contains(got, "over the limit of 500") {
		t.Error(got)
	}
}

func TestWhatWasSentIsNotKeptUntilItIsAnswered(t *testing.T) {
	client, p := connect(t, Options{}, ignore)
	params := json.RawMessage(`["a"]`)
	if _, err := client.Start("m", params, nil, ignoreAnswer); err != nil {
		t.Fatal(err)
	}
	copy(params, `["b"]`) // the caller's again
	p.expect(`{"jsonrpc":"2.0","id":1,"method":"m","params":["a"]}`)
}

func ignoreAnswer(*Response) {}

func TestAConnectionKeepsNoMessageThatItHasHandedOn(t *testing.T) {
	type kept struct {
		request *Request
		queue   []*Request
	}
	served := make(chan kept, 10)
	_, p := connect(t, Options{Batches: true}, func(c *Conn, r *Request) {
		s := c.stream // the reader's, whose goroutine this is
		served <- kept{s.request, s.queue}
	})
	p.send(`{"jsonrpc":"2.0","method":"m"}`, `[{"jsonrpc":"2.0","method":"m"},{"jsonrpc":"2.0","method":"m"},{"jsonrpc":"2.0","method":"m"}]`)
	for _, queue := range []int{0, 2, 1, 0} {
		if k := wait(t, "a request", served); k.request != nil || len(k.queue) != queue || queue == 0 && k.queue != nil {
			t.Errorf("%+v", k)
		}
	}
}

func TestARequestKeepsLittleOfAFrameThatIsMostlySomethingElse(t *testing.T) {
	kept := make(chan *Request, 1)
	_, p := connect(t, Options{}, func(_ *Conn, r *Request) { kept <- r })
	for _, filling := range []string{strings.Repeat(" ", 1<<20), `"x":"` + strings.Repeat("a", 1<<20) + `",`} {
		p.send(`{"jsonrpc":"2.0","method":"m",` + filling + `"id":"i","params":{"a":1},"meta":{}}`)
		r := wait(t, "request", kept)
		if string(r.ID) != `"i"` || string(r.Params) != `{"a":1}` || string(r.Meta) != `{}` || r.Size() != 12 {
			t.Errorf("%s %s %s, %d bytes", r.ID, r.Params, r.Meta, r.Size())
		}
		if n := cap(r.ID) + cap(r.Params) + cap(r.Meta); n > 1<<10 {
			t.Errorf("%d bytes are kept", n)
		}
	}
}
