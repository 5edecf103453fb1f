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
		if err = checkIDs("ids", p.IDs); err == nil {
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
	if p == (jsonrpc.ListParams{}) {
		return 0, invalid("filter", "empty, it would cancel every job; name a pool, method, state, since, until or label")
	}
	for member, given := range map[string]bool{"limit": p.Limit != 0, "cursor": p.Cursor != "", "payloads": p.Payloads} {
		if given {
			return 0, invalid("filter."+member, "does not apply to job.cancel")
		}
	}
	f, err := toFilter("filter.", p, cancellable)
	if err != nil {
		return 0, err
	}
	f.Limit = maxListLimit
	if f.States == nil {
		f.States = cancellable
	}
	total := 0
	for {
		jobs, next, err := s.opts.Ledger.List(ctx, f)
		if err != nil {
			return total, err
		}
		n, err := s.cancelEach(ctx, jobs)
		total += n
		if err != nil || next == "" {
			return total, err
		}
		f.Cursor = next
	}
}

// cancelEach hands jobs to their pools. Those of a pool that is no longer configured can only be queued.
func (s *Server) cancelEach(ctx context.Context, jobs []ledger.Job) (int, error) {
	byPool := map[string][]int64{}
	for _, job := range jobs {
		byPool[job.Pool] = append(byPool[job.Pool], job.ID)
	}
	total := 0
	for name, ids := range byPool {
		err := commit(ctx, func(ctx context.Context) error {
			if pool := s.pools().find(name); pool != nil {
				n, err := pool.Cancel(ctx, ids)
				total += n
				return err
			}
			cancelled, err := s.opts.Ledger.CancelQueued(ctx, ids, s.now(), cancelledJSON)
			total += len(cancelled)
			return err
		})
		if err != nil {
			return total, err
		}
	}
	return total, nil
}
