package supervisor

import (
	"context"
	"time"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
)

// cancel asks the process to give up a call.
func (w *worker) cancel(c *call) {
	if _, here := w.calls[c]; !here || c.phase == settled || c.phase == cancelling {
		return
	}
	c.run.Cancelled()
	if c.phase == starting { // the process has not seen it, and now it will not
		w.finish(c, failure(ledger.OutcomeCancelled, cancelledError()))
		return
	}
	c.phase = cancelling
	w.askToCancel(c, "nobody waits for it any more")
}

func (w *worker) askToCancel(c *call, why string) {
	h := w.handshake
	if m := h.cancel(c.rpcID, why); m.method != "" {
		_ = w.conn.Notify(m.method, m.params) // else the deadline follows all the same
	}
	if h.quiet {
		incarnation := w.incarnation
		_, _ = w.conn.Start(h.ping.method, h.ping.params, nil, func(*jsonrpc.Response) {
			w.post(event{incarnation: incarnation, kind: cancelRead, call: c}, nil)
		})
	}
	c.deadline = time.Now().Add(w.opts.FlushTimeout)
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
			w.settle(c, failure(ledger.OutcomeTimeout, jsonrpc.Errorf(jsonrpc.CodeTimeout, "no answer within %s", w.timeout(c))))
			w.askToCancel(c, "its time is over")
		case cancelling:
			w.settle(c, failure(ledger.OutcomeCancelled, jsonrpc.Errorf(jsonrpc.CodeCancelled, "the job was cancelled; its worker did not answer and was killed")))
			stuck = true
		case settled:
			stuck = true
		}
	}
	if stuck {
		if w.state == Processing || w.state == Flushing {
			w.log.Warn("worker did not give up a call in time and is killed", "pid", w.process.pid)
			w.faulty = true
			w.endFor(endStuckCall)
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

// finish gives a call its outcome and frees its slot, both at once, so that a caller who hears of it and calls again finds the slot free.
func (w *worker) finish(c *call, e ledger.Ending) {
	w.letGo(c)
	w.end(c, &e)
	c.traceEnd(&e, w.pool.finish(w, c, e))
	w.flushed()
}

// settle gives a call its outcome. Its slot stays taken.
func (w *worker) settle(c *call, e ledger.Ending) {
	w.end(c, &e)
	c.traceEnd(&e, w.pool.settled(w, c, e))
}

// end notes that a call has its outcome.
func (w *worker) end(c *call, e *ledger.Ending) {
	e.At = time.Now()
	if c.progress != nil {
		c.job.Progress = c.progress
	}
	c.phase = settled
	w.pool.metrics.Ran(c.run.Exemplified(context.Background()), c.method, string(e.Outcome), c.job.Wait(), e.At.Sub(c.job.StartedAt))
}

// takeBack puts a call in the queue again that the process has not seen.
func (w *worker) takeBack(c *call, e ledger.Ending) {
	e.At = time.Now()
	c.phase = settled
	c.traceEnd(&e, w.pool.takenBack(c, e))
}

// release frees a call's slot.
func (w *worker) release(c *call) {
	w.letGo(c)
	w.pool.release(w, c)
	w.flushed()
}

// letGo takes a call off those that the process has.
func (w *worker) letGo(c *call) {
	delete(w.calls, c)
	w.noteOnly()
	if len(w.calls) == 0 {
		w.idleSince = time.Now()
		w.limitIdle()
		w.schedulePing()
	}
}

// flushed goes on with a process that is to end once it has no call.
func (w *worker) flushed() {
	if w.state == Flushing && len(w.calls) == 0 {
		w.fire(onFlushed)
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
