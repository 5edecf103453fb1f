package server

import (
	"context"
	"slices"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
)

// retryJobs queues jobs again that have failed, or were cancelled or dropped. Like cancelJobs it is not cut short when its caller goes
// away.
func (s *Server) retryJobs(ctx context.Context, p jsonrpc.RetryJobsParams) (jsonrpc.CountResult, error) {
	ctx = context.WithoutCancel(ctx)
	var count int
	var err error
	switch {
	case p.Filter != nil && p.IDs != nil:
		err = invalid("filter", "given together with ids, only one of the two may be")
	case p.Filter != nil:
		var f ledger.Filter
		if f, err = changeFilter(jsonrpc.MethodJobRetry, "retry", *p.Filter, ledger.Retryable); err == nil {
			count, err = s.changePages(ctx, f, s.retryEach)
		}
	default:
		if err = checkIDs(p.IDs); err == nil {
			count, err = s.retryIDs(ctx, p.IDs)
		}
	}
	return jsonrpc.CountResult{Count: count}, err
}

// retryIDs retries nothing where one id is unknown.
func (s *Server) retryIDs(ctx context.Context, ids []int64) (int, error) {
	jobs, err := s.jobsOf(ctx, ids)
	if err != nil {
		return 0, err
	}
	return s.retryEach(ctx, jobs)
}

func (s *Server) retryEach(ctx context.Context, jobs []ledger.Job) (int, error) {
	return s.changeEach(ctx, jobs, Pool.Retry, func(ctx context.Context, ids []int64) (int, error) {
		retried, err := s.opts.Ledger.Retry(ctx, ids, nil)
		return len(retried), err
	})
}

// jobsOf reads jobs, each once. One that is not there is a *ledger.NotFoundError.
func (s *Server) jobsOf(ctx context.Context, ids []int64) ([]ledger.Job, error) {
	var jobs []ledger.Job
	for _, id := range slices.Compact(slices.Sorted(slices.Values(ids))) {
		job, _, err := s.opts.Ledger.Get(ctx, id)
		if err != nil {
			return nil, err
		}
		jobs = append(jobs, job)
	}
	return jobs, nil
}

// changeFilter is the filter of a request that changes all jobs of certain states that it matches.
func changeFilter(method, verb string, p jsonrpc.ListParams, allowed []ledger.State) (ledger.Filter, error) {
	if p == (jsonrpc.ListParams{}) {
		return ledger.Filter{}, invalid("filter", "empty, it would %s every job; name a pool, method, state, since, until, label or grep", verb)
	}
	for member, given := range map[string]bool{"limit": p.Limit != 0, "cursor": p.Cursor != "", "payloads": p.Payloads} {
		if given {
			return ledger.Filter{}, invalid("filter."+member, "does not apply to %s", method)
		}
	}
	f, err := toFilter("filter.", p, allowed)
	f.Limit = maxListLimit
	if f.States == nil {
		f.States = allowed
	}
	return f, err
}

// changePages changes the jobs that a filter matches, a page at a time.
func (s *Server) changePages(ctx context.Context, f ledger.Filter, change func(context.Context, []ledger.Job) (int, error)) (total int, err error) {
	for jobs, err := range s.opts.Ledger.Pages(ctx, f) {
		if err != nil {
			return total, err
		}
		n, err := change(ctx, jobs)
		total += n
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// changeEach has each job changed by its pool, or by the ledger where its pool is no longer configured.
func (s *Server) changeEach(ctx context.Context, jobs []ledger.Job, byPool func(Pool, context.Context, []int64) (int, error),
	byLedger func(context.Context, []int64) (int, error),
) (total int, err error) {
	byName := map[string][]int64{}
	for _, job := range jobs {
		byName[job.Pool] = append(byName[job.Pool], job.ID)
	}
	for name, ids := range byName {
		err := commit(ctx, func(ctx context.Context) error {
			n, err := 0, error(nil)
			if pool := s.pools().find(name); pool != nil {
				n, err = byPool(pool, ctx, ids)
			} else {
				n, err = byLedger(ctx, ids)
			}
			total += n
			return err
		})
		if err != nil {
			return total, err
		}
	}
	return total, nil
}
