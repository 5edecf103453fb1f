package server

import (
	"encoding/json"
	"time"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
)

// WireJob is a job as clients see it, over the socket and in the command line's --json. attempts may be nil.
func WireJob(j *ledger.Job, attempts []ledger.Attempt) jsonrpc.Job {
	wire := jsonrpc.Job{
		ID:             j.ID,
		Pool:           j.Pool,
		Method:         j.Method,
		State:          string(j.State),
		Priority:       j.Priority,
		Attempt:        j.Attempt,
		MaxAttempts:    j.MaxAttempts,
		Params:         j.Params,
		Result:         j.Result,
		Error:          WireError(j.Error),
		ErrorSource:    string(j.ErrorSource),
		Progress:       j.Progress,
		Labels:         j.Labels,
		CreatedAt:      jsonrpc.Time{Time: j.CreatedAt},
		RunAt:          jsonrpc.Time{Time: j.RunAt},
		StartedAt:      jsonrpc.TimePtr(j.StartedAt),
		FinishedAt:     jsonrpc.TimePtr(j.FinishedAt),
		ExpiresAt:      jsonrpc.TimePtr(j.ExpiresAt),
		TimeoutMs:      j.Timeout.Milliseconds(),
		Worker:         j.Worker,
		IdempotencyKey: j.IdempotencyKey,
		ConcurrencyKey: j.ConcurrencyKey,
		Delivery:       string(j.Delivery),
		Origin:         string(j.Origin),
		Trace:          jsonrpc.Trace(j.Trace),
	}
	if wire.Labels == nil {
		wire.Labels = map[string]string{} // an empty object on the wire
	}
	if j.State == ledger.Succeeded {
		wire.Error, wire.ErrorSource = nil, "" // an earlier attempt's, which the attempts tell
	}
	// A job that is queued again has a start, but one that says nothing about its next run.
	if !j.StartedAt.IsZero() && j.State != ledger.Queued {
		ran, ok := j.Ran()
		if ok || j.State == ledger.Running {
			wire.WaitMs = ms(j.Wait())
		}
		if ok {
			wire.RunMs = ms(ran)
		}
	}
	for i := range attempts {
		wire.Attempts = append(wire.Attempts, fromAttempt(&attempts[i]))
	}
	return wire
}

// WireListedJob is a job as a listing without payloads shows it.
func WireListedJob(j *ledger.Job) jsonrpc.Job {
	wire := WireJob(j, nil)
	wire.Params, wire.Result, wire.Error, wire.Progress = nil, nil, nil, nil
	return wire
}

// fromJobs gives an empty list, not null, where there are none.
func fromJobs(jobs []ledger.Job, wire func(*ledger.Job) jsonrpc.Job) []jsonrpc.Job {
	list := make([]jsonrpc.Job, len(jobs))
	for i := range jobs {
		list[i] = wire(&jobs[i])
	}
	return list
}

func wholeJob(j *ledger.Job) jsonrpc.Job { return WireJob(j, nil) }

func fromAttempt(a *ledger.Attempt) jsonrpc.Attempt {
	return jsonrpc.Attempt{
		Attempt:    a.Number,
		Outcome:    string(a.Outcome),
		Worker:     a.Worker,
		PID:        a.PID,
		StartedAt:  jsonrpc.Time{Time: a.StartedAt},
		FinishedAt: jsonrpc.TimePtr(a.FinishedAt),
		Error:      WireError(a.Error),
		ExitCode:   a.ExitCode,
		Signal:     a.Signal,
		StderrTail: a.StderrTail,
	}
}

// WireError reads a recorded error object; nil where there is none.
func WireError(raw []byte) *jsonrpc.Error {
	if raw == nil {
		return nil
	}
	e := new(jsonrpc.Error)
	if err := json.Unmarshal(raw, e); err != nil {
		return jsonrpc.Errorf(jsonrpc.CodeInternalError, "the recorded error cannot be read: %v", err)
	}
	return e
}

func ms(d time.Duration) *int64 {
	n := max(0, d).Milliseconds()
	return &n
}
