package supervisor

import (
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
)

// onCommand does what the pool or the ledger says.
func (w *worker) onCommand(c command) {
	switch c.kind {
	case take:
		w.take(c.call)
	case cancel:
		w.cancel(c.call)
	case committed:
		w.deliver(c.call, c.err)
	case stop:
		w.fire(onStop)
	case abandon:
		if w.state == Created {
			w.fire(onStop)
		} else {
			w.fire(onAbandon)
		}
	case destroy:
		w.fire(onKill)
	}
}

// onEvent does what the process's reader, writer and waiter tell.
func (w *worker) onEvent(e event) {
	if e.incarnation != w.incarnation || w.process == nil {
		return // of a process that has gone
	}
	switch e.kind {
	case greeted:
		w.greeted(e.response)
	case answeredCall:
		w.answered(e.call, e.response)
	case tooLarge:
		if c := w.callByID(e.id); c != nil && c.phase != settled {
			w.refuse(c, jsonrpc.Errorf(jsonrpc.CodeMessageTooLarge,
				"the worker's answer is larger than %d bytes; raise --max-message-size or return less", w.pool.opts.MaxMessageSize))
		}
	case notified:
		if id, value, ok := progressOf(e.message); ok {
			if c := w.callByID(id); c != nil {
				c.progress = value
			}
		}
	case broken:
		w.log.Warn("worker's stdin cannot be written to", "pid", w.process.pid, "error", e.err)
		if w.state != Dying { // a dying worker may close it first
			w.fire(onFault)
		}
	case exited:
		w.lastExit = e.exit
		w.fire(onExited)
	}
}

// greeted takes the answer to $/initialize. "Method not found" is a bare worker's.
func (w *worker) greeted(r *jsonrpc.Response) {
	if w.state != Forking {
		return
	}
	var declared jsonrpc.InitializeResult
	switch {
	case r.Error != nil && r.Error.Code == jsonrpc.CodeMethodNotFound:
	case r.Error != nil:
		w.log.Error("worker refused to initialize", "pid", w.process.pid, "error", r.Error)
		w.fire(onFault)
		return
	default:
		if err := json.Unmarshal(r.Result, &declared); err != nil {
			w.log.Warn("worker's answer to $/initialize is not understood", "pid", w.process.pid, "error", err)
			declared = jsonrpc.InitializeResult{}
		}
	}
	w.ready(declared)
}

func (w *worker) ready(declared jsonrpc.InitializeResult) {
	w.wasReady = true
	w.fire(onReady)
	w.pool.ready(w, declared)
}

// take sends a call to the process, or gives it back if the process has gone in the meantime.
func (w *worker) take(c *call) {
	if w.state != Processing {
		w.pool.giveBack(w, c)
		return
	}
	w.calls[c] = struct{}{}
	w.idleSince = time.Time{}
	if c.job.Delivery == ledger.AtMostOnce {
		c.phase = starting
		w.begin(c, func(err error) { w.tell(command{kind: committed, call: c, err: err}) })
		return
	}
	waiting := c.job
	c.job = ledger.Begin(waiting, w.id, w.process.pid, time.Now())
	var refused *jsonrpc.Error
	switch err := w.send(c); {
	case err == nil:
		w.record(c, nil)
	case errors.As(err, &refused):
		w.record(c, nil)
		w.refuse(c, refused)
	default: // the process is going
		c.job = waiting
		delete(w.calls, c)
		w.pool.giveBack(w, c)
	}
}

// begin puts an at-most-once call's start on disk, before the process sees the call.
func (w *worker) begin(c *call, done func(error)) {
	c.job = ledger.Begin(c.job, w.id, w.process.pid, time.Now())
	w.record(c, done)
}

// record hands the ledger the start of a call.
func (w *worker) record(c *call, done func(error)) {
	if done == nil {
		id := c.job.ID
		done = func(err error) {
			if err != nil {
				w.log.Error("start of a job was not recorded", "job", id, "error", err)
			}
		}
	}
	if c.onRecord {
		w.pool.ledger.Start(c.job, done)
	} else {
		c.onRecord = true
		w.pool.ledger.Insert(c.job, done)
	}
}

// deliver sends an at-most-once call whose start is on disk.
func (w *worker) deliver(c *call, err error) {
	if _, here := w.calls[c]; !here || c.phase != starting {
		return // its process has gone, and the call with it
	}
	if err != nil {
		w.log.Error("start of an at-most-once job was not recorded, so it does not run", "job", c.job.ID, "error", err)
		w.pool.lost(c)
		w.release(c)
		return
	}
	var refused *jsonrpc.Error
	if err := w.send(c); errors.As(err, &refused) {
		w.refuse(c, refused)
	}
	c.phase = max(c.phase, running) // if the process is going, its end settles the call: it must not run again
}

// send writes the call to the process. A *jsonrpc.Error means that no process will ever take it.
func (w *worker) send(c *call) error {
	timeout := c.job.Timeout
	if timeout == 0 {
		timeout = w.pool.opts.InvocationTimeout
	}
	c.deadline = time.Now().Add(timeout)
	incarnation := w.incarnation
	id, err := w.conn.Start(c.job.Method, c.job.Params, c.meta(c.deadline), func(r *jsonrpc.Response) {
		w.post(event{incarnation: incarnation, kind: answeredCall, call: c, response: r})
	})
	if err != nil {
		return err
	}
	c.rpcID, c.phase = id, running
	w.limit(c.deadline)
	return nil
}

// refuse fails a call whose frame would be too large.
func (w *worker) refuse(c *call, e *jsonrpc.Error) {
	end := failure(ledger.OutcomeError, e)
	end.Permanent = true
	w.settle(c, end)
	w.release(c)
}

// answered takes a worker's answer to a call.
func (w *worker) answered(c *call, r *jsonrpc.Response) {
	if _, here := w.calls[c]; !here {
		return
	}
	if c.phase != settled {
		w.settle(c, answered(c, r))
	}
	w.release(c)
}

// cancel asks the process to give up a call.
func (w *worker) cancel(c *call) {
	if _, here := w.calls[c]; !here || c.phase == settled || c.phase == cancelling {
		return
	}
	if c.phase == starting { // the process has not seen it, and now it will not
		w.settle(c, failure(ledger.OutcomeCancelled, cancelledError()))
		w.release(c)
		return
	}
	c.phase = cancelling
	w.askToCancel(c)
}

func (w *worker) askToCancel(c *call) {
	_ = w.conn.Notify(jsonrpc.MethodCancel, json.RawMessage(`{"id":`+strconv.FormatUint(c.rpcID, 10)+`}`)) // the deadline follows
	c.deadline = time.Now().Add(w.pool.opts.FlushTimeout)
	w.limit(c.deadline)
}

// overdue deals with the calls whose deadline has passed, and gives the earliest of the others.
func (w *worker) overdue(now time.Time) (earliest time.Time) {
	stuck := false
	for c := range w.calls {
		if c.phase == starting || now.Before(c.deadline) {
			continue
		}
		switch c.phase {
		case running:
			timeout := now.Sub(c.job.StartedAt).Round(time.Millisecond)
			w.settle(c, failure(ledger.OutcomeTimeout, jsonrpc.Errorf(jsonrpc.CodeTimeout, "no answer within %s", timeout)))
			c.phase = settled
			w.askToCancel(c)
		case cancelling:
			w.settle(c, failure(ledger.OutcomeCancelled, jsonrpc.Errorf(jsonrpc.CodeCancelled, "the job was cancelled; its worker did not answer and was killed")))
			c.phase = settled
			stuck = true
		case settled:
			stuck = true
		}
	}
	if stuck {
		if w.state == Processing || w.state == Flushing {
			w.log.Warn("worker did not give up a call in time and is killed", "pid", w.process.pid)
			w.faulty = true
			w.fire(onFault)
		}
		return time.Time{}
	}
	for c := range w.calls {
		if c.phase != starting && (earliest.IsZero() || c.deadline.Before(earliest)) {
			earliest = c.deadline
		}
	}
	return earliest
}

// settle gives a call its outcome. Its slot stays taken.
func (w *worker) settle(c *call, e ledger.Ending) {
	e.At = time.Now()
	if c.progress != nil {
		c.job.Progress = c.progress
	}
	w.pool.settled(w, c, e)
	c.phase = settled
}

// release frees a call's slot.
func (w *worker) release(c *call) {
	delete(w.calls, c)
	if len(w.calls) == 0 {
		w.idleSince = time.Now()
		w.limitIdle()
	}
	w.pool.release(w)
	if w.state == Flushing && len(w.calls) == 0 {
		w.fire(onFlushed)
	}
}

// endAll ends all calls that have no outcome, and takes them from the process.
func (w *worker) endAll(how func(*call) ledger.Ending) {
	for c := range w.calls {
		if c.phase != settled {
			w.settle(c, how(c))
		}
		delete(w.calls, c)
		w.pool.release(w)
	}
}

func (w *worker) callByID(id uint64) *call {
	for c := range w.calls {
		if c.rpcID == id && c.phase != starting {
			return c
		}
	}
	return nil
}
