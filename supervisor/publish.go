package supervisor

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
)

// What the pool publishes. Everything that concerns workers is published with mu held, or by the worker's own goroutine; how a
// job's run ended, once that is on disk.

// publish has the stats looked at before the event is sent: those that count it may change only while the lock that it is published
// under is still held.
func (p *Pool) publish(t, also eventType, r *record) {
	p.counters.changed()
	p.events.publish(t, also, r)
}

// poolEvent publishes what concerns the pool.
func (p *Pool) poolEvent(t eventType, e jsonrpc.Event) {
	if !p.events.wants(t.bit) {
		return
	}
	e.Pool = p.name
	p.publish(t, eventType{}, &record{event: e})
}

// workerEvent publishes what concerns a worker and its process; mu is held.
func (p *Pool) workerEvent(t eventType, w *worker, pid int, e jsonrpc.Event) {
	if !p.events.wants(t.bit) {
		return
	}
	e.Worker = w.forEvent(pid)
	p.poolEvent(t, e)
}

// forEvent is the worker as it is; mu is held.
func (w *worker) forEvent(pid int) *jsonrpc.EventWorker {
	return &jsonrpc.EventWorker{
		ID: w.id, PID: pid, State: string(w.seat.state), WorkingStatus: w.seat.workingStatus(), Stats: w.stats(),
	}
}

// tellState publishes a change of a worker's state; mu is held.
func (p *Pool) tellState(w *worker, from, to State) {
	if from != to && p.events.wants(stateChanges) {
		p.change(stateChanged, stateNames[string(to)], w, string(from), string(to))
	}
}

// tellStatus follows a change of a worker's slots or calls: it counts the worker anew, and publishes its working status if that is another
// than before; mu is held.
func (p *Pool) tellStatus(w *worker) {
	p.recount(w)
	from, to := w.seat.statusTold, w.seat.workingStatus()
	if from == to {
		return
	}
	w.seat.statusTold = to
	if p.events.wants(statusChanges) {
		p.change(statusChanged, statusNames[to], w, from, to)
	}
}

func (p *Pool) change(t, also eventType, w *worker, from, to string) {
	p.publish(t, also, &record{event: jsonrpc.Event{Pool: p.name, Worker: w.forEvent(w.seat.pid), From: from, To: to}})
}

// tellAvailability publishes whether any worker can take calls, if that has changed; mu is held.
func (p *Pool) tellAvailability() {
	i := slices.IndexFunc(p.seats, func(w *worker) bool { return w.seat.slots > 0 })
	available := i >= 0
	if available == p.available {
		return
	}
	p.available = available
	switch {
	case available:
		p.workerEvent(poolAvailable, p.seats[i], p.seats[i].seat.pid, jsonrpc.Event{})
	case p.phase == poolDraining:
		p.poolEvent(poolUnavailable, jsonrpc.Event{Reason: endShutdown})
	default:
		p.poolEvent(poolUnavailable, jsonrpc.Event{})
	}
}

// atCapacity publishes that a call was dropped or refused because no slot is free. kind is "dropped" or "error".
func (p *Pool) atCapacity(kind, method string) {
	t := atCapacityError
	if kind == "dropped" {
		t = atCapacityDropped
	}
	p.poolEvent(t, jsonrpc.Event{Method: method})
}

// Why a process ended.
const (
	endByItself   = "exited"
	endShutdown   = "shutdown"    // the pool wanted it
	endInactivity = "inactivity"  // it had nothing to do
	endNotReady   = "not-ready"   // it was not ready in time, or refused to be
	endStuckCall  = "stuck-call"  // it did not give up a call in time
	endHungUp     = "unreachable" // it closed its stdin or stdout, or did not read
	endNoPong     = "ping"        // it did not answer a ping
	endTooHeavy   = "max-rss-hard"
	endRestart    = "restart"
	endResize     = "resize" // and max-total-calls, max-age and max-rss
)

// endFor notes why the process is to end; the first reason stays.
func (w *worker) endFor(reason string) {
	if w.endReason == "" {
		w.endReason = reason
	}
}

// tellExited publishes the end of the worker's process.
func (w *worker) tellExited() {
	w.endFor(endByItself)
	if !w.pool.events.wants(processExited.bit) {
		return
	}
	w.pool.mu.Lock()
	defer w.pool.mu.Unlock()
	w.pool.workerEvent(processExited, w, w.process.pid, jsonrpc.Event{
		Reason: w.endReason, ExitCode: w.lastExit.code, Signal: w.lastExit.signal,
		StderrTail: cutFront(w.process.tail.String(), maxEventTail),
	})
}

// tellInactive publishes that the worker ends because it had nothing to do.
func (w *worker) tellInactive() {
	w.endFor(endInactivity)
	w.pool.mu.Lock()
	defer w.pool.mu.Unlock()
	w.pool.workerEvent(inactivityTimeout, w, w.process.pid, jsonrpc.Event{})
}

// tellProgress hands on what a call's worker has just said about it: to its caller, to those who wait for the job, and to
// subscribers.
func (p *Pool) tellProgress(c *call) {
	if c.phase == settled {
		return
	}
	if c.caller != nil && c.caller.progress != nil {
		c.caller.progress(c.job.ID, c.progress)
	}
	p.events.tellWaits(c.job.ID, c.progress)
	if !p.events.wants(jobProgress.bit) {
		return
	}
	r := jobRecord(&c.job, "")
	if len(c.progress) <= maxEventProgress {
		r.event.Progress = c.progress
	}
	p.publish(jobProgress, eventType{}, r)
}

// jobEvent publishes what happens to a job. outcome is that of the run that has just ended, if one has.
func (p *Pool) jobEvent(t eventType, job *ledger.Job, outcome ledger.Outcome) {
	if p.events.wants(t.bit) {
		p.publish(t, eventType{}, jobRecord(job, outcome))
	}
}

func jobRecord(job *ledger.Job, outcome ledger.Outcome) *record {
	r := &record{}
	j := &jsonrpc.EventJob{
		ID: job.ID, Method: job.Method, State: string(job.State), Attempt: job.Attempt, MaxAttempts: job.MaxAttempts,
		Origin: string(job.Origin), CreatedAt: jsonrpc.Time{Time: job.CreatedAt}, RunAt: jsonrpc.Time{Time: job.RunAt},
		StartedAt: jsonrpc.TimePtr(job.StartedAt), FinishedAt: jsonrpc.TimePtr(job.FinishedAt),
		Worker: job.Worker, PID: job.PID, Outcome: string(outcome),
	}
	if !job.StartedAt.IsZero() && job.State != ledger.Queued {
		ran, ok := job.Ran()
		if ok || job.State == ledger.Running {
			j.WaitMs = milliseconds(job.Wait())
		}
		if ok {
			j.RunMs = milliseconds(ran)
		}
	}
	if ended := job.State.Terminal() || outcome != ""; ended && len(job.Error) > 0 {
		j.ErrorSource = string(job.ErrorSource)
		if len(job.Error) <= maxEventError {
			r.err = job.Error
		} else {
			j.Error = &jsonrpc.EventError{Message: fmt.Sprintf("an error of %d bytes, which the ledger has", len(job.Error))}
		}
	}
	r.event.Pool, r.event.Job = job.Pool, j
	return r
}

func milliseconds(d time.Duration) *int64 {
	n := max(0, d).Milliseconds()
	return &n
}

// tellOutcome publishes what has become of a job; outcome is that of its run, or "" if it had none. mu is held, and it is on disk.
func (p *Pool) tellOutcome(job *ledger.Job, outcome ledger.Outcome) {
	delete(p.toldEarly, job.ID)
	p.jobEvent(outcomeEvent(job.State), job, outcome)
}

// hurryFor has an outcome be written at once that a subscriber waits for: its event follows the commit.
func (p *Pool) hurryFor(s ledger.State) {
	if p.events.wants(outcomeEvent(s).bit) {
		p.ledger.Hurry()
	}
}

// outcomeEvent is the event of a job that has come to a state; the zero eventType, which nobody wants, for one that has none.
func outcomeEvent(s ledger.State) eventType {
	switch s {
	case ledger.Succeeded:
		return jobSucceeded
	case ledger.Failed:
		return jobFailed
	case ledger.Queued:
		return jobRetrying
	case ledger.Cancelled:
		return jobCancelled
	case ledger.Dropped:
		return jobDropped
	}
	return eventType{}
}

// tellSubmitted publishes that jobs are queued, right after their commit and in the order of their ids. The claimer may have been
// quicker; those it has told of are in toldEarly.
func (p *Pool) tellSubmitted(jobs []ledger.Job) {
	if len(jobs) == 0 {
		return
	}
	last := jobs[len(jobs)-1].ID
	if !p.events.wants(jobQueued.bit) {
		p.lastTold.Store(last)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range jobs {
		if _, told := p.toldEarly[jobs[i].ID]; !told {
			p.jobEvent(jobQueued, &jobs[i], "")
		}
	}
	p.lastTold.Store(last)
}

// tellClaimed publishes that a job is queued, if tellSubmitted has not come to it yet; mu is held.
func (p *Pool) tellClaimed(job *ledger.Job) {
	if job.ID <= p.lastTold.Load() || job.Origin != ledger.FromSubmit || !p.events.wants(jobQueued.bit) {
		return
	}
	if _, told := p.toldEarly[job.ID]; !told {
		p.toldEarly[job.ID] = struct{}{} // until its first outcome, which comes after tellSubmitted
		p.jobEvent(jobQueued, job, "")
	}
}

// tellCancelled publishes that jobs were cancelled which the pool did not have in memory: by now somebody may have had them queued again.
func (p *Pool) tellCancelled(ctx context.Context, ids []int64, at time.Time, errJSON []byte) {
	for _, id := range ids {
		if !p.events.wants(jobCancelled.bit) {
			return
		}
		if job, _, err := p.ledger.Get(ctx, id); err == nil {
			job = ledger.EndWaiting(job, ledger.Cancelled, at, errJSON)
			p.jobEvent(jobCancelled, &job, "")
		}
	}
}
