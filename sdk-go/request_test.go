package whipper

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/whipper-sidecar/whipper/jsonrpc"
)

// stalled is a client whose supervisor reads nothing. It counts the calls and their bytes that the connection has taken.
func stalled(t *testing.T) (c *Client, calls, bytes *atomic.Int64) {
	t.Helper()
	near, far := net.Pipe()
	calls, bytes = &atomic.Int64{}, &atomic.Int64{}
	conn := jsonrpc.NewConn(near, jsonrpc.HandlerFunc(func(*jsonrpc.Conn, *jsonrpc.Request) {}), jsonrpc.Options{Framed: func(call uint64, size int) {
		if call != 0 {
			calls.Add(1)
			bytes.Add(int64(size))
		}
	}})
	t.Cleanup(func() {
		far.Close()
		conn.Close()
	})
	return clientOver(&link{conn: conn, waiting: map[uint64]*mailbox[ProgressUpdate]{}}, Options{Once: true}), calls, bytes
}

// invokeMany begins calls and gives a function that has them end.
func invokeMany(t *testing.T, c *Client, count int, text string) (end func()) {
	t.Helper()
	params, err := Args(text)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for range count {
		all.Go(func() {
			if _, _, err := c.Invoke(ctx, InvokeParams{Method: "m", Params: params}); !errors.Is(err, context.Canceled) {
				t.Errorf("%v", err)
			}
		})
	}
	return func() {
		cancel()
		all.Wait()
	}
}

func TestWhoSendsMoreThanIsReadWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _, bytes := stalled(t)
		end := invokeMany(t, c, 50, strings.Repeat("x", 1<<20))
		synctest.Wait()
		if n := bytes.Load(); n < maxUnsent || n > maxUnsent+2<<20 {
			t.Errorf("%d bytes wait in the connection", n)
		}
		end()
	})
}

func TestNoMoreRequestsAreUnderWayThanASupervisorServes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, calls, _ := stalled(t)
		end := invokeMany(t, c, maxInFlight+500, "")
		synctest.Wait()
		if n := calls.Load(); n != maxInFlight {
			t.Errorf("%d calls are under way", n)
		}
		end()
	})
}

// What a supervisor refuses because it is ending has not run; what it gave up has, perhaps.
func TestOnlyARefusalIsAskedAgain(t *testing.T) {
	c := clientOver(nil, Options{})
	ending := &jsonrpc.Error{Code: jsonrpc.CodeShuttingDown}
	for _, test := range []struct {
		method, meta string
		err          *jsonrpc.Error
		want         bool
	}{
		{jsonrpc.MethodJobSubmit, `null`, ending, true},
		{jsonrpc.MethodJobSubmitBatch, `null`, ending, true},
		{jsonrpc.MethodJobInvoke, `{"errorSource":"whipper"}`, ending, true},
		{jsonrpc.MethodJobInvoke, `{"errorSource":"whipper","job":7}`, ending, false},
		{jsonrpc.MethodJobInvoke, `{"errorSource":"worker"}`, ending, false},
		{jsonrpc.MethodPoolPause, `null`, ending, false},
		{jsonrpc.MethodJobSubmit, `null`, &jsonrpc.Error{Code: jsonrpc.CodeQueueFull}, false},
		{jsonrpc.MethodJobSubmit, `null`, nil, false},
	} {
		got := c.refused(&request{method: test.method}, &jsonrpc.Response{Error: test.err, Meta: json.RawMessage(test.meta)})
		if got != test.want {
			t.Errorf("%s %s %v: %t", test.method, test.meta, test.err, got)
		}
	}
}
