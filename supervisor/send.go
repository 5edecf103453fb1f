package supervisor

import (
	"errors"
	"strconv"

	"github.com/whipper-sidecar/whipper/internal/telemetry/signals"
	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
)

// sending is the spans of a submission: one for all jobs that come with the same trace context. Nil: nobody sees them.
type sending []*signals.Span

// traceSend starts the spans of a submission. The jobs' trace context is that of their span from then on.
func (p *Pool) traceSend(jobs []ledger.Job) (spans sending) {
	if p.tracing == nil {
		return nil
	}
	if len(jobs) == 1 { // needs no tables
		j := &jobs[0]
		span := p.tracing.Send(signals.W3C(j.Trace), signals.Submission{Pool: p.name, Method: j.Method})
		j.Trace = ledger.Trace(span.Carry(signals.W3C(j.Trace)))
		return spans.and(span)
	}
	count := map[ledger.Trace]int{}
	for i := range jobs {
		count[jobs[i].Trace]++
	}
	began := map[ledger.Trace]*signals.Span{}
	for i := range jobs {
		from := jobs[i].Trace
		span, ok := began[from]
		if !ok {
			span = p.tracing.Send(signals.W3C(from), signals.Submission{Pool: p.name, Count: count[from]})
			began[from], spans = span, spans.and(span)
		}
		jobs[i].Trace = ledger.Trace(span.Carry(signals.W3C(from)))
	}
	return spans
}

// and is s with one more span, which is nil where nobody sees it.
func (s sending) and(span *signals.Span) sending {
	if span == nil {
		return s
	}
	return append(s, span)
}

// Refuse has a submission that is not let through to the pool show in its caller's trace.
func (p *Pool) Refuse(jobs []ledger.Job, why error) { p.traceSend(jobs).end(nil, why) }

// end ends the spans, with what has become of the submission.
func (s sending) end(submitted []ledger.Submitted, err error) {
	var id int64
	if len(submitted) == 1 {
		id = submitted[0].ID
	}
	for _, span := range s {
		traceSent(span, id, err)
	}
}

// traceSent ends the span of a submission with the job's id, or with why there is no job.
func traceSent(span *signals.Span, id int64, err error) {
	var refusal *jsonrpc.Error
	switch {
	case err == nil:
		span.Sent(id, "", "")
	case errors.As(err, &refusal):
		span.Sent(0, strconv.FormatInt(refusal.Code, 10), refusal.Message)
	default:
		span.Sent(0, signals.Other, err.Error())
	}
}

// scheduled is the spans of jobs whose time has come, by the jobs' idempotency keys. Those of jobs that do not come about do not end, and are
// never seen.
type scheduled struct {
	tracing *signals.Tracing // nil: they are not traced
	spans   map[string]*signals.Span
}

// prepare is what a job is made ready with for its commit; nil: with nothing.
func (s *scheduled) prepare() func(*ledger.Schedule, *ledger.Job) {
	if s.tracing == nil {
		return nil
	}
	s.spans = map[string]*signals.Span{}
	return func(from *ledger.Schedule, job *ledger.Job) {
		span := s.tracing.Send(signals.W3C{}, signals.Submission{
			Pool: job.Pool, Method: job.Method, Scheduled: true,
			Schedule: signals.W3C{Traceparent: from.Traceparent, Tracestate: from.Tracestate},
		})
		job.Trace = ledger.Trace(span.Carry(signals.W3C{}))
		s.spans[job.IdempotencyKey] = span
	}
}

// end ends the spans of jobs that are on disk.
func (s *scheduled) end(jobs []ledger.Job) {
	for i := range jobs {
		traceSent(s.spans[jobs[i].IdempotencyKey], jobs[i].ID, nil)
	}
}
