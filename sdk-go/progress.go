package whipper

import (
	"context"
	"encoding/json"

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
	p.Trace = traced(ctx, p.Trace)
	return invoked(c.doTold(ctx, &request{method: jsonrpc.MethodJobInvoke, params: p}, told))
}

// WaitProgress is Wait, and calls told with what the jobs' workers say, as InvokeProgress does.
func (c *Client) WaitProgress(ctx context.Context, p WaitParams, told func(ProgressUpdate)) (JobsResult, error) {
	q := &request{method: jsonrpc.MethodJobWait, params: p, again: true}
	return decode[JobsResult](q.method)(c.doTold(ctx, q, told))
}

// doTold is do with progress.
func (c *Client) doTold(ctx context.Context, q *request, told func(ProgressUpdate)) (*jsonrpc.Response, error) {
	q.told = newMailbox[ProgressUpdate](waitingProgress)
	type outcome struct {
		r   *jsonrpc.Response
		err error
	}
	done := make(chan outcome, 1)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // ends with the call, or with ctx: told may panic
		r, err := c.do(ctx, q)
		done <- outcome{r, err}
	}()
	tell := func() {
		values, _ := q.told.take()
		for _, v := range values {
			told(v)
		}
	}
	for {
		select {
		case <-q.told.ready:
			tell()
		case o := <-done:
			tell()
			return o.r, o.err
		}
	}
}

// progressed takes a $/progress notification, on the reader's goroutine.
func (l *link) progressed(params json.RawMessage) {
	var p jsonrpc.ProgressParams
	var id uint64
	if json.Unmarshal(params, &p) != nil || json.Unmarshal(p.ID, &id) != nil {
		return
	}
	l.mu.Lock()
	box := l.waiting[id]
	l.mu.Unlock()
	if box != nil {
		box.put(ProgressUpdate{p.Job, p.Value})
	}
}
