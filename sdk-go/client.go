package whipper

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/whipper-sidecar/whipper/jsonrpc"
)

// Options say which supervisor is meant. Where Dir and Socket are empty, the environment's WHIPPER_SOCKET or WHIPPER_DIR
// decides, or else the folder that FindDir finds from the working folder.
type Options struct {
	Dir    string // the supervisor's folder
	Socket string // path of its socket; goes before Dir

	// Once has the client not connect again: when the connection ends, calls give ErrClosed.
	Once bool

	// Patience is how long a call waits for a supervisor that is gone; 0: 30 s. When it is over, calls give a *NoSupervisorError.
	Patience time.Duration

	// MaxMessageSize is the most bytes of a call or a result; 0: 16 MiB, the supervisor's default. The supervisor's --max-message-size holds too.
	MaxMessageSize int
}

const (
	defaultPatience = 30 * time.Second
	maxInFlight     = 4000    // requests on one connection: of more than 4,096 a supervisor would not even read that one is cancelled
	maxUnsent       = 4 << 20 // bytes that wait for the supervisor to read them, before the next request waits too
)

func (o Options) withDefaults() Options {
	if o.Patience == 0 {
		o.Patience = defaultPatience
	}
	return o
}

func (o Options) validate() error {
	var problems []error
	if o.Patience < 0 {
		problems = append(problems, fmt.Errorf("Patience: %s given, 0 or more wanted", o.Patience))
	}
	if o.MaxMessageSize < 0 {
		problems = append(problems, fmt.Errorf("MaxMessageSize: %d given, 0 or more wanted", o.MaxMessageSize))
	}
	return errors.Join(problems...)
}

// Client speaks with a supervisor over one connection, and makes another when that has ended. Its methods may be called from any goroutine,
// and calls run side by side: 4,000 of them, and more wait for their turn, as does who sends more than the supervisor takes. A call
// whose context ends gives the context's error, and the supervisor is told to cancel it.
//
// When the supervisor ends, requests that have not been sent wait for the next one, for Options.Patience. Those that are under way
// are sent again where that is safe: what only asks, Wait, and submissions with an IdempotencyKey. All others give an *UnknownOutcomeError.
type Client struct {
	opts    Options
	dial    func(context.Context) (*link, error)
	sidecar *sidecar // nil: somebody else's supervisor

	slots   chan struct{} // one token per request in flight
	sending chan struct{} // one token: who sends, or waits for room to
	dialing chan struct{} // one token: who connects again
	ending  chan struct{} // closed by Close

	mu     sync.Mutex
	link   *link // the newest
	closed bool
	failed error // why the last attempt to connect again failed; nil: it has not
}

// Dial connects to a supervisor that is running. It returns a *NoSupervisorError where none is, and an
// *UntrustedError where the folder or the process belongs to another user. Close the client after use.
func Dial(ctx context.Context, o Options) (*Client, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	o = o.withDefaults()
	return newClient(ctx, o, nil, func(ctx context.Context) (*link, error) {
		t, err := locate(o)
		if err != nil {
			return nil, err
		}
		return t.connect(ctx, o.MaxMessageSize)
	})
}

func newClient(ctx context.Context, o Options, s *sidecar, dial func(context.Context) (*link, error)) (*Client, error) {
	l, err := dial(ctx)
	if err != nil {
		return nil, err
	}
	c := clientOver(l, o)
	c.dial, c.sidecar = dial, s
	return c, nil
}

// clientOver gives a client with its first connection.
func clientOver(l *link, o Options) *Client {
	return &Client{
		opts: o, link: l,
		slots:   make(chan struct{}, maxInFlight),
		sending: make(chan struct{}, 1),
		dialing: make(chan struct{}, 1),
		ending:  make(chan struct{}),
	}
}

// Socket is the path of the socket in use.
func (c *Client) Socket() string { return c.newest().nc.RemoteAddr().String() }

// Close ends the connection and cancels the invocations that are under way. Submitted jobs go on. A supervisor that Start has started
// ends too: Close waits until its running jobs are done, for as long as its --drain-timeout (30 s) allows.
func (c *Client) Close() error {
	c.mu.Lock()
	first := !c.closed
	if first {
		c.closed = true
		close(c.ending)
	}
	l := c.link
	c.mu.Unlock()
	err := l.conn.Close()
	if errors.Is(err, net.ErrClosed) || errors.Is(err, ErrClosed) && !c.opts.Once { // it had ended, which this client does not mind
		err = nil
	}
	if c.sidecar != nil && first {
		err = errors.Join(err, c.sidecar.stop())
	}
	return err
}

// Ping asks the supervisor what it is.
func (c *Client) Ping(ctx context.Context) (PingResult, error) {
	return ask[PingResult](ctx, c, jsonrpc.MethodServerPing, nil)
}

// Invoke runs a method and returns the worker's own result bytes. A call that failed gives an *Error. The meta says which job,
// worker and times it was, on an error too. The call belongs to its caller: when ctx ends it is cancelled.
func (c *Client) Invoke(ctx context.Context, p InvokeParams) (json.RawMessage, ResponseMeta, error) {
	p.Trace = traced(ctx, p.Trace)
	return invoked(c.do(ctx, &request{method: jsonrpc.MethodJobInvoke, params: p}))
}

// invoked takes the answer to job.invoke apart.
func invoked(r *jsonrpc.Response, err error) (json.RawMessage, ResponseMeta, error) {
	var meta ResponseMeta
	if err != nil {
		return nil, meta, err
	}
	if r.Meta != nil {
		if err := json.Unmarshal(r.Meta, &meta); err != nil {
			return nil, meta, fmt.Errorf("read meta of %s: %w", jsonrpc.MethodJobInvoke, err)
		}
	}
	if r.Error != nil {
		return nil, meta, &CallError{Method: jsonrpc.MethodJobInvoke, Meta: meta, Err: r.Error}
	}
	return r.Result, meta, nil
}

// Submit returns once the job is on disk. With an IdempotencyKey it is safe to try again after an error,
// and the client does so by itself when the supervisor ends meanwhile.
func (c *Client) Submit(ctx context.Context, p SubmitParams) (SubmitResult, error) {
	p.Trace = traced(ctx, p.Trace)
	q := &request{method: jsonrpc.MethodJobSubmit, params: p, again: p.IdempotencyKey != ""}
	r, err := c.do(ctx, q)
	switch {
	case err != nil:
		return SubmitResult{}, err
	case r.Error != nil:
		return SubmitResult{}, &CallError{Method: q.method, Err: r.Error}
	}
	var result SubmitResult
	if err := jsonrpc.DecodeSubmitResult(r.Result, &result); err != nil {
		return SubmitResult{}, fmt.Errorf("read result of %s: %w", q.method, err)
	}
	return result, nil
}

// SubmitBatch submits all jobs or none. They must be for the same pool.
func (c *Client) SubmitBatch(ctx context.Context, p SubmitBatchParams) (SubmitBatchResult, error) {
	p.Jobs = slices.Clone(p.Jobs)
	again := true
	for i := range p.Jobs {
		p.Jobs[i].Trace = traced(ctx, p.Jobs[i].Trace)
		again = again && p.Jobs[i].IdempotencyKey != ""
	}
	q := &request{method: jsonrpc.MethodJobSubmitBatch, params: p, again: again}
	return decode[SubmitBatchResult](q.method)(c.do(ctx, q))
}

// Get returns a job with its attempts. An unknown id is an *Error with CodeNotFound.
func (c *Client) Get(ctx context.Context, p GetParams) (Job, error) {
	return ask[Job](ctx, c, jsonrpc.MethodJobGet, p)
}

// List returns a page of jobs, newest first; NextCursor is the Cursor of the next page.
func (c *Client) List(ctx context.Context, p ListParams) (JobsResult, error) {
	return ask[JobsResult](ctx, c, jsonrpc.MethodJobList, p)
}

// Wait returns the jobs, in the order of the ids and without their params, when all have their final outcome; a job that failed
// is no error here. When TimeoutMs are over first it is an *Error with CodeTimeout.
func (c *Client) Wait(ctx context.Context, p WaitParams) (JobsResult, error) {
	return ask[JobsResult](ctx, c, jsonrpc.MethodJobWait, p)
}

// Cancel cancels queued jobs and asks running ones to cancel. The count has both.
func (c *Client) Cancel(ctx context.Context, p CancelJobsParams) (CountResult, error) {
	return call[CountResult](ctx, c, jsonrpc.MethodJobCancel, p)
}

// Retry queues jobs again that have failed, or were cancelled or dropped, with all their attempts. All other jobs are passed over, and
// the count leaves them out. With ids, one that is unknown is an *Error with CodeNotFound, and nothing is changed.
func (c *Client) Retry(ctx context.Context, p RetryJobsParams) (CountResult, error) {
	return call[CountResult](ctx, c, jsonrpc.MethodJobRetry, p)
}

// Prune takes jobs that have their final outcome off the ledger for good, and says how many. Where ctx ends first, those pruned until
// then are gone.
func (c *Client) Prune(ctx context.Context, p PruneJobsParams) (CountResult, error) {
	return call[CountResult](ctx, c, jsonrpc.MethodJobPrune, p)
}

// Pools lists the supervisor's pools.
func (c *Client) Pools(ctx context.Context) (PoolListResult, error) {
	return ask[PoolListResult](ctx, c, jsonrpc.MethodPoolList, nil)
}

// Stats returns a pool's counters.
func (c *Client) Stats(ctx context.Context, p PoolParams) (PoolStats, error) {
	return ask[PoolStats](ctx, c, jsonrpc.MethodPoolStats, p)
}

// Pause has no call or job of a pool, or of one of its methods, handed to a worker until Resume. Calls that workers have go on, and what
// comes in waits. It returns the pool as it is then. The pause of a pool ends with its supervisor, that of a method does not.
func (c *Client) Pause(ctx context.Context, p PauseParams) (Pool, error) {
	return ask[Pool](ctx, c, jsonrpc.MethodPoolPause, p)
}

// Resume ends a Pause.
func (c *Client) Resume(ctx context.Context, p PauseParams) (Pool, error) {
	return ask[Pool](ctx, c, jsonrpc.MethodPoolResume, p)
}

// Resize changes between how many workers a pool has, until its supervisor ends. It returns at once; workers that are too many finish
// their calls first.
func (c *Client) Resize(ctx context.Context, p ResizeParams) (Pool, error) {
	return ask[Pool](ctx, c, jsonrpc.MethodPoolResize, p)
}

// Restart replaces all workers of a pool, one after the other, each once its successor is ready, and waits for that. No call is failed
// for it. When a successor does not get ready the workers that are left go on serving, and the error is an *Error with
// CodeWorkerCrashed that says why. The restart goes on when ctx ends.
func (c *Client) Restart(ctx context.Context, p PoolParams) (RestartResult, error) {
	return call[RestartResult](ctx, c, jsonrpc.MethodPoolRestart, p)
}

// Workers lists a pool's workers.
func (c *Client) Workers(ctx context.Context, p PoolParams) (WorkerListResult, error) {
	return ask[WorkerListResult](ctx, c, jsonrpc.MethodWorkerList, p)
}

// ask sends a request without effect, or one that may be had twice, and decodes its result.
func ask[R any](ctx context.Context, c *Client, method string, params any) (R, error) {
	return decode[R](method)(c.do(ctx, &request{method: method, params: params, again: true}))
}

// call sends a request that must not be sent twice, and decodes its result.
func call[R any](ctx context.Context, c *Client, method string, params any) (R, error) {
	return decode[R](method)(c.do(ctx, &request{method: method, params: params}))
}

// decode gives the result of an answer.
func decode[R any](method string) func(*jsonrpc.Response, error) (R, error) {
	return func(r *jsonrpc.Response, err error) (result R, _ error) {
		switch {
		case err != nil:
			return result, err
		case r.Error != nil:
			return result, &CallError{Method: method, Err: r.Error}
		}
		if err := json.Unmarshal(r.Result, &result); err != nil {
			return result, fmt.Errorf("read result of %s: %w", method, err)
		}
		return result, nil
	}
}
