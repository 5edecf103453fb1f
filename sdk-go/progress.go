package whipper

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/whipper-sidecar/whipper/jsonrpc"
)

// ProgressUpdate is what the worker of a job has said about it. Value is the worker's own JSON.
type ProgressUpdate struct {
	Job   int64
	Value json.RawMessage
}

// waitingProgress is how many values may wait for whoever is told of them.
const waitingProgress = 64

// InvokeProgress is Invoke, and calls told with what the worker says about the call, on the caller's goroutine. A told that is slow
// misses values, the older ones first. After InvokeProgress has returned it is not called.
func (c *Client) InvokeProgress(ctx context.Context, p InvokeParams, told func(ProgressUpdate)) (json.RawMessage, ResponseMeta, error) {
	r, err := c.sendTold(ctx, jsonrpc.MethodJobInvoke, p, told)
	return invoked(r, err)
}

// WaitProgress is Wait, and calls told with what the jobs' workers say, as InvokeProgress does.
func (c *Client) WaitProgress(ctx context.Context, p WaitParams, told func(ProgressUpdate)) (JobsResult, error) {
	r, err := c.sendTold(ctx, jsonrpc.MethodJobWait, p, told)
	return decode[JobsResult](jsonrpc.MethodJobWait, r, err)
}

// sendTold is send with progress.
func (c *Client) sendTold(ctx context.Context, method string, params any, told func(ProgressUpdate)) (*jsonrpc.Response, error) {
	raw, err := jsonrpc.Encode(params)
	if err != nil {
		return nil, fmt.Errorf("encode params of %s: %w", method, err)
	}
	box := newMailbox[ProgressUpdate](waitingProgress)
	var id uint64
	begun := func(i uint64) {
		id = i
		c.mu.Lock()
		defer c.mu.Unlock()
		c.waiting[id] = box
	}
	type outcome struct {
		r   *jsonrpc.Response
		err error
	}
	done := make(chan outcome, 1)
	go func() { // ends with the call, or with ctx
		r, err := c.sendRaw(ctx, method, raw, jsonrpc.Hooks{Begun: begun})
		c.mu.Lock()
		delete(c.waiting, id)
		c.mu.Unlock()
		done <- outcome{r, err}
	}()
	tell := func() {
		values, _ := box.take()
		for _, v := range values {
			told(v)
		}
	}
	for {
		select {
		case <-box.ready:
			tell()
		case o := <-done:
			tell()
			return o.r, o.err
		}
	}
}

// progressed takes a $/progress notification, on the reader's goroutine.
func (c *Client) progressed(params json.RawMessage) {
	var p jsonrpc.ProgressParams
	var id uint64
	if json.Unmarshal(params, &p) != nil || json.Unmarshal(p.ID, &id) != nil {
		return
	}
	c.mu.Lock()
	box := c.waiting[id]
	c.mu.Unlock()
	if box != nil {
		box.put(ProgressUpdate{p.Job, p.Value})
	}
}
