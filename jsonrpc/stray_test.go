package jsonrpc

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

func TestAFrameThatIsNoMessageIsAnsweredWithTheRightCode(t *testing.T) {
	for _, batches := range []bool{false, true} {
		_, p := connect(t, Options{Batches: batches, MaxMessageSize: 2000}, echo)
		for _, c := range []struct{ frame, id, code string }{
			{`this is not JSON`, `null`, `-32700`},
			{`{"jsonrpc":"2.0","id":1,"method":"m"`, `null`, `-32700`},
			{`{"jsonrpc":"2.0","id":1,"method":"m"}}`, `null`, `-32700`},
			{`{"jsonrpc":"2.0","id":1,"method":"m","params":{'a':1}}`, `null`, `-32700`},
			{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\"}", `null`, `-32700`},
			{`{"jsonrpc":"2.0","id":1,"method":"m","params":` + nested("[", 600, "]") + `}`, `1`, `-32700`},
			{`{"jsonrpc":"2.0","method":"m","params":` + `{"id":7,"a":` + nested("[", 600, "]") + `},"id":"last"}`, `"last"`, `-32700`},
			{`{"jsonrpc":"2.0","method":"m","params":` + `{"id":7,"a":` + nested("[", 600, "]") + `,"id":8}}`, `null`, `-32700`},
			{strings.Repeat("[", 1900), `null`, `-32700`},
			{`[1`, `null`, `-32700`},
			{"\x00", `null`, `-32700`},
			{`42`, `null`, `-32600`},
			{`"text"`, `null`, `-32600`},
			{`null`, `null`, `-32600`},
			{`[]`, `null`, `-32600`},
			{`{}`, `null`, `-32600`},
			{`{"jsonrpc":"2.0","id":3}`, `3`, `-32600`},
			{`{"jsonrpc":"2.0","id":3,"method":1}`, `3`, `-32600`},
			{`{"jsonrpc":"2.0","id":3,"method":null}`, `3`, `-32600`},
			{`{"id":"a","method":"m"}`, `"a"`, `-32600`},
			{`{"jsonrpc":2.0,"id":3,"method":"m"}`, `3`, `-32600`},
			{`{"jsonrpc":"1.0","id":3,"method":"m"}`, `3`, `-32600`},
			{`{"jsonrpc":"2.0","id":{},"method":"m"}`, `null`, `-32600`},
			{`{"jsonrpc":"2.0","id":[1],"method":"m"}`, `null`, `-32600`},
			{`{"jsonrpc":"2.0","id":true,"method":"m"}`, `null`, `-32600`},
			{`{"jsonrpc":"2.0","id":"` + strings.Repeat("i", maxIDSize) + `","method":"m"}`, `null`, `-32600`},
			{`{"jsonrpc":"2.0","id":4,"method":"m","params":"1,2"}`, `4`, `-32602`},
			{`{"jsonrpc":"2.0","method":"m","params":1}`, `null`, `-32600`},
			{`{"jsonrpc":"2.0","method":1}`, `null`, `-32600`},
			{strings.Repeat("x", 2001), `null`, `1009`},
			{`{"jsonrpc":"2.0","id":5,"method":"m","params":["` + strings.Repeat("x", 10_000) + `"]}`, `5`, `1009`},
			{`{"jsonrpc":"2.0","method":"m","params":["` + strings.Repeat("x", 10_000) + `"],"id":"last"}`, `"last"`, `1009`},
		} {
			p.send(c.frame)
			want := fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"error":{"code":%s,"message":"`, c.id, c.code)
			if got := p.receive(); !strings.HasPrefix(got, want) {
				t.Errorf("%.80s: %s, want %s", c.frame, got, want)
			}
		}
		p.send("", "  ", "\t\r", "\r")
		p.expectNothing()
	}
}

func TestABatchIsNoMessageWhereBatchesAreOff(t *testing.T) {
	_, p := connect(t, Options{}, echo)
	p.send(`[{"jsonrpc":"2.0","id":1,"method":"m"}]`)
	p.expect(`{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"invalid request: not an object"}}`)
}

// strangeAnswers are answers to no call of ours while call 1 is in flight.
var strangeAnswers = []string{
	`{"jsonrpc":"2.0","id":null,"result":1}`, `{"jsonrpc":"2.0","result":1}`, `{"jsonrpc":"2.0","error":{"code":1,"message":"x"}}`,
	`{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"x"}}`,
	`{"jsonrpc":"2.0","id":2,"result":1}`, `{"jsonrpc":"2.0","id":0,"result":1}`, `{"jsonrpc":"2.0","id":-1,"result":1}`,
	`{"jsonrpc":"2.0","id":1.0,"result":1}`, `{"jsonrpc":"2.0","id":1.5,"result":1}`, `{"jsonrpc":"2.0","id":1e0,"result":1}`,
	`{"jsonrpc":"2.0","id":10e-1,"result":1}`, `{"jsonrpc":"2.0","id":"1","result":1}`, `{"jsonrpc":"2.0","id":"\u0031","result":1}`,
	`{"jsonrpc":"2.0","id":true,"result":1}`, `{"jsonrpc":"2.0","id":{},"result":1}`, `{"jsonrpc":"2.0","id":[1],"result":1}`,
	`{"jsonrpc":"2.0","id":18446744073709551617,"result":1}`, `{"jsonrpc":"2.0","id":4294967297,"result":1}`,
	`{"jsonrpc":"2.0","id":99999999999999999999999999999999999,"error":null}`, `{"jsonrpc":"2.0","id":1e400,"result":1}`,
	`{"jsonrpc":"2.0","id":01,"result":1}`, `{"jsonrpc":"2.0","id":+1,"result":1}`, `{"jsonrpc":"1.0","id":1,"result":1}`, `{"id":1,"result":1}`,
	`{"jsonrpc":"2.0","id":1}`, `[{"jsonrpc":"2.0","id":1,"result":1}]`, `{"jsonrpc":"2.0","id":1,"result":1`, `{"jsonrpc":"2.0","ID":1,"result":1}`,
	`{"jsonrpc":"2.0","id":"` + strings.Repeat("1", 2*maxIDSize) + `","result":1}`,
}

func TestAStrangeAnswerHarmsNoCallAndIsStray(t *testing.T) {
	stray := newStrays()
	client, p := connect(t, Options{Stray: stray.add}, ignore)
	ended := make(chan error, 1)
	var result int
	go func() { ended <- client.Call(context.Background(), "m", nil, &result) }()
	p.expect(`{"jsonrpc":"2.0","id":1,"method":"m"}`)
	for _, answer := range strangeAnswers {
		p.send(answer)
		if got := stray.next(t); !strings.HasPrefix(got, answer+" | ") || strings.HasSuffix(got, " | ") {
			t.Errorf("%s: %s", answer, got)
		}
	}
	p.send(`{"jsonrpc":"2.0","id":1,"result":5}`, `{"jsonrpc":"2.0","id":1,"result":6}`)
	if err := wait(t, "the answer", ended); err != nil || result != 5 {
		t.Errorf("%d %v", result, err)
	}
	if got, want := stray.next(t), `{"jsonrpc":"2.0","id":1,"result":6} | answer to an id that no call in flight has`; got != want {
		t.Errorf("the second answer: %s", got)
	}
}

func TestAnAnswerIsNeverAnswered(t *testing.T) {
	_, p := connect(t, Options{Batches: true, MaxMessageSize: 3000}, echo)
	for _, answer := range strangeAnswers {
		if c := answer[len(answer)-1]; c != '1' && !strings.Contains(answer, `"id":01`) && !strings.Contains(answer, `"id":+1`) && answer != `{"jsonrpc":"2.0","id":1}` {
			p.send(answer)
		}
	}
	p.send(`{"jsonrpc":"2.0","id":1,"result":"` + strings.Repeat("a", 200_000) + `"}`)
	p.send(`{"jsonrpc":"2.0","error":{"code":1,"message":"` + strings.Repeat("a", 200_000) + `"},"id":1}`)
	p.expectNothing()
}

func TestTwoConnsThatAnswerStrayFramesDoNotAnswerEachOtherForEver(t *testing.T) {
	here, there := unixPair(t)
	counted := &count{Conn: there}
	a := NewConn(here, HandlerFunc(ignore), Options{Batches: true})
	b := NewConn(counted, HandlerFunc(echo), Options{Batches: true})
	defer a.Close()
	defer b.Close()
	garbage := []string{`garbage`, `{"jsonrpc":"2.0","id":9,"result":1}`, `[{"jsonrpc":"2.0","id":9,"result":1}]`, `[1]`, `{"jsonrpc":"2.0","error":1}`}
	for _, frame := range garbage {
		if err := a.stream.out.append(&outgoing{batch: []byte(frame)}); err != nil {
			t.Fatal(err)
		}
	}
	for range 10 { // there and back
		if _, err := a.CallRaw(t.Context(), "fence", nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	counted.mu.Lock()
	defer counted.mu.Unlock()
	if got := strings.Count(counted.bytes.String(), `"error"`); got != 2 {
		t.Errorf("%d error answers to %q:\n%s", got, garbage, counted.bytes.String())
	}
}

func TestAFrameThatIsTooLargeIsStrayAndNamesItsCall(t *testing.T) {
	stray := newStrays()
	_, p := connect(t, Options{Stray: stray.add, MaxMessageSize: 1000}, echo)
	p.send(`{"jsonrpc":"2.0","id":77,"result":"` + strings.Repeat("a", 1<<20) + `"}`)
	frame, why, _ := strings.Cut(stray.next(t), " | ")
	if id, ok := CutCallID([]byte(frame)); !ok || id != 77 || why != "frame is larger than 1000 bytes" {
		t.Errorf("%d %v %s", id, ok, why)
	}
	p.expectNothing()
}

func TestStrayLinesKeepTheirIndentation(t *testing.T) {
	stray := newStrays()
	_, p := connect(t, Options{Stray: stray.add}, echo)
	p.send("Traceback (most recent call last):\r", `  File "x.py", line 1  `)
	for _, want := range []string{"Traceback (most recent call last): | ", `  File "x.py", line 1   | `} {
		if got := stray.next(t); !strings.HasPrefix(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
