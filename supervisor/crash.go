package supervisor

import (
	"fmt"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
)

// settleCrashed ends the calls that the process took with it. Those that it had not read are put back as if they had never
// been given to it. A call that had it killed has its outcome already, and its neighbours are not charged; a process that
// died by itself is charged to its call if there was just one.
func (w *worker) settleCrashed() {
	e := w.lastExit
	tail := w.process.tail.String()
	seen := 0
	for c := range w.calls {
		if w.saw(c, e) {
			seen++
		}
	}
	if seen > 0 {
		w.prove()
	}
	how := "ended with " + e.String()
	if w.hungUp != nil && w.told {
		how = "was killed: " + w.hungUp.Error()
	}
	how = fmt.Sprintf("worker %s (pid %d) %s", w.id, w.process.pid, how)
	w.endAll(func(c *call) {
		end := failure(ledger.OutcomeCrashed, jsonrpc.Errorf(jsonrpc.CodeWorkerCrashed, "%s", how))
		saw := w.saw(c, e)
		switch {
		case c.phase == cancelling:
			end = failure(ledger.OutcomeCancelled, jsonrpc.Errorf(jsonrpc.CodeCancelled, "the job was cancelled; %s", how))
		case !saw:
			end = failure(ledger.OutcomeInterrupted, jsonrpc.Errorf(jsonrpc.CodeWorkerCrashed, "%s before it had read the call", how))
		case w.faulty:
			end = failure(ledger.OutcomeInterrupted, jsonrpc.Errorf(jsonrpc.CodeWorkerCrashed,
				"worker %s (pid %d) was killed because another of its calls was stuck", w.id, w.process.pid))
		case seen > 1:
			end = failure(ledger.OutcomeCrashed, jsonrpc.Errorf(jsonrpc.CodeWorkerCrashed, "%s while it had %d calls", how, seen))
			end.Shared = true
		}
		end.ExitCode, end.Signal, end.StderrTail = e.code, e.signal, tail
		if end.Outcome == ledger.OutcomeInterrupted && !saw {
			w.takeBack(c, end)
		} else {
			w.settle(c, end)
		}
	})
}

// saw says whether the process, which has ended, may have begun the call.
func (w *worker) saw(c *call, e exit) bool { return c.phase != starting && c.rpcID <= e.taken }

// putBack ends the calls of a process that is to end before it has answered them.
func (w *worker) putBack() {
	w.endAll(func(c *call) {
		end := failure(ledger.OutcomeInterrupted, jsonrpc.Errorf(jsonrpc.CodeShuttingDown, "the supervisor shut down while the call ran"))
		if c.phase == starting {
			w.takeBack(c, end)
		} else {
			w.settle(c, end)
		}
	})
}

// endAll ends all calls that have no outcome, and takes them from the process.
func (w *worker) endAll(end func(*call)) {
	for c := range w.calls {
		delete(w.calls, c)
		w.noteOnly()
		w.pool.release(w, c)
		if c.phase != settled {
			end(c)
		}
	}
}
