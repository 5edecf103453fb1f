package server

import (
	"context"
	"fmt"
	"reflect"
	"time"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
)

func submitMethod() *method {
	return &method{
		params: reflect.TypeFor[jsonrpc.SubmitParams](),
		result: reflect.TypeFor[jsonrpc.SubmitResult](),
		begin:  (*Server).submit,
	}
}

// submit answers after the commit.
func (s *Server) submit(r *request, k *jsonrpc.Cork) {
	var p jsonrpc.SubmitParams
	if e := jsonrpc.DecodeSubmit(r.Params, &p); e != nil {
		r.end(k, nil, nil, e)
		return
	}
	s.submitThen(p, r.submitted)
}

// submitThen is not cut short when its caller goes away: the job would be on disk and nobody would know.
func (s *Server) submitThen(p jsonrpc.SubmitParams, done func([]ledger.Submitted, error)) {
	if err := CheckSubmit("", p); err != nil {
		done(nil, err)
		return
	}
	pool, err := s.pools().named(p.Pool)
	if err != nil {
		done(nil, err)
		return
	}
	jobs := []ledger.Job{toJob(p, pool.Name(), s.now())}
	if s.isDraining() {
		done(nil, refuse(pool, jobs))
		return
	}
	pool.SubmitThen(jobs, commitAtMost, func(jobs []ledger.Submitted, err error) { done(jobs, uncommitted(err)) })
}

// submitted answers with the job's id, on the ledger's goroutine.
func (r *request) submitted(jobs []ledger.Submitted, err error) {
	if err != nil {
		r.endSoon(nil, err)
		return
	}
	result, err := jsonrpc.Encode(jsonrpc.SubmitResult{ID: jobs[0].ID, Duplicate: jobs[0].Duplicate})
	r.endSoon(result, err)
}

// submitBatch submits all jobs or none. They go to one pool, which commits them together.
func (s *Server) submitBatch(ctx context.Context, p jsonrpc.SubmitBatchParams) (jsonrpc.SubmitBatchResult, error) {
	var none jsonrpc.SubmitBatchResult
	if len(p.Jobs) == 0 {
		return none, invalid("jobs", "missing or empty, at least one job is wanted")
	}
	for i, job := range p.Jobs {
		if err := CheckSubmit(fmt.Sprintf("jobs[%d].", i), job); err != nil {
			return none, err
		}
	}
	pools := s.pools()
	pool, err := pools.named(p.Jobs[0].Pool)
	if err != nil {
		return none, err
	}
	jobs := make([]ledger.Job, len(p.Jobs))
	now := s.now()
	for i, job := range p.Jobs {
		switch other, err := pools.named(job.Pool); {
		case err != nil:
			return none, err
		case other.Name() != pool.Name():
			return none, invalid(fmt.Sprintf("jobs[%d].pool", i), "%q differs from the first job's %q, a batch goes to one pool", other.Name(), pool.Name())
		}
		jobs[i] = toJob(job, pool.Name(), now)
	}
	if s.isDraining() {
		return none, refuse(pool, jobs)
	}
	submitted, err := commitJobs(ctx, pool, jobs)
	if err != nil {
		return none, err
	}
	ids := make([]int64, len(submitted))
	for i, s := range submitted {
		ids[i] = s.ID
	}
	return jsonrpc.SubmitBatchResult{IDs: ids}, nil
}

// refuse refuses new work because of the drain, in a way that shows in its caller's trace.
func refuse(pool Pool, jobs []ledger.Job) error {
	err := jsonrpc.Errorf(jsonrpc.CodeShuttingDown, "%v", errShuttingDown)
	pool.Refuse(jobs, err)
	return err
}

func commitJobs(ctx context.Context, pool Pool, jobs []ledger.Job) (submitted []ledger.Submitted, err error) {
	err = commit(ctx, func(ctx context.Context) error {
		submitted, err = pool.Submit(ctx, jobs)
		return err
	})
	return submitted, err
}

// CheckSubmit says what job.submit refuses of a job before it looks for the pool; prefix stands before the names of members.
func CheckSubmit(prefix string, p jsonrpc.SubmitParams) error {
	err := firstError(
		checkMethod(prefix+"method", p.Method),
		checkCallParams(prefix+"params", p.Params),
		checkMs(prefix+"timeoutMs", p.TimeoutMs),
		checkPriority(prefix+"priority", p.Priority),
		checkMs(prefix+"delayMs", p.DelayMs),
		checkBackoff(prefix+"backoff", p.Backoff),
		checkDelivery(prefix+"delivery", p.Delivery),
		checkLabels(prefix+"labels", p.Labels),
		checkConcurrencyKey(prefix+"concurrencyKey", p.ConcurrencyKey),
		checkMaxAttempts(prefix+"maxAttempts", p.MaxAttempts))
	switch {
	case err != nil:
		return err
	case p.RunAt != nil && p.DelayMs != 0:
		return invalid(prefix+"runAt", "given together with delayMs %d, only one of the two may be", p.DelayMs)
	}
	return nil
}

// toJob is the row to be written; the ledger fills in its own defaults.
func toJob(p jsonrpc.SubmitParams, pool string, now time.Time) ledger.Job {
	job := ledger.Job{
		Pool:           pool,
		Method:         p.Method,
		Params:         callParams(p.Params),
		Labels:         p.Labels,
		Priority:       p.Priority,
		MaxAttempts:    p.MaxAttempts,
		Timeout:        time.Duration(p.TimeoutMs) * time.Millisecond,
		Delivery:       ledger.Delivery(p.Delivery),
		Origin:         ledger.FromSubmit,
		IdempotencyKey: p.IdempotencyKey,
		ConcurrencyKey: p.ConcurrencyKey,
		Trace:          traceOf(p.Trace),
	}
	if p.Backoff != nil {
		job.Backoff = ledger.Backoff{
			Base:   time.Duration(p.Backoff.BaseMs) * time.Millisecond,
			Factor: p.Backoff.Factor,
			Cap:    time.Duration(p.Backoff.CapMs) * time.Millisecond,
			Jitter: p.Backoff.Jitter,
		}
	}
	switch {
	case p.RunAt != nil:
		job.RunAt = p.RunAt.Time
	case p.DelayMs > 0:
		job.RunAt = now.Add(time.Duration(p.DelayMs) * time.Millisecond)
	}
	if p.ExpiresAt != nil {
		job.ExpiresAt = p.ExpiresAt.Time
	}
	return job
}
