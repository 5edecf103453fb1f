package supervisor

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/whipper-sidecar/whipper/internal/telemetry/signals"
	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
)

// Call is an invocation as its caller asks for it.
type Call struct {
	Method   string
	Params   json.RawMessage // an array, an object, or nil
	Timeout  time.Duration   // 0: the pool's
	Priority int             // ledger.MinPriority to ledger.MaxPriority
	Trace    ledger.Trace
	Progress func(job int64, value json.RawMessage) // gets what the worker tells about the call; must not block; may be nil
}

// Reply is what became of an invocation. Either Result or Error is set.
type Reply struct {
	Result      json.RawMessage
	Error       *jsonrpc.Error
	ErrorSource ledger.Source
	Job         int64
	Attempts    int
	Worker      string // "" if none got it
	Dropped     bool   // there was no room, and Result is null
	Wait, Run   time.Duration
}

// phase is how far a call in a worker has come.
type phase int

const (
	starting   phase = iota // its start is being committed; the worker has not seen it
	running                 // the worker has it
	cancelling              // the worker was asked to cancel it
	settled                 // it has its outcome, and the worker still owes an answer
)

// call is one job on its way through the pool. The fields of the first group are guarded by the pool's lock while no worker
// has the call, and belong to that worker's owner while one has; those of the second group are the pool's all the time.
type call struct {
	job      ledger.Job
	onRecord bool // the ledger has, or has been handed, its row
	phase    phase
	rpcID    uint64
	deadline time.Time // when the phase has lasted too long
	progress []byte
	token    json.RawMessage // see tokenAt
	run      *signals.Span   // of the run in a worker; nil: it is not traced
	request  *signals.Span   // of the request to the worker, within run

	seq       uint64  // order of arrival
	caller    *caller // nil for a submitted job
	worker    *worker // the one that has it
	cancelled bool    // whoever wanted it does not any more
	queue     *queue  // in which it waits; nil: in none
	index     int     // in queue

	method   string      // never changes
	lane     ledger.Lane // in which it stood on disk; "": none
	lanes    [2]*lane    // that it is on once let in: of its method and of its key
	letIn    bool
	over     bool // it has its outcome, or was left to the ledger
	slotFree bool // and no worker is at it any more
}

// expired says whether the time has passed by which the job had to start.
func (c *call) expired(now time.Time) bool {
	return !c.job.ExpiresAt.IsZero() && now.After(c.job.ExpiresAt)
}

// meta is the extension member of the call on the worker's wire.
func (c *call) meta(deadline time.Time, trace ledger.Trace) json.RawMessage {
	b := make([]byte, 0, 192)
	b = append(b, `{"job":`...)
	b = strconv.AppendInt(b, c.job.ID, 10)
	b = append(b, `,"attempt":`...)
	b = strconv.AppendInt(b, int64(c.job.Attempt), 10)
	b = append(b, `,"deadline":"`...)
	b = jsonrpc.Time{Time: deadline}.AppendTo(b)
	b = append(b, '"')
	return append(appendTrace(b, trace), '}')
}

// appendTrace appends the members of an object that carry a trace context, each with a comma in front.
func appendTrace(b []byte, trace ledger.Trace) []byte {
	for _, m := range []struct{ name, value string }{
		{"traceparent", trace.Traceparent},
		{"tracestate", trace.Tracestate},
		{"baggage", trace.Baggage},
	} {
		if m.value != "" {
			quoted, _ := json.Marshal(m.value) // a string always has an encoding
			b = append(b, `,"`+m.name+`":`...)
			b = append(b, quoted...)
		}
	}
	return b
}

// Bounds of a snooze. It charges nothing, so a worker that asks for none must not make a busy loop.
const (
	minSnooze = 100 * time.Millisecond
	maxSnooze = 10 * 365 * 24 * time.Hour
)

// answered says how an attempt ended that the worker answered.
func answered(c *call, r *jsonrpc.Response) ledger.Ending {
	if r.Error == nil {
		return ledger.Ending{Outcome: ledger.OutcomeSucceeded, Result: r.Result}
	}
	e := ledger.Ending{Outcome: ledger.OutcomeError, Error: errorJSON(r.Error), ErrorSource: ledger.FromWorker}
	if c.phase == cancelling {
		e.Outcome = ledger.OutcomeCancelled
		if r.Error.Code == jsonrpc.CodeRequestCancelled { // the worker says no more than that it has obeyed
			e.Error, e.ErrorSource = errorJSON(cancelledError()), ledger.FromWhipper
		}
		return e
	}
	details := r.Error.Details()
	switch {
	case details.SnoozeMs != nil && *details.SnoozeMs >= 0:
		e.Outcome = ledger.OutcomeSnoozed
		e.Snooze = time.Duration(min(max(*details.SnoozeMs, minSnooze.Milliseconds()), maxSnooze.Milliseconds())) * time.Millisecond
	case r.Error.Code == jsonrpc.CodeMethodNotFound, r.Error.Code == jsonrpc.CodeInvalidParams:
		e.Permanent = true
	default:
		e.Permanent = details.Retryable != nil && !*details.Retryable
	}
	return e
}

// failure is an ending that whipper itself gives an error to.
func failure(o ledger.Outcome, e *jsonrpc.Error) ledger.Ending {
	return ledger.Ending{Outcome: o, Error: errorJSON(e), ErrorSource: ledger.FromWhipper}
}

// errorJSON is e as the ledger keeps it. A worker's own data stays as it is but for white space.
func errorJSON(e *jsonrpc.Error) []byte {
	b, err := jsonrpc.Encode(e)
	if err != nil { // only Data that is not JSON can do that, and none such comes off the wire
		return errorJSON(jsonrpc.Errorf(e.Code, "%s", e.Message))
	}
	return b
}
