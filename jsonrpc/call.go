package jsonrpc

import (
	"context"
	"encoding/json"
	"runtime"
	"strconv"
)

// Call sends a call with params encoded as JSON (nil: none; a json.RawMessage goes as it is), waits for the answer and decodes it into result (nil: not
// wanted). An error answer is an *Error. When ctx ends first, the peer gets a $/cancelRequest and Call gives ctx's error.
func (c *Conn) Call(ctx context.Context, method string, params, result any) error {
	raw, isRaw := params.(json.RawMessage)
	if params != nil && !isRaw {
		var err error
		if raw, err = json.Marshal(params); err != nil {
			return err
		}
	}
	resp, err := c.CallRaw(ctx, method, raw, nil)
	switch {
	case err != nil:
		return err
	case resp.Error != nil:
		return resp.Error
	case result == nil:
		return nil
	}
	if out, ok := result.(*json.RawMessage); ok {
		*out = resp.Result
		return nil
	}
	return json.Unmarshal(resp.Result, result)
}

// CallRaw is Call for bytes that are JSON already. An error answer is in the response.
func (c *Conn) CallRaw(ctx context.Context, method string, params, meta json.RawMessage) (*Response, error) {
	return c.CallWith(ctx, method, params, meta, Hooks{})
}

// Hooks are for callers whose calls are followed by notifications. Each may be nil.
type Hooks struct {
	Begun    func(id uint64)   // gets the call's id before the call is sent
	Sent     func()            // after it is on its way, or cannot be sent
	Answered func(r *Response) // gets the answer on the reader's goroutine, before anything that came after it, and even if the caller has given up
}

// CallWith is CallRaw with hooks.
func (c *Conn) CallWith(ctx context.Context, method string, params, meta json.RawMessage, h Hooks) (*Response, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	answer := make(chan *Response, 1)
	id := c.lastID.Add(1)
	if h.Begun != nil {
		h.Begun(id)
	}
	var k Cork
	err := c.start(&k, id, method, params, meta, func(r *Response) {
		if h.Answered != nil {
			h.Answered(r)
		}
		answer <- r
	})
	if h.Sent != nil {
		h.Sent()
	}
	if err != nil {
		return nil, err
	}
	// Those whose answers came together mostly call again together. They add their frames first, and one write takes all.
	runtime.Gosched()
	k.Release()
	select {
	case r := <-answer:
		return r, nil
	case <-c.Done():
		select { // the last answer and the end may have come together
		case r := <-answer:
			return r, nil
		default:
			return nil, ErrClosed
		}
	case <-ctx.Done():
		_ = c.Notify(MethodCancel, json.RawMessage(`{"id":`+strconv.FormatUint(id, 10)+`}`)) // a closed connection cancels by itself
		return nil, ctx.Err()
	}
}
