package main

import (
	"encoding/json"
	"slices"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
)

// jobStates are all states, in the order of a job's life.
var jobStates = []ledger.State{ledger.Queued, ledger.Running, ledger.Succeeded, ledger.Failed, ledger.Cancelled, ledger.Dropped}

// wireJob is a row of the ledger in the shape in which the socket gives it, so that scripts can read either.
func wireJob(j *ledger.Job) jsonrpc.Job {
	job := jsonrpc.Job{
		ID: j.ID, Pool: j.Pool, Method: j.Method, State: string(j.State), Priority: j.Priority,
		Attempt: j.Attempt, MaxAttempts: j.MaxAttempts,
		Params: j.Params, Result: j.Result, Error: wireError(j.Error), ErrorSource: string(j.ErrorSource), Progress: j.Progress,
		Labels:    j.Labels,
		CreatedAt: jsonrpc.Time{Time: j.CreatedAt}, RunAt: jsonrpc.Time{Time: j.RunAt},
		StartedAt: jsonrpc.TimePtr(j.StartedAt), FinishedAt: jsonrpc.TimePtr(j.FinishedAt), ExpiresAt: jsonrpc.TimePtr(j.ExpiresAt),
		TimeoutMs: j.Timeout.Milliseconds(), Worker: j.Worker, IdempotencyKey: j.IdempotencyKey,
		Delivery: string(j.Delivery), Origin: string(j.Origin), Trace: jsonrpc.Trace(j.Trace),
	}
	if job.Labels == nil {
		job.Labels = map[string]string{}
	}
	if !j.StartedAt.IsZero() && j.State != ledger.Queued {
		wait := j.Wait().Milliseconds()
		job.WaitMs = &wait
		if !j.FinishedAt.IsZero() {
			run := max(0, j.FinishedAt.Sub(j.StartedAt)).Milliseconds()
			job.RunMs = &run
		}
	}
	return job
}

func wireAttempts(attempts []ledger.Attempt) []jsonrpc.Attempt {
	var wire []jsonrpc.Attempt
	for _, a := range attempts {
		wire = append(wire, jsonrpc.Attempt{
			Attempt: a.Number, Outcome: string(a.Outcome), Worker: a.Worker, PID: a.PID,
			StartedAt: jsonrpc.Time{Time: a.StartedAt}, FinishedAt: jsonrpc.TimePtr(a.FinishedAt),
			Error: wireError(a.Error), ExitCode: a.ExitCode, Signal: a.Signal, StderrTail: a.StderrTail,
		})
	}
	return wire
}

func wireError(raw []byte) *jsonrpc.Error {
	if raw == nil {
		return nil
	}
	e := new(jsonrpc.Error)
	if err := json.Unmarshal(raw, e); err != nil {
		return jsonrpc.Errorf(jsonrpc.CodeInternalError, "the recorded error cannot be read: %v", err)
	}
	return e
}

// parseStates reads the values of --state: names of states, with commas between them if there are several.
func parseStates(names []string) ([]ledger.State, error) {
	var states []ledger.State
	var known []string
	for _, s := range jobStates {
		known = append(known, string(s))
	}
	for _, name := range names {
		if !slices.Contains(jobStates, ledger.State(name)) {
			return nil, misuse(didYouMean(name, known, "the states are queued, running, succeeded, failed, cancelled and dropped"), "--state: there is no state %q", name)
		}
		states = append(states, ledger.State(name))
	}
	return states, nil
}
