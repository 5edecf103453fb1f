package server

import (
	"context"
	"slices"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
)

// cancellable are the states that job.cancel changes.
var cancellable = []ledger.State{ledger.Queued, ledger.Running}

// cancelledJSON is the error of a job that is cancelled while no pool of this supervisor owns it.
var cancelledJSON = []byte(`{"code":1004,"message":"the job was cancelled","data":{"type":"CancelledError"}}`)

// cancelJobs cancels queued jobs and asks running ones to cancel; the count has both. It is not cut short when its caller goes away, only by a
// disk that fails.
func (s *Server) cancelJobs(ctx context.Context, p jsonrpc.CancelJobsParams) (jsonrpc.CountResult, error) {
	ctx = context.WithoutCancel(ctx)
	var count int
	var err error
	switch {
	case p.Filter != nil && p.IDs != nil:
		err = invalid("filter", "given together with ids, only one of the two may be")
	case p.Filter != nil:
		count, err = s.cancelMatching(ctx, *p.Filter)
	default:
		if err = checkIDs(p.IDs); err == nil {
			count, err = s.cancelIDs(ctx, p.IDs)
		}
	}
	return jsonrpc.CountResult{Count: count}, err
}

// cancelIDs cancels nothing where one id is unknown.
func (s *Server) cancelIDs(ctx context.Context, ids []int64) (int, error) {
	var jobs []ledger.Job
	for _, id := range slices.Compact(slices.Sorted(slices.Values(ids))) {
		job, _, err := s.opts.Ledger.Get(ctx, id)
		if err != nil {
			return 0, err
		}
		if !job.State.Terminal() {
			jobs = append(jobs, job)
		}
	}
	return s.cancelEach(ctx, jobs)
}

// cancelMatching works through the matching jobs a page at a time.
func (s *Server) cancelMatching(ctx context.Context, p jsonrpc.ListParams) (int, error) {
	f, err := changeFilter(jsonrpc.MethodJobCancel, "cancel", p, cancellable)
	if err != nil {
		return 0, err
	}
	return s.changePages(ctx, f, s.cancelEach)
}

// cancelEach hands jobs to their pools. Those of a pool that is no longer configured can only be queued.
func (s *Server) cancelEach(ctx context.Context, jobs []ledger.Job) (int, error) {
	return s.changeEach(ctx, jobs, Pool.Cancel, func(ctx context.Context, ids []int64) (int, error) {
		cancelled, err := s.opts.Ledger.CancelQueued(ctx, ids, s.now(), cancelledJSON)
		return len(cancelled), err
	})
}
