package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
)

// bare is a worker without an SDK, which can say what no SDK would.
type bare struct{ mu sync.Mutex }

func (b *bare) write(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	fmt.Printf(format+"\n", args...)
}

func runBare() {
	b := &bare{}
	lines := bufio.NewReaderSize(os.Stdin, 1<<20)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		var m struct {
			ID     json.RawMessage
			Method string
			Params json.RawMessage
			Meta   effect // job and attempt
		}
		_ = json.Unmarshal(line, &m) // params of $/initialize have another form
		switch {
		case m.Method == "$/ping":
			b.write(`{"jsonrpc":"2.0","id":%s,"result":true}`, m.ID)
		case m.Method == "$/initialize":
			b.write(`{"jsonrpc":"2.0","id":%s,"result":{"protocolVersion":1,"concurrency":3}}`, m.ID)
		case len(m.ID) > 0 && m.Method != "":
			go b.serve(m.ID, m.Method, m.Params, m.Meta)
		}
	}
}

// lies are answers that are to be believed by nobody: their results are no proof of any run.
const lies = `{"jsonrpc":"2.0","id":%[1]s000,"result":"a lie"}
{"jsonrpc":"2.0","id":-%[1]s,"result":"a lie"}
{"jsonrpc":"2.0","id":"%[1]s","result":"a lie"}
{"jsonrpc":"2.0","id":%[1]s.5,"result":"a lie"}
{"jsonrpc":"2.0","id":null,"result":"a lie"}
{"id":%[1]s,"result":"a lie"}
[{"jsonrpc":"2.0","id":%[1]s,"result":"a lie"}]`

func (b *bare) serve(id json.RawMessage, method string, params json.RawMessage, meta effect) {
	result, err := perform(method, meta, params, func(text string) { b.write("%s", text) })
	if method == "lie" {
		b.write(lies, id)
	}
	switch {
	case errors.Is(err, errForGood):
		b.write(`{"jsonrpc":"2.0","id":%s,"error":{"code":1,"message":%q,"data":{"retryable":false}}}`, id, err)
	case errors.Is(err, errLater):
		b.write(`{"jsonrpc":"2.0","id":%s,"error":{"code":1,"message":%q,"data":{"snoozeMs":100}}}`, id, err)
	case err != nil:
		b.write(`{"jsonrpc":"2.0","id":%s,"error":{"code":1,"message":%q}}`, id, err)
	default:
		b.write(`{"jsonrpc":"2.0","id":%s,"result":%s}`, id, result)
	}
	if method == "double" {
		b.write(`{"jsonrpc":"2.0","id":%s,"result":"a second answer"}`, id)
		b.write(`{"jsonrpc":"2.0","id":%s,"error":{"code":1,"message":"a third answer"}}`, id)
	}
}
