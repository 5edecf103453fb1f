package whipper

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"sync"
	"syscall"

	"github.com/whipper-sidecar/whipper/jsonrpc"
)

// Options say which supervisor is meant. Where both members are empty, the environment's WHIPPER_SOCKET or WHIPPER_DIR
// decides, or else the folder that FindDir finds from the working folder.
type Options struct {
	Dir    string // the supervisor's folder
	Socket string // path of its socket; goes before Dir
}

// Client is a connection to a supervisor. Its methods may be called from any goroutine, and calls run side by side. A call
// whose context ends gives the context's error, and the supervisor is told to cancel it.
type Client struct {
	conn *jsonrpc.Conn
	nc   *net.UnixConn // under conn

	mu      sync.Mutex
	fault   error                               // why this side gave the connection up
	streams map[int64]*stream                   // by the number of their subscription
	waiting map[uint64]*mailbox[ProgressUpdate] // by the id of their call
}

// Connect connects to a supervisor that is running. It returns a *NoSupervisorError where none is, and an
// *UntrustedError where the folder or the process belongs to another user. Close the client after use.
func Connect(ctx context.Context, o Options) (*Client, error) {
	t, err := locate(o)
	if err != nil {
		return nil, err
	}
	var d net.Dialer
	nc, err := d.DialContext(ctx, "unix", t.socket)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ENOTSOCK):
		return nil, &NoSupervisorError{Dir: t.dir, Socket: t.socket, Err: err}
	case errors.Is(err, syscall.EINVAL): // the path is too long, so nothing can listen there
		return nil, &NoSupervisorError{Dir: t.dir, Socket: t.socket, Err: errTooLong}
	case err != nil:
		return nil, fmt.Errorf("connect to supervisor: %w", err)
	}
	uc := nc.(*net.UnixConn)
	if err := t.checkPeer(uc); err != nil {
		return nil, errors.Join(err, uc.Close())
	}
	c := &Client{nc: uc, streams: map[int64]*stream{}, waiting: map[uint64]*mailbox[ProgressUpdate]{}}
	c.conn = jsonrpc.NewConn(uc, jsonrpc.HandlerFunc(c.receive), jsonrpc.Options{Stray: c.giveUp})
	return c, nil
}

// Socket is the path of the socket in use.
func (c *Client) Socket() string { return c.nc.RemoteAddr().String() }

// Close ends the connection and cancels the invocations that are under way. Submitted jobs go on.
func (c *Client) Close() error {
	err := c.conn.Close()
	if errors.Is(err, net.ErrClosed) { // an answer came that Close no longer waits for, and giveUp was quicker
		return nil
	}
	return err
}

// Ping asks the supervisor what it is.
func (c *Client) Ping(ctx context.Context) (PingResult, error) {
	return call[PingResult](ctx, c, jsonrpc.MethodServerPing, nil)
}

// Invoke runs a method and returns the worker's own result bytes. A call that failed gives an *Error. The meta says which job,
// worker and times it was, on an error too. The call belongs to its caller: when ctx ends it is cancelled.
func (c *Client) Invoke(ctx context.Context, p InvokeParams) (json.RawMessage, ResponseMeta, error) {
	return invoked(c.send(ctx, jsonrpc.MethodJobInvoke, p))
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
		return nil, meta, r.Error
	}
	return r.Result, meta, nil
}

// Submit returns once the job is on disk. Retrying after an error is safe with an IdempotencyKey.
func (c *Client) Submit(ctx context.Context, p SubmitParams) (SubmitResult, error) {
	return call[SubmitResult](ctx, c, jsonrpc.MethodJobSubmit, p)
}

// SubmitBatch submits all jobs or none. They must be for the same pool.
func (c *Client) SubmitBatch(ctx context.Context, p SubmitBatchParams) (SubmitBatchResult, error) {
	return call[SubmitBatchResult](ctx, c, jsonrpc.MethodJobSubmitBatch, p)
}

// Get returns a job with its attempts. An unknown id is an *Error with CodeNotFound.
func (c *Client) Get(ctx context.Context, p GetParams) (Job, error) {
	return call[Job](ctx, c, jsonrpc.MethodJobGet, p)
}

// List returns a page of jobs, newest first; NextCursor is the Cursor of the next page.
func (c *Client) List(ctx context.Context, p ListParams) (JobsResult, error) {
	return call[JobsResult](ctx, c, jsonrpc.MethodJobList, p)
}

// Wait returns the jobs, in the order of the ids and without their params, when all have their final outcome; a job that failed
// is no error here. When TimeoutMs are over first it is an *Error with CodeTimeout.
func (c *Client) Wait(ctx context.Context, p WaitParams) (JobsResult, error) {
	return call[JobsResult](ctx, c, jsonrpc.MethodJobWait, p)
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
	return call[PoolListResult](ctx, c, jsonrpc.MethodPoolList, nil)
}

// Stats returns a pool's counters.
func (c *Client) Stats(ctx context.Context, p PoolParams) (PoolStats, error) {
	return call[PoolStats](ctx, c, jsonrpc.MethodPoolStats, p)
}

// Pause has no call or job of a pool, or of one of its methods, handed to a worker until Resume. Calls that workers have go on, and what
// comes in waits. It returns the pool as it is then. The pause of a pool ends with its supervisor, that of a method does not.
func (c *Client) Pause(ctx context.Context, p PauseParams) (Pool, error) {
	return call[Pool](ctx, c, jsonrpc.MethodPoolPause, p)
}

// Resume ends a Pause.
func (c *Client) Resume(ctx context.Context, p PauseParams) (Pool, error) {
	return call[Pool](ctx, c, jsonrpc.MethodPoolResume, p)
}

// Resize changes between how many workers a pool has, until its supervisor ends. It returns at once; workers that are too many finish
// their calls first.
func (c *Client) Resize(ctx context.Context, p ResizeParams) (Pool, error) {
	return call[Pool](ctx, c, jsonrpc.MethodPoolResize, p)
}

// Restart replaces all workers of a pool, one after the other, each once its successor is ready, and waits for that. No call is failed
// for it. When a successor does not get ready the workers that are left go on serving, and the error is an *Error with
// CodeWorkerCrashed that says why. The restart goes on when ctx ends.
func (c *Client) Restart(ctx context.Context, p PoolParams) (RestartResult, error) {
	return call[RestartResult](ctx, c, jsonrpc.MethodPoolRestart, p)
}

// Workers lists a pool's workers.
func (c *Client) Workers(ctx context.Context, p PoolParams) (WorkerListResult, error) {
	return call[WorkerListResult](ctx, c, jsonrpc.MethodWorkerList, p)
}

// Args encodes by-position params for InvokeParams and SubmitParams. A json.RawMessage goes in as it is.
func Args(args ...any) (json.RawMessage, error) {
	if args == nil {
		args = []any{}
	}
	return jsonrpc.Encode(args)
}

// call sends a request and decodes its result.
func call[R any](ctx context.Context, c *Client, method string, params any) (R, error) {
	r, err := c.send(ctx, method, params)
	return decode[R](method, r, err)
}

// decode gives the result of an answer.
func decode[R any](method string, r *jsonrpc.Response, err error) (R, error) {
	var result R
	switch {
	case err != nil:
		return result, err
	case r.Error != nil:
		return result, r.Error
	}
	if err := json.Unmarshal(r.Result, &result); err != nil {
		return result, fmt.Errorf("read result of %s: %w", method, err)
	}
	return result, nil
}

func (c *Client) send(ctx context.Context, method string, params any) (*jsonrpc.Response, error) {
	var raw json.RawMessage
	if params != nil {
		var err error
		if raw, err = jsonrpc.Encode(params); err != nil {
			return nil, fmt.Errorf("encode params of %s: %w", method, err)
		}
	}
	return c.sendRaw(ctx, method, raw, jsonrpc.Hooks{})
}

func (c *Client) sendRaw(ctx context.Context, method string, params json.RawMessage, h jsonrpc.Hooks) (*jsonrpc.Response, error) {
	r, err := c.conn.CallWith(ctx, method, params, nil, h)
	if err != nil {
		return nil, c.closed(method, err)
	}
	return r, nil
}

// closed adds to an error why this side gave the connection up, if it did.
func (c *Client) closed(method string, err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fault != nil && errors.Is(err, ErrClosed) {
		return fmt.Errorf("%s: %w: %w", method, err, c.fault)
	}
	return fmt.Errorf("%s: %w", method, err)
}

// giveUp ends the connection when the supervisor could not read a request, or we an answer: which call it belonged to is unknown,
// and that call would wait for ever.
func (c *Client) giveUp(frame []byte, _ int64, why string) {
	var answer struct{ Error *Error }
	c.mu.Lock()
	if json.Unmarshal(frame, &answer) == nil && answer.Error != nil {
		c.fault = answer.Error
	} else {
		c.fault = fmt.Errorf("the supervisor sent what is no answer: %s", why)
	}
	c.mu.Unlock()
	_ = c.nc.Close() // ends the connection
}

// receive takes notifications, dropping those that it does not know, and refuses requests, of which this client serves none.
func (c *Client) receive(conn *jsonrpc.Conn, r *jsonrpc.Request) {
	switch {
	case !r.Notification():
	case r.Method == jsonrpc.MethodEvent:
		c.happened(r.Params)
		return
	case r.Method == jsonrpc.MethodProgress:
		c.progressed(r.Params)
		return
	}
	_ = conn.ReplyError(r, jsonrpc.Errorf(jsonrpc.CodeMethodNotFound, "method %q not found", r.Method), nil)
}
