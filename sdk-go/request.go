package whipper

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"time"

	"github.com/whipper-sidecar/whipper/jsonrpc"
)

// request is one on its way to a supervisor, or to several in turn.
type request struct {
	method   string
	params   any                            // nil: none
	again    bool                           // it is safe to send it twice
	told     *mailbox[ProgressUpdate]       // gets the progress; nil: nobody wants it
	answered func(*link, *jsonrpc.Response) // see jsonrpc.Hooks; may be nil
}

// encoded gives the params as JSON, nil if there are none.
func (q *request) encoded() (json.RawMessage, error) {
	switch p := q.params.(type) {
	case nil:
		return nil, nil
	case InvokeParams:
		return jsonrpc.EncodeInvoke(p)
	default:
		return jsonrpc.Encode(p)
	}
}

// do sends a request and gives its answer.
func (c *Client) do(ctx context.Context, q *request) (*jsonrpc.Response, error) {
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return nil, fmt.Errorf("%s: %w", q.method, ctx.Err())
	}
	raw, err := q.encoded()
	if err != nil {
		return nil, fmt.Errorf("encode params of %s: %w", q.method, err)
	}
	for {
		l, err := c.connected(ctx)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", q.method, err)
		}
		r, err := c.roundTrip(ctx, l, q, raw)
		var tooLarge *Error
		switch {
		case err == nil && !c.refused(q, r):
			return r, nil
		case err == nil:
			if !c.outlive(ctx, l) {
				return r, nil
			}
		case errors.As(err, &tooLarge) && !errors.Is(err, ErrClosed): // it was not sent
			return nil, &CallError{Method: q.method, Err: tooLarge}
		case !errors.Is(err, ErrClosed), c.opts.Once, c.over(), l.given() != nil:
			return nil, l.closed(q.method, err)
		case !q.again:
			return nil, &UnknownOutcomeError{Method: q.method, Err: err}
		}
	}
}

// roundTrip sends a request over one connection, once there is room.
func (c *Client) roundTrip(ctx context.Context, l *link, q *request, raw json.RawMessage) (*jsonrpc.Response, error) {
	select {
	case c.sending <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	for room := l.conn.Room(maxUnsent); room != nil; room = l.conn.Room(maxUnsent) {
		select {
		case <-room:
		case <-ctx.Done():
			<-c.sending
			return nil, ctx.Err()
		}
	}
	var begun uint64
	sent := false
	hooks := jsonrpc.Hooks{Sent: func() {
		<-c.sending
		sent = true
	}}
	if q.told != nil {
		hooks.Begun = func(id uint64) {
			begun = id
			l.mu.Lock()
			defer l.mu.Unlock()
			l.waiting[id] = q.told
		}
		defer func() {
			l.mu.Lock()
			defer l.mu.Unlock()
			delete(l.waiting, begun)
		}()
	}
	if q.answered != nil {
		hooks.Answered = func(r *jsonrpc.Response) { q.answered(l, r) }
	}
	r, err := l.conn.CallWith(ctx, q.method, raw, nil, hooks)
	if !sent { // ctx had ended
		<-c.sending
	}
	return r, err
}

// refused says whether a supervisor that is ending did not take a request, so that the next one may have it.
func (c *Client) refused(q *request, r *jsonrpc.Response) bool {
	if c.opts.Once || r.Error == nil || r.Error.Code != jsonrpc.CodeShuttingDown {
		return false
	}
	switch q.method {
	case jsonrpc.MethodJobSubmit, jsonrpc.MethodJobSubmitBatch:
		return true
	case jsonrpc.MethodJobInvoke: // with a job it was taken, and may have run
		var meta ResponseMeta
		return json.Unmarshal(r.Meta, &meta) == nil && meta.ErrorSource == "whipper" && meta.Job == 0
	default:
		return false
	}
}

// outlive waits for the end of a connection whose supervisor is ending. False: ctx, this client or its patience ended first.
func (c *Client) outlive(ctx context.Context, l *link) bool {
	patience := time.NewTimer(c.opts.Patience)
	defer patience.Stop()
	select {
	case <-l.conn.Done():
		return true
	case <-ctx.Done():
	case <-c.ending:
	case <-patience.C:
	}
	return false
}

func (c *Client) newest() *link {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.link
}

func (c *Client) over() bool {
	select {
	case <-c.ending:
		return true
	default:
		return false
	}
}

const (
	firstPause   = 20 * time.Millisecond // before the second attempt to connect again
	longestPause = time.Second
)

// connected gives the connection, and makes another if it has ended. One caller does that and the others wait for it, each as long as its
// patience and its ctx last.
func (c *Client) connected(ctx context.Context) (*link, error) {
	l := c.newest()
	if c.opts.Once || c.over() || l.alive() {
		return l, nil
	}
	patience, cancel := context.WithTimeout(ctx, c.opts.Patience)
	defer cancel()
	select {
	case c.dialing <- struct{}{}:
		defer func() { <-c.dialing }()
	case <-patience.Done():
		return nil, c.gone(ctx)
	}
	if l = c.newest(); l.alive() {
		return l, nil
	}
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		l, err := c.dial(patience)
		if err == nil {
			return c.adopt(l)
		}
		var none *NoSupervisorError
		var slow net.Error
		switch {
		case errors.As(err, &none):
		case patience.Err() != nil, errors.As(err, &slow) && slow.Timeout():
			return nil, c.gone(ctx)
		default:
			return nil, err
		}
		c.mu.Lock()
		c.failed = err
		c.mu.Unlock()
		wait := time.NewTimer(pause/2 + rand.N(pause/2)) // spread, so that many clients do not come at once
		select {
		case <-wait.C:
		case <-c.ending:
			wait.Stop()
			return nil, ErrClosed
		case <-patience.Done():
			wait.Stop()
			return nil, c.gone(ctx)
		}
	}
}

// adopt makes a connection the newest.
func (c *Client) adopt(l *link) (*link, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		_ = l.conn.Close() // nothing was sent over it
		return nil, ErrClosed
	}
	c.link, c.failed = l, nil
	return l, nil
}

// gone is why there is no supervisor although it was waited for: ctx's end, or the last attempt's error.
func (c *Client) gone(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	deadline, has := ctx.Deadline()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case has && !time.Now().Before(deadline):
		return context.DeadlineExceeded
	case c.failed != nil:
		return c.failed
	}
	return &NoSupervisorError{Socket: c.link.nc.RemoteAddr().String(), Err: errNotBack}
}
