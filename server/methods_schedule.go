package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
	"github.com/whipper-sidecar/whipper/ledger/cron"
)

// schedulePut answers after the commit, like submit.
func (s *Server) schedulePut(ctx context.Context, p jsonrpc.SchedulePutParams) (result jsonrpc.SchedulePutResult, err error) {
	if err := CheckSchedule(p); err != nil {
		return result, err
	}
	pool, err := s.pools().named(p.Pool)
	if err != nil {
		return result, err
	}
	err = commit(ctx, func(ctx context.Context) error {
		put, replaced, err := s.opts.Ledger.PutSchedule(ctx, ToSchedule(p, pool.Name()))
		result = jsonrpc.SchedulePutResult{Schedule: WireSchedule(&put, true), Replaced: replaced}
		return err
	})
	return result, err
}

func (s *Server) scheduleList(ctx context.Context, r *request, p jsonrpc.ScheduleListParams) (jsonrpc.ScheduleListResult, error) {
	if p.Limit < 0 || p.Limit > maxListLimit {
		return jsonrpc.ScheduleListResult{}, invalid("limit", "%d is outside 1 to %d (0 or absent: as many as fit into an answer)", p.Limit, maxListLimit)
	}
	if err := r.beginReading(ctx); err != nil {
		return jsonrpc.ScheduleListResult{}, err
	}
	page := ledger.SchedulePage{Limit: p.Limit, Cursor: p.Cursor, Payloads: p.Payloads, MaxBytes: r.session.limit / 4 * 3} // as in list
	schedules, next, err := s.opts.Ledger.ListSchedules(ctx, page)
	list := make([]jsonrpc.Schedule, len(schedules))
	for i := range schedules {
		list[i] = WireSchedule(&schedules[i], p.Payloads)
	}
	return jsonrpc.ScheduleListResult{Schedules: list, NextCursor: next}, err
}

func (s *Server) scheduleDelete(ctx context.Context, p jsonrpc.ScheduleDeleteParams) (jsonrpc.CountResult, error) {
	if len(p.Names) == 0 {
		return jsonrpc.CountResult{}, invalid("names", "missing or empty, at least one schedule's name is wanted")
	}
	seen := map[string]bool{}
	for i, name := range p.Names {
		if seen[name] {
			return jsonrpc.CountResult{}, invalid(fmt.Sprintf("names[%d]", i), "%q is given twice", name)
		}
		seen[name] = true
	}
	err := commit(ctx, func(ctx context.Context) error { return s.opts.Ledger.DeleteSchedules(ctx, p.Names) })
	if err != nil {
		return jsonrpc.CountResult{}, err
	}
	return jsonrpc.CountResult{Count: len(p.Names)}, nil
}

// CheckSchedule says what is wrong with a schedule: the member, its value, and what it may be. Its pool is not looked at.
func CheckSchedule(p jsonrpc.SchedulePutParams) error {
	err := firstError(
		checkScheduleName("name", p.Name),
		checkCron(p.Spec, p.Timezone),
		checkChoice("overlap", p.Overlap, string(ledger.OverlapSkip), string(ledger.OverlapQueue)),
		checkChoice("missed", p.Missed, string(ledger.MissedOnce), string(ledger.MissedSkip)),
		checkMethod("method", p.Method),
		checkCallParams("params", p.Params),
		checkMs("timeoutMs", p.TimeoutMs),
		checkPriority("priority", p.Priority),
		checkMaxAttempts("maxAttempts", p.MaxAttempts),
		checkBackoff("backoff", p.Backoff),
		checkDelivery("delivery", p.Delivery),
		checkLabels("labels", p.Labels),
		checkConcurrencyKey("concurrencyKey", p.ConcurrencyKey))
	switch most := ledger.MaxJitter.Milliseconds(); {
	case err != nil:
		return err
	case p.JitterMs < 0 || p.JitterMs > most:
		return unmeant("jitterMs", "%d is outside 0 to %d (%v)", p.JitterMs, most, ledger.MaxJitter)
	}
	if _, taken := p.Labels[ledger.ScheduleLabel]; taken {
		return unmeant("labels", "%q is the label that names the schedule: leave it out", ledger.ScheduleLabel)
	}
	return nil
}

// unmeant is an error about a member that is well-formed and cannot be meant.
func unmeant(member, format string, args ...any) error {
	return jsonrpc.Errorf(jsonrpc.CodeInvalidArgument, "%s: %s", member, fmt.Sprintf(format, args...))
}

func checkScheduleName(member, name string) error {
	switch {
	case name == "":
		return invalid(member, "missing, a name for the schedule is wanted")
	case len(name) > ledger.MaxScheduleName:
		return unmeant(member, "it has %d bytes, and may have %d", len(name), ledger.MaxScheduleName)
	}
	return nil
}

func checkCron(spec, timezone string) error {
	_, err := cron.Parse(spec, timezone)
	var zone *cron.ZoneError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &zone):
		return unmeant("timezone", "%v", err)
	}
	return unmeant("spec", "%v", err)
}

// checkChoice is for a member with a default, the first of two values.
func checkChoice(member, value, first, second string) error {
	if value != "" && value != first && value != second {
		return unmeant(member, "%q is neither %q (the default) nor %q", value, first, second)
	}
	return nil
}

// ToSchedule is the row to be written; the ledger fills in its own defaults.
func ToSchedule(p jsonrpc.SchedulePutParams, pool string) ledger.Schedule {
	job := toJob(jsonrpc.SubmitParams{
		Method: p.Method, Params: p.Params, TimeoutMs: p.TimeoutMs, Priority: p.Priority, MaxAttempts: p.MaxAttempts,
		Backoff: p.Backoff, Delivery: p.Delivery, Labels: p.Labels, ConcurrencyKey: p.ConcurrencyKey,
		Trace: jsonrpc.Trace{Traceparent: p.Traceparent, Tracestate: p.Tracestate},
	}, pool, time.Time{})
	return ledger.Schedule{
		Name: p.Name, Spec: p.Spec, Timezone: p.Timezone, Overlap: ledger.Overlap(p.Overlap), Missed: ledger.Missed(p.Missed),
		Jitter: time.Duration(p.JitterMs) * time.Millisecond,
		Pool:   pool, Method: job.Method, Params: job.Params, Labels: job.Labels, Priority: job.Priority,
		MaxAttempts: job.MaxAttempts, Backoff: job.Backoff, Timeout: job.Timeout, Delivery: job.Delivery,
		ConcurrencyKey: job.ConcurrencyKey, Traceparent: job.Traceparent, Tracestate: job.Tracestate,
	}
}

// WireSchedule is a schedule as clients see it, over the socket and in the command line's --json.
func WireSchedule(s *ledger.Schedule, payloads bool) jsonrpc.Schedule {
	wire := jsonrpc.Schedule{
		Name: s.Name, Spec: s.Spec, Timezone: s.Timezone, Overlap: string(s.Overlap), Missed: string(s.Missed),
		JitterMs: s.Jitter.Milliseconds(), Pool: s.Pool, Method: s.Method, TimeoutMs: s.Timeout.Milliseconds(), Priority: s.Priority,
		MaxAttempts: s.MaxAttempts, Delivery: string(s.Delivery), ConcurrencyKey: s.ConcurrencyKey, Labels: s.Labels, CreatedAt: jsonrpc.Time{Time: s.CreatedAt},
		NextAt: jsonrpc.TimePtr(s.NextAt), LastAt: jsonrpc.TimePtr(s.LastAt), LastJob: s.LastJob, LastState: string(s.LastState),
		Skipped: s.Skipped,
	}
	if payloads {
		wire.Params = s.Params
	}
	if wire.Labels == nil {
		wire.Labels = map[string]string{} // an empty object on the wire
	}
	if len(s.Owed) > 0 {
		wire.WaitingAt = jsonrpc.TimePtr(s.Owed[0].First)
	}
	if b := s.Backoff; b != ledger.DefaultBackoff {
		wire.Backoff = &jsonrpc.Backoff{BaseMs: b.Base.Milliseconds(), Factor: b.Factor, CapMs: b.Cap.Milliseconds(), Jitter: b.Jitter}
	}
	return wire
}
