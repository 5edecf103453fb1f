package server

import (
	"context"
	"errors"
	"time"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
)

// Limits of job.list.
const (
	defaultListLimit = 100
	maxListLimit     = 1000
)

var errWaitTimeout = errors.New("the wait's time is over")

func (s *Server) get(ctx context.Context, p jsonrpc.GetParams) (jsonrpc.Job, error) {
	if err := checkID("id", p.ID); err != nil {
		return jsonrpc.Job{}, err
	}
	job, attempts, err := s.opts.Ledger.Get(ctx, p.ID)
	if err != nil {
		return jsonrpc.Job{}, err
	}
	return WireJob(&job, attempts), nil
}

func (s *Server) list(ctx context.Context, p jsonrpc.ListParams) (jsonrpc.JobsResult, error) {
	f, err := toFilter("", p, states)
	if err != nil {
		return jsonrpc.JobsResult{}, err
	}
	jobs, next, err := s.opts.Ledger.List(ctx, f)
	if err != nil {
		return jsonrpc.JobsResult{}, err
	}
	wire := WireListedJob
	if p.Payloads {
		wire = wholeJob
	}
	return jsonrpc.JobsResult{Jobs: fromJobs(jobs, wire), NextCursor: next}, nil
}

// waitTelling is wait, and tells its caller how far the jobs are.
func (s *Server) waitTelling(ctx context.Context, r *request, p jsonrpc.WaitParams) (jsonrpc.JobsResult, error) {
	defer s.opts.Events.WatchProgress(p.IDs, r.progress)()
	return s.wait(ctx, p)
}

// wait answers when every job has its final outcome.
func (s *Server) wait(ctx context.Context, p jsonrpc.WaitParams) (jsonrpc.JobsResult, error) {
	if err := firstError(checkIDs(p.IDs), checkMs("timeoutMs", p.TimeoutMs)); err != nil {
		return jsonrpc.JobsResult{}, err
	}
	waitCtx, cancel := ctx, context.CancelFunc(func() {})
	if p.TimeoutMs > 0 {
		waitCtx, cancel = context.WithTimeoutCause(ctx, time.Duration(p.TimeoutMs)*time.Millisecond, errWaitTimeout)
	}
	defer cancel()
	wire := endedJob
	if p.Payloads != nil && !*p.Payloads {
		wire = bareEndedJob
	}
	jobs, err := s.opts.Ledger.Wait(waitCtx, p.IDs)
	if err == nil {
		return jsonrpc.JobsResult{Jobs: fromJobs(jobs, wire)}, nil
	}
	cause := context.Cause(waitCtx)
	if !errors.Is(cause, errWaitTimeout) && !errors.Is(cause, errShuttingDown) {
		return jsonrpc.JobsResult{}, err
	}
	// The last outcome and the end of the wait may have come together.
	jobs, open, err := s.outcomes(context.WithoutCancel(ctx), p.IDs)
	switch {
	case err != nil:
		return jsonrpc.JobsResult{}, err
	case open == nil:
		return jsonrpc.JobsResult{Jobs: fromJobs(jobs, wire)}, nil
	case errors.Is(cause, errShuttingDown):
		return jsonrpc.JobsResult{}, jsonrpc.Errorf(jsonrpc.CodeShuttingDown, "%v while job %d is %s", errShuttingDown, open.ID, open.State)
	default:
		return jsonrpc.JobsResult{}, jsonrpc.Errorf(jsonrpc.CodeTimeout, "job %d is still %s after %d ms", open.ID, open.State, p.TimeoutMs)
	}
}

// outcomes reads the jobs as they are now; open is the first that has no final outcome.
func (s *Server) outcomes(ctx context.Context, ids []int64) (jobs []ledger.Job, open *ledger.Job, err error) {
	for _, id := range ids {
		job, _, err := s.opts.Ledger.Get(ctx, id)
		if err != nil {
			return nil, nil, err
		}
		if !job.State.Terminal() {
			return nil, &job, nil
		}
		jobs = append(jobs, job)
	}
	return jobs, nil, nil
}

// toFilter is the ledger's form of a filter, with prefix before the members' names in errors.
func toFilter(prefix string, p jsonrpc.ListParams, allowed []ledger.State) (ledger.Filter, error) {
	if err := checkState(prefix+"state", p.State, allowed); err != nil {
		return ledger.Filter{}, err
	}
	if p.Limit < 0 || p.Limit > maxListLimit {
		return ledger.Filter{}, invalid(prefix+"limit", "%d is outside 1 to %d (0 or absent: %d)", p.Limit, maxListLimit, defaultListLimit)
	}
	f := ledger.Filter{Pool: p.Pool, Method: p.Method, Grep: p.Grep, Limit: p.Limit, Cursor: p.Cursor, Payloads: p.Payloads}
	if f.Limit == 0 {
		f.Limit = defaultListLimit
	}
	if p.State != "" {
		f.States = []ledger.State{ledger.State(p.State)}
	}
	if p.Since != nil {
		f.Since = p.Since.Time
	}
	if p.Until != nil {
		f.Until = p.Until.Time
	}
	if p.Label != nil {
		if p.Label.Name == "" {
			return ledger.Filter{}, invalid(prefix+"label.name", "missing or empty")
		}
		f.LabelName, f.LabelValue = p.Label.Name, p.Label.Value
	}
	return f, nil
}
