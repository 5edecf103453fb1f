package server

import (
	"context"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
)

// prunable are the states that job.prune takes off the ledger.
var prunable = []ledger.State{ledger.Succeeded, ledger.Failed, ledger.Cancelled, ledger.Dropped}

// pruneJobs takes jobs off the ledger. It may be long at it, so it ends with its request.
func (s *Server) pruneJobs(ctx context.Context, p jsonrpc.PruneJobsParams) (jsonrpc.CountResult, error) {
	var count int
	var err error
	switch {
	case p.Filter != nil && p.IDs != nil:
		err = invalid("filter", "given together with ids, only one of the two may be")
	case p.Filter != nil:
		var f ledger.PruneFilter
		if f, err = toPruneFilter(*p.Filter); err == nil {
			count, err = s.opts.Ledger.Prune(ctx, f)
		}
	default:
		if err = checkIDs(p.IDs); err == nil {
			count, err = s.opts.Ledger.PruneIDs(ctx, p.IDs)
		}
	}
	return jsonrpc.CountResult{Count: count}, err
}

func toPruneFilter(p jsonrpc.PruneFilter) (ledger.PruneFilter, error) {
	limit := p.Limit
	if p.Limit = 0; p == (jsonrpc.PruneFilter{}) {
		return ledger.PruneFilter{}, invalid("filter", "empty, it would prune every job that is final; name a pool, method, state, since, until, endedBefore, label or grep")
	}
	if limit < 0 {
		return ledger.PruneFilter{}, invalid("filter.limit", "%d is less than 0 (0 or absent: all)", limit)
	}
	shared, err := toFilter("filter.", jsonrpc.ListParams{
		Pool: p.Pool, Method: p.Method, State: p.State, Since: p.Since, Until: p.Until, Label: p.Label, Grep: p.Grep,
	}, prunable)
	if err != nil {
		return ledger.PruneFilter{}, err
	}
	f := ledger.PruneFilter{
		Pool: shared.Pool, Method: shared.Method, States: shared.States, Since: shared.Since, Until: shared.Until,
		LabelName: shared.LabelName, LabelValue: shared.LabelValue, Grep: shared.Grep, Limit: limit,
	}
	if p.EndedBefore != nil {
		f.EndedBefore = p.EndedBefore.Time
	}
	return f, nil
}
