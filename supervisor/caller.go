package supervisor

import (
	"context"
	"encoding/json"
	"errors"
	"sync/atomic"
	"time"

	"github.com/whipper-sidecar/whipper/internal/telemetry/signals"
	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
)

// caller is who invokes a method. It does not wait for the reply but is told.
type caller struct {
	pool     *Pool
	done     func(Reply, error, *jsonrpc.Cork)
	progress func(job int64, value json.RawMessage) // may be nil
	over     atomic.Bool                            // done has been called, or will be by whoever set this
	job      int64                                  // that its call has become; 0: none
	later    *admission                             // nil: job is known since Invoke returned
	sending  *signals.Span                          // until the call is admitted or refused; nil: it is not traced
}

// admission goes on in a goroutine because the ledger has no id at once.
type admission struct {
	stop context.CancelFunc
	over chan struct{} // closed when the call has been admitted, or never will be
}

// atOnce is for what must not wait.
var atOnce = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

// Invoke runs a call. done is called once: with the reply; with a *jsonrpc.Error if the call was not admitted, perhaps before Invoke returns;
// or with context.Canceled after cancel, where the Reply holds the job's id alone. It must not block, and what it writes goes to the cork that it
// gets. k is the cork of the goroutine that calls Invoke, which never waits; it may be nil.
//
// cancel gives the call up: one that waits is cancelled, one that runs is asked to be. It does not wait for that, and once done has been called
// it does nothing.
func (p *Pool) Invoke(k *jsonrpc.Cork, call Call, done func(r Reply, err error, k *jsonrpc.Cork)) (cancel func()) {
	c := &caller{pool: p, done: done, progress: call.Progress}
	c.sending = p.tracing.Send(signals.W3C(call.Trace), signals.Submission{Pool: p.name, Method: call.Method})
	call.Trace = ledger.Trace(c.sending.Carry(signals.W3C(call.Trace)))
	if err := p.writable(); err != nil {
		c.refuse(err, k)
		return c.cancel
	}
	var err error
	switch c.job, err = p.ledger.NextID(atOnce); {
	case err == nil:
		c.begin(call, k)
	case errors.Is(err, context.Canceled):
		ctx, stop := context.WithCancel(context.Background())
		c.later = &admission{stop, make(chan struct{})}
		go c.beginLater(ctx, call)
	default:
		c.refuse(err, k)
	}
	return c.cancel
}

// beginLater waits for an id. This goroutine ends before done is called, or cancel waits for it.
func (c *caller) beginLater(ctx context.Context, call Call) {
	defer close(c.later.over)
	defer c.later.stop()
	id, err := c.pool.ledger.NextID(ctx)
	if err != nil {
		c.refuse(err, nil)
		return
	}
	c.job = id
	c.begin(call, nil)
}

func (c *caller) begin(asked Call, k *jsonrpc.Cork) {
	now := time.Now()
	err := c.pool.admit(&call{
		caller: c, method: asked.Method,
		job: ledger.Job{
			ID: c.job, Pool: c.pool.name, Method: asked.Method, Params: asked.Params, State: ledger.Queued, Priority: asked.Priority,
			MaxAttempts: 1, Backoff: ledger.DefaultBackoff, Timeout: asked.Timeout, Delivery: ledger.AtLeastOnce,
			Origin: ledger.FromInvoke, Trace: asked.Trace, CreatedAt: now, RunAt: now,
		},
	}, k)
	if err != nil {
		c.refuse(err, k)
		return
	}
	traceSent(c.sending, c.job, nil)
}

// refuse tells the caller that there is no call.
func (c *caller) refuse(err error, k *jsonrpc.Cork) {
	traceSent(c.sending, 0, err)
	c.answer(Reply{}, err, k)
}

// answer tells the caller, unless cancel will.
func (c *caller) answer(r Reply, err error, k *jsonrpc.Cork) {
	if !c.over.Swap(true) {
		c.done(r, err, k)
	}
}

// cancelAtMost bounds the cancelling of a call whose caller has gone.
const cancelAtMost = 5 * time.Second

func (c *caller) cancel() {
	if c.over.Swap(true) {
		return
	}
	go func() { // ends with done; a job that is on disk is cancelled there first
		if c.later != nil {
			c.later.stop()
			<-c.later.over
		}
		if c.job != 0 {
			c.pool.abandoned(c.job)
		}
		c.done(Reply{Job: c.job}, context.Canceled, nil)
	}()
}

// abandoned cancels a job whose caller has gone.
func (p *Pool) abandoned(job int64) {
	// Where this fails, the claimer finds the call without its caller, and cancels it.
	ctx, cancel := context.WithTimeout(context.Background(), cancelAtMost)
	defer cancel()
	_, _ = p.Cancel(ctx, []int64{job})
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.invoked, job)
}
