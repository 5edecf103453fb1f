package whipper

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/whipper-sidecar/whipper/jsonrpc"
)

// Call is what a method may know of the call that it serves.
type Call struct {
	Method   string
	Job      int64     // its id: the same on every attempt, never given to another job
	Attempt  int       // from 1
	Deadline time.Time // when its timeout is over, which ends the context too; zero: there is none

	id   json.RawMessage // nil: a notification
	conn *jsonrpc.Conn
	over *atomic.Bool // it is answered
}

type callKey struct{}

// CallFrom gives the call that a context belongs to. False: none, as outside of a worker.
func CallFrom(ctx context.Context) (Call, bool) {
	c, ok := ctx.Value(callKey{}).(*Call)
	if !ok {
		return Call{}, false
	}
	return *c, true
}

// maxWaiting is how many bytes of progress and log records may wait for the supervisor before their senders do.
const maxWaiting = 4 << 20

// Progress tells whoever waits for the call how far it is, and keeps that with the job. The value is any JSON of up to 64 KiB;
// {"progress":3,"total":10,"message":"…"} is shown as a bar. Outside of a call, and after its answer, it does nothing. It waits while
// the supervisor does not read. The error is that of encoding the value, ctx's, or ErrClosed.
func Progress(ctx context.Context, value any) error {
	c, ok := ctx.Value(callKey{}).(*Call)
	if !ok || c.id == nil || c.over.Load() {
		return nil
	}
	raw, err := jsonrpc.Encode(value)
	if err != nil {
		return fmt.Errorf("encode progress: %w", err)
	}
	params := make([]byte, 0, len(raw)+len(c.id)+20)
	params = append(append(append(params, `{"id":`...), c.id...), `,"value":`...)
	return c.notify(ctx, jsonrpc.MethodProgress, append(append(params, raw...), '}'))
}

func (c *Call) notify(ctx context.Context, method string, params json.RawMessage) error {
	for room := c.conn.Room(maxWaiting); room != nil; room = c.conn.Room(maxWaiting) {
		select {
		case <-room:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return c.conn.Notify(method, params)
}

// callMeta is the meta member of a call.
type callMeta struct {
	Job      int64        `json:"job"`
	Attempt  int          `json:"attempt"`
	Deadline jsonrpc.Time `json:"deadline"`
	jsonrpc.Trace
}

// idKey is an id as a map has it: 7 and 7.0 are two, as they are to who sent them.
func idKey(id json.RawMessage) string {
	if n, err := strconv.Unquote(string(id)); err == nil {
		return `"` + n
	}
	return string(id)
}
