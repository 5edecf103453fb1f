package supervisor

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/whipper-sidecar/whipper/internal/telemetry/signals"
	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
)

// take sends a call to the process, or gives it back if the process has gone in the meantime.
func (w *worker) take(c *call) {
	if w.state != Processing || w.hungUp != nil {
		w.pool.giveBack(w, c)
		return
	}
	w.calls[c] = struct{}{}
	w.noteOnly()
	w.idleSince = time.Time{}
	if c.job.Delivery == ledger.AtMostOnce {
		c.phase = starting
		w.begin(c, func(err error) { w.tell(command{kind: committed, call: c, err: err}) })
		return
	}
	waiting := c.job
	c.job = ledger.Begin(waiting, w.id, w.process.pid, time.Now())
	w.traceRun(c)
	var refused *jsonrpc.Error
	switch err := w.send(c); {
	case err == nil:
		w.record(c, nil)
		w.sent(c)
	case errors.As(err, &refused):
		w.record(c, nil)
		w.refuse(c, refused)
	default: // the process is going
		c.job = waiting
		c.untrace()
		delete(w.calls, c)
		w.noteOnly()
		w.pool.giveBack(w, c)
	}
}

// noteOnly notes whose output that of the process is, where it has one call.
func (w *worker) noteOnly() {
	var job int64
	if len(w.calls) == 1 {
		for c := range w.calls {
			job = c.job.ID
		}
	}
	w.onlyJob.Store(job)
}

// begin puts an at-most-once call's start on disk, before the process sees the call.
func (w *worker) begin(c *call, done func(error)) {
	c.job = ledger.Begin(c.job, w.id, w.process.pid, time.Now())
	w.traceRun(c)
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
		w.log.ErrorContext(c.context(), "start of an at-most-once job was not recorded, so it does not run", "job", c.job.ID, "error", err)
		c.untrace()
		w.pool.lost(c)
		w.release(c)
		return
	}
	var refused *jsonrpc.Error
	if err := w.send(c); errors.As(err, &refused) {
		w.refuse(c, refused)
	} else if err == nil {
		w.sent(c)
	} // on any other error the process is going, and the call, which it has not seen, is put back at its end
}

// send writes the call to the process. A *jsonrpc.Error means that no process will ever take it.
func (w *worker) send(c *call) error {
	c.deadline = time.Now().Add(w.timeout(c))
	c.request = c.run.Call(c.job.Method, w.process.pid)
	trace, params := ledger.Trace(c.request.Carry(signals.W3C(c.job.Trace))), json.RawMessage(c.job.Params)
	if w.handshake.traced {
		params = withTraceMeta(params, trace)
	}
	if w.handshake.isOneWay(c) {
		if err := w.cork.Notify(w.conn, c.job.Method, params); err != nil {
			return err
		}
		c.phase = running
		return nil
	}
	var meta json.RawMessage // a program that does not know it may not take it
	if w.handshake.native {
		meta = c.meta(c.deadline, trace)
	}
	incarnation, conn := w.incarnation, w.conn
	id, err := w.cork.Start(conn, c.job.Method, params, meta, func(r *jsonrpc.Response) {
		w.post(event{incarnation: incarnation, kind: answeredCall, call: c, response: r}, conn.Cork())
	})
	if err != nil {
		return err
	}
	c.rpcID, c.phase = id, running
	c.request.Requested(id)
	w.limit(c.deadline)
	w.pool.jobEvent(jobStarted, &c.job, "")
	return nil
}

// sent ends a call that gets no answer.
func (w *worker) sent(c *call) {
	if w.handshake.isOneWay(c) {
		w.finish(c, ledger.Ending{Outcome: ledger.OutcomeSucceeded, Result: []byte("null")})
	}
}

// timeout is how long a call may take.
func (w *worker) timeout(c *call) time.Duration {
	if c.job.Timeout > 0 {
		return c.job.Timeout
	}
	return w.opts.InvocationTimeout
}

// refuse fails a call whose frame would be too large.
func (w *worker) refuse(c *call, e *jsonrpc.Error) {
	end := failure(ledger.OutcomeError, e)
	end.Permanent = true
	w.finish(c, end)
}
