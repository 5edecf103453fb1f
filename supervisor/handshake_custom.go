package supervisor

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/whipper-sidecar/whipper/jsonrpc"
)

// Custom is a handshake in the words of the program's protocol. What it leaves out is not sent.
type Custom struct {
	Initialize    *CustomMessage             // the first request; the worker is ready when it is answered. Nil: it is ready at once
	Initialized   []CustomMessage            // notifications that follow
	Cancel        *CustomCancel              // nil: a call that is not wanted any more is waited for until the flush timeout
	Shutdown      []CustomMessage            // requests, each of which is awaited, and notifications; then stdin is closed
	Replies       map[string]json.RawMessage // results of the worker's own requests, by method; others are answered "method not found"
	Notifications []string                   // methods that are notifications: a call of one has the result null as soon as it is sent
}

// CustomMessage is one message to a worker.
type CustomMessage struct {
	Method  string
	Params  json.RawMessage // nil: none
	Request bool            // in Shutdown: a request
}

// CustomCancel is the notification that asks a worker to give up a call. The call is still to be answered.
type CustomCancel struct {
	Method string
	ID     string                     // the member of params that names the call; "id"
	Params map[string]json.RawMessage // further members
}

func customHandshake(c *Custom) *handshake {
	h := &handshake{
		ping:     outgoing{method: jsonrpc.MethodPing},
		declared: func(json.RawMessage) (d jsonrpc.InitializeResult, err error) { return d, nil },
		cancel:   func(uint64, string) outgoing { return outgoing{} },
		replies:  map[string]reply{},
		oneWay:   func(method string) bool { return slices.Contains(c.Notifications, method) },
	}
	if c.Initialize != nil {
		h.hello = outgoing{method: c.Initialize.Method, params: c.Initialize.Params}
	}
	for _, m := range c.Initialized {
		h.opening = append(h.opening, outgoing{method: m.Method, params: m.Params})
	}
	for _, m := range c.Shutdown {
		h.closing = append(h.closing, outgoing{m.Method, m.Params, m.Request})
	}
	if c.Cancel != nil {
		h.cancel = c.Cancel.message
	}
	for method, result := range c.Replies {
		h.replies[method] = always(string(result))
	}
	return h
}

func (c *CustomCancel) message(call uint64, _ string) outgoing {
	params := map[string]json.RawMessage{}
	for name, value := range c.Params {
		params[name] = value
	}
	id := c.ID
	if id == "" {
		id = "id"
	}
	params[id] = json.RawMessage(strconv.FormatUint(call, 10))
	return outgoing{method: c.Method, params: encode(params)}
}

// Validate reports every problem at once.
func (c *Custom) Validate() error {
	var problems []error
	check := func(where, method string, params json.RawMessage) {
		if method == "" {
			problems = append(problems, fmt.Errorf("%s: a method is missing", where))
		}
		if p := strings.TrimSpace(string(params)); p != "" && p[0] != '{' && p[0] != '[' {
			problems = append(problems, fmt.Errorf("%s: params of %q are %s; an object or an array is wanted", where, method, p))
		}
	}
	if c.Initialize != nil {
		check("initialize", c.Initialize.Method, c.Initialize.Params)
	}
	for _, m := range c.Initialized {
		check("initialized", m.Method, m.Params)
	}
	for _, m := range c.Shutdown {
		check("shutdown", m.Method, m.Params)
	}
	if c.Cancel != nil {
		check("cancel", c.Cancel.Method, nil)
	}
	return errors.Join(problems...)
}
