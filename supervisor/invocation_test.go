package supervisor

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
)

// invocation is an invoke under way.
type invocation struct {
	r      *rig
	leave  context.CancelFunc // the caller goes away
	done   chan struct{}
	reply  Reply
	err    error
	result string
}

// invoke is Invoke for a caller who waits, until ctx ends.
func (p *Pool) invoke(ctx context.Context, c Call) (reply Reply, err error) {
	done := make(chan struct{})
	cancel := p.Invoke(nil, c, func(r Reply, e error, _ *jsonrpc.Cork) {
		reply, err = r, e
		close(done)
	})
	select {
	case <-done:
	case <-ctx.Done():
		cancel()
		<-done
	}
	return reply, err
}

// call begins an invoke of a method.
func (r *rig) call(method, params string) *invocation {
	return r.callAs(Call{Method: method, Params: []byte(params)})
}

func (r *rig) callAs(c Call) *invocation {
	ctx, cancel := context.WithCancel(context.Background())
	i := &invocation{r: r, leave: cancel, done: make(chan struct{})}
	if string(c.Params) == "" {
		c.Params = nil
	}
	go func() {
		defer close(i.done)
		i.reply, i.err = r.pool.invoke(ctx, c)
		i.result = string(i.reply.Result)
	}()
	r.Cleanup(func() { cancel(); <-i.done })
	return i
}

// answer waits for the invoke's reply.
func (i *invocation) answer() *invocation {
	i.r.Helper()
	select {
	case <-i.done:
	case <-time.After(patience):
		i.r.Fatalf("invoke was not answered\n%s", i.r.log)
	}
	return i
}

// code is the code of the error that the invoke ended with, 0 for none.
func (i *invocation) code() int64 {
	i.answer()
	var e *jsonrpc.Error
	if errors.As(i.err, &e) {
		return e.Code
	}
	if i.err == nil && i.reply.Error != nil {
		return i.reply.Error.Code
	}
	return 0
}

// alive says whether a process, perhaps not yet reaped, has the pid.
func alive(pid int) bool { return unix.Kill(pid, 0) == nil }

func errorOf(t *testing.T, job ledger.Job) jsonrpc.Error {
	t.Helper()
	var e jsonrpc.Error
	if err := json.Unmarshal(job.Error, &e); err != nil {
		t.Fatalf("job %d is %s with error %q: %v", job.ID, job.State, job.Error, err)
	}
	return e
}
