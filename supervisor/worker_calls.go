package supervisor

import (
	"cmp"
	"fmt"
	"time"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
)

// onCommand does what the pool or the ledger says. A worker that has ended only gives back what it is handed.
func (w *worker) onCommand(c command) {
	if w.ended && c.kind != take {
		return
	}
	switch c.kind {
	case take:
		w.take(c.call)
	case timerFired:
		w.timerAt = time.Time{}
		w.tick(time.Now())
	case cancel:
		w.cancel(c.call)
	case committed:
		w.deliver(c.call, c.err)
	case stop:
		w.endFor(cmp.Or(c.why, endShutdown))
		w.fire(onStop)
	case abandon:
		w.endFor(endShutdown)
		w.fire(onAbandon)
	case destroy:
		w.endFor(endShutdown)
		w.fire(onKill)
	case tellCalls:
		w.tellCalls(c.calls)
	case forkNow:
		w.forkSoon()
	case overweight:
		w.tooHeavy(c.pid, c.err)
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
	case unusable:
		if c := w.callByID(e.id); c != nil {
			w.answeredUnusably(c, e.fault)
		} else if w.state == Forking && e.id == w.helloID {
			w.unfit(fmt.Errorf("%s: %s", w.handshake.hello.method, e.fault.Message))
		}
	case notified:
		w.noticed(*e.notice)
	case cancelRead:
		w.fellSilent(e.call)
	case parted:
		if w.state == Dying {
			w.farewell()
		}
	case ponged:
		w.schedulePing()
	case broken:
		w.hangUp(e.err)
	case exited:
		w.lastExit = *e.exit
		w.tellExited()
		w.fire(onExited)
	}
}

// hangUp deals with a process that can no longer be talked to. It gets no more calls. Mostly its end follows at once, and says
// more; if not, it is killed.
func (w *worker) hangUp(why error) {
	if w.state == Dying || w.state == Destroying || w.hungUp != nil {
		return // a dying worker may close its pipes first
	}
	w.hungUp = why
	w.faultAt = time.Now().Add(4 * lastWords)
	w.limit(w.faultAt)
	w.pool.closeSlots(w)
}

func (w *worker) ready(declared jsonrpc.InitializeResult) {
	w.wasReady = true
	w.fire(onReady)
	w.pool.ready(w, declared)
}

// answered takes a worker's answer to a call.
func (w *worker) answered(c *call, r *jsonrpc.Response) {
	if _, here := w.calls[c]; !here {
		return
	}
	w.prove()
	c.traceAnswer(r)
	switch {
	case c.phase == settled:
		w.release(c)
	case w.handshake.native && r.Error != nil && r.Error.Code == jsonrpc.CodeShuttingDown && c.phase != cancelling:
		w.declined(c, r.Error)
		w.release(c)
	case r.Error == nil && w.opts.MaxResultSize > 0 && len(r.Result) > w.opts.MaxResultSize:
		w.finish(c, oversized(len(r.Result), w.opts.MaxResultSize))
	default:
		w.finish(c, answered(c, r))
	}
}

// oversized is for a result that is not to be kept. Another run would most likely have the same.
func oversized(size, most int) ledger.Ending {
	e := failure(ledger.OutcomeError, jsonrpc.Errorf(jsonrpc.CodeMessageTooLarge,
		"the result has %d bytes, more than --max-result-size %d: return less, or a path to it, or raise that", size, most))
	e.Permanent = true
	return e
}

// declined takes a call back that the process has not begun, because it is about to end: somebody else has told it to. It gets no
// more calls. That counts as an interruption, of which a job survives only so many: a function might give that answer itself.
func (w *worker) declined(c *call, e *jsonrpc.Error) {
	w.takeBack(c, ledger.Ending{
		Outcome: ledger.OutcomeInterrupted, Abandoned: true, Error: errorJSON(e), ErrorSource: ledger.FromWorker,
	})
	if w.state == Processing {
		w.log.Info("worker is shutting down by itself", "pid", w.process.pid)
		w.fire(onStop)
	}
}

// answeredUnusably takes an answer of which no more than the id could be read.
func (w *worker) answeredUnusably(c *call, fault *jsonrpc.Error) {
	w.prove()
	w.conn.Forget(c.rpcID)
	if c.phase == settled {
		w.release(c)
		return
	}
	end := failure(ledger.OutcomeError, fault)
	end.Permanent = true
	w.finish(c, end)
}

// fellSilent ends a call that the process has given up without an answer.
func (w *worker) fellSilent(c *call) {
	if _, here := w.calls[c]; !here {
		return // it was answered all the same
	}
	w.conn.Forget(c.rpcID)
	if c.phase == settled {
		w.release(c)
		return
	}
	w.finish(c, failure(ledger.OutcomeCancelled, cancelledError()))
}
