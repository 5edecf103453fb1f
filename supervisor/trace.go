package supervisor

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"github.com/whipper-sidecar/whipper/internal/telemetry/signals"
	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
)

// sequel is what has become of a job after a run.
type sequel struct {
	state ledger.State
	runAt time.Time // of the next run, if there is to be one
}

// traceRun starts the span of a run; the job's row is that of the run.
func (w *worker) traceRun(c *call) {
	if w.pool.tracing == nil {
		return
	}
	j := &c.job
	c.run = w.pool.tracing.Process(signals.W3C(j.Trace), signals.Run{
		Job: j.ID, Pool: j.Pool, Method: j.Method, Number: j.Runs, Attempt: j.Attempt, Wait: j.Wait(), Worker: j.Worker, PID: j.PID,
	})
}

// untrace lets go of a run that has not come about. Spans that do not end are never seen.
func (c *call) untrace() { c.run, c.request = nil, nil }

// context is that of the call's run, for what is logged about it.
func (c *call) context() context.Context { return c.run.Context(context.Background()) }

// traceAnswer ends the span of the request. Whatever becomes of the run, this is what the worker has answered.
func (c *call) traceAnswer(r *jsonrpc.Response) {
	if r.Error != nil {
		c.request.Answered(r.Error.Code, r.Error.Message, "")
	} else {
		c.request.Answered(0, "", "")
	}
	c.request = nil
}

// traceEnd ends the spans of a run: that of the request too, if there was no answer.
func (c *call) traceEnd(e *ledger.Ending, next sequel) {
	if c.run == nil {
		return
	}
	code, message := faultOf(e)
	kind := string(e.Outcome)
	if e.Outcome == ledger.OutcomeError {
		kind = strconv.FormatInt(code, 10)
	}
	if e.Outcome == ledger.OutcomeSucceeded { // a notification
		c.request.Answered(0, "", "")
	} else {
		c.request.Answered(0, "", kind)
	}
	if e.ExitCode != nil {
		c.run.Crashed(signals.Exit{Code: *e.ExitCode})
	} else if e.Signal != "" {
		c.run.Crashed(signals.Exit{Signal: e.Signal})
	}
	if e.Outcome == ledger.OutcomeTimeout {
		c.run.TimedOut()
	}
	switch {
	case next.state == ledger.Queued && e.Outcome == ledger.OutcomeSnoozed:
		c.run.Snoozed(next.runAt.Sub(e.At))
	case next.state == ledger.Queued:
		c.run.Retried(max(0, next.runAt.Sub(e.At)))
	}
	switch e.Outcome {
	case ledger.OutcomeError, ledger.OutcomeTimeout, ledger.OutcomeCrashed:
	default: // no failure
		kind = ""
	}
	c.run.Ended(string(e.Outcome), kind, message)
}

// faultOf is the code and message of the error that a run has ended with, if it has.
func faultOf(e *ledger.Ending) (code int64, message string) {
	var told jsonrpc.Error
	if e.Error == nil || json.Unmarshal(e.Error, &told) != nil {
		return 0, ""
	}
	return told.Code, told.Message
}
