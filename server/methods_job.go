package server

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
)

// Limits of job.list.
const (
	defaultListLimit = 100
	maxListLimit     = 1000
)

// leastJob is less than a job has as JSON, in bytes.
const leastJob = 256

var errWaitTimeout = errors.New("the wait's time is over")

func (s *Server) get(ctx context.Context, r *request, p jsonrpc.GetParams) (jsonrpc.Job, error) {
	err := checkID("id", p.ID)
	if err == nil {
		err = r.beginReading(ctx)
	}
	if err != nil {
		return jsonrpc.Job{}, err
	}
	job, attempts, err := s.opts.Ledger.GetUpTo(ctx, p.ID, 2*r.session.limit) // white space in payloads is left out of the answer
	if err != nil {
		return jsonrpc.Job{}, err
	}
	return WireJob(&job, attempts), nil
}

func (s *Server) list(ctx context.Context, r *request, p jsonrpc.ListParams) (jsonrpc.JobsResult, error) {
	f, err := toFilter("", p, states)
	if err == nil {
		err = r.beginReading(ctx)
	}
	if err != nil {
		return jsonrpc.JobsResult{}, err
	}
	f.MaxBytes = r.session.limit / 4 * 3 // what needs an escape gets longer in the answer
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
	if err := firstError(checkWaited(p.IDs, r.session.limit), checkMs("timeoutMs", p.TimeoutMs)); err != nil {
		return jsonrpc.JobsResult{}, err
	}
	defer s.opts.Events.WatchProgress(p.IDs, r.progress)()
	return s.wait(ctx, p, ledger.Reading{
		Bare:     p.Payloads != nil && !*p.Payloads,
		MaxBytes: 2 * r.session.limit, // white space in payloads is left out of the answer
		Begin:    r.beginReading,
		Undo:     r.endReading,
	})
}

// wait answers when every job has its final outcome.
func (s *Server) wait(ctx context.Context, p jsonrpc.WaitParams, reading ledger.Reading) (jsonrpc.JobsResult, error) {
	waitCtx, cancel := ctx, context.CancelFunc(func() {})
	if p.TimeoutMs > 0 {
		waitCtx, cancel = context.WithTimeoutCause(ctx, time.Duration(p.TimeoutMs)*time.Millisecond, errWaitTimeout)
	}
	defer cancel()
	jobs, err := s.opts.Ledger.Wait(waitCtx, p.IDs, reading)
	if err == nil {
		return jsonrpc.JobsResult{Jobs: fromJobs(jobs, wholeJob)}, nil
	}
	cause := context.Cause(waitCtx)
	if !errors.Is(cause, errWaitTimeout) && !errors.Is(cause, errShuttingDown) {
		return jsonrpc.JobsResult{}, err
	}
	// The last outcome and the end of the wait may have come together.
	ctx = context.WithoutCancel(ctx)
	open, state, err := s.firstOpen(ctx, p.IDs) // that there is one is told at once, not when it is the request's turn to read
	if err == nil && open == 0 {
		if err = reading.Begin(ctx); err == nil {
			jobs, err = s.opts.Ledger.Outcomes(ctx, p.IDs, reading)
		}
		if i := slices.IndexFunc(jobs, func(j ledger.Job) bool { return !j.State.Terminal() }); i >= 0 {
			open, state = jobs[i].ID, jobs[i].State // it was retried meanwhile
		}
	}
	switch {
	case err != nil:
		return jsonrpc.JobsResult{}, err
	case open == 0:
		return jsonrpc.JobsResult{Jobs: fromJobs(jobs, wholeJob)}, nil
	case errors.Is(cause, errShuttingDown):
		return jsonrpc.JobsResult{}, jsonrpc.Errorf(jsonrpc.CodeShuttingDown, "%v while job %d is %s", errShuttingDown, open, state)
	default:
		return jsonrpc.JobsResult{}, jsonrpc.Errorf(jsonrpc.CodeTimeout, "job %d is still %s after %d ms", open, state, p.TimeoutMs)
	}
}

// checkWaited refuses so many ids that no answer of at most limit bytes could hold the jobs.
func checkWaited(ids []int64, limit int) error {
	if most := limit / leastJob; len(ids) > most {
		return jsonrpc.Errorf(jsonrpc.CodeMessageTooLarge, "ids: %d given, and no answer holds more than %d jobs", len(ids), most)
	}
	return checkIDs(ids)
}

// firstOpen gives the first job that has no final outcome, and its state; 0: all have one.
func (s *Server) firstOpen(ctx context.Context, ids []int64) (open int64, _ ledger.State, err error) {
	states, err := s.opts.Ledger.States(ctx, ids)
	if err != nil {
		return 0, "", err
	}
	for _, id := range ids {
		switch state, ok := states[id]; {
		case !ok:
			return 0, "", &ledger.NotFoundError{ID: id}
		case !state.Terminal():
			return id, state, nil
		}
	}
	return 0, "", nil
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
