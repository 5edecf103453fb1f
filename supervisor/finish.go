package supervisor

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
)

// settled gives a call that a worker ran its outcome, and says what has become of its job. The call still holds its slot.
func (p *Pool) settled(w *worker, c *call, e ledger.Ending) sequel {
	next, attempt := ledger.Settle(c.job, e, rand.Float64())
	p.mu.Lock()
	defer p.mu.UnlockWith(w.cork)
	p.ran(w, e.Outcome)
	if p.conclude(c, next, attempt) {
		p.dispatch()
	}
	return sequel{c.job.State, c.job.RunAt}
}

// finish is settled and release at once.
func (p *Pool) finish(w *worker, c *call, e ledger.Ending) sequel {
	next, attempt := ledger.Settle(c.job, e, rand.Float64())
	p.mu.Lock()
	defer p.mu.UnlockWith(w.cork)
	c.slotFree = true
	p.vacate(w)
	p.ran(w, e.Outcome)
	p.conclude(c, next, attempt)
	p.dispatch()
	return sequel{c.job.State, c.job.RunAt}
}

// ran counts a call that has ended; mu is held.
func (p *Pool) ran(w *worker, o ledger.Outcome) {
	done := tally{CallsHandled: 1}
	if o != ledger.OutcomeSucceeded && o != ledger.OutcomeSnoozed {
		done.ErrorCount = 1
	}
	p.count(w, done)
}

// takenBack puts a call in the queue again that its worker never saw. That may be done even with a call that must not run
// twice: it has not run once.
func (p *Pool) takenBack(c *call, e ledger.Ending) sequel {
	job := c.job
	job.Delivery, job.Origin = ledger.AtLeastOnce, ledger.FromSubmit
	next, attempt := ledger.Settle(job, e, 0)
	next.Delivery, next.Origin, next.Alone = c.job.Delivery, c.job.Origin, c.job.Alone
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conclude(c, next, attempt) {
		p.dispatch()
	}
	return sequel{c.job.State, c.job.RunAt}
}

// conclude hands the ledger how a run ended, and tells the caller if that is final. It says whether lanes may have room now that had none;
// mu is held.
func (p *Pool) conclude(c *call, next ledger.Job, attempt ledger.Attempt) bool {
	if c.cancelled && next.State == ledger.Queued { // the worker had not got to cancelling it
		next.State, next.FinishedAt = ledger.Cancelled, attempt.FinishedAt
		next.Error, next.ErrorSource = errorJSON(cancelledError()), ledger.FromWhipper
	}
	c.job = next
	delete(p.current, next.ID)
	p.ledger.Finish(next, attempt, p.finished(next, attempt.Outcome))
	p.hurryFor(next.State)
	p.answer(c)
	c.over = true
	return p.leaveLanes(c)
}

// finishWaiting ends a call that no worker has begun; mu is held.
func (p *Pool) finishWaiting(c *call, s ledger.State, e *jsonrpc.Error) {
	next := ledger.EndWaiting(c.job, s, time.Now(), errorJSON(e))
	c.job = next
	delete(p.current, next.ID)
	if c.onRecord {
		p.ledger.Finish(next, ledger.Attempt{}, p.finished(next, ""))
	} else {
		c.onRecord = true
		p.ledger.Insert(next, p.finished(next, ""))
	}
	p.hurryFor(next.State)
	p.answer(c)
	p.unkeep(next.ID)
	c.over = true
	p.leaveLanes(c)
}

// finished is what happens once a job's outcome, or its return to the queue, is on disk.
func (p *Pool) finished(job ledger.Job, outcome ledger.Outcome) func(error) {
	return func(err error) {
		if err != nil {
			p.log.Error("outcome of a job was not recorded", "job", job.ID, "state", string(job.State), "error", err)
		}
		if errors.Is(err, ledger.ErrClosed) {
			return // Run is over; and the lock is held
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if err == nil {
			p.tellOutcome(&job, outcome)
		} else {
			p.overlooked(ledger.Position{})
		}
		p.letGo(job.ID)
		p.expireMore()
		if job.State == ledger.Queued {
			if job.ConcurrencyKey != "" { // it may stand there
				p.stands(ledger.KeyLane(job.ConcurrencyKey))
			}
			p.lookAgain(job.Priority)
		}
	}
}

// lost gives up a call whose start could not be recorded: the ledger knows better than the pool what became of it.
func (p *Pool) lost(c *call) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forget(c)
}

// forget drops a call from memory that is queued on disk, or was never there; mu is held.
func (p *Pool) forget(c *call) {
	delete(p.current, c.job.ID)
	delete(p.invoked, c.job.ID)
	p.letGo(c.job.ID)
	p.overlooked(ledger.Position{})
	c.over = true
	p.leaveLanes(c)
	p.stands(c.lane)
}

// letGo leaves a job to the claimer again. A claim that is under way may have read it before the last change; mu is held.
func (p *Pool) letGo(id int64) {
	delete(p.held, id)
	if p.claiming {
		p.released[id] = struct{}{}
	}
	p.stirUnsure()
}

// answer tells a caller who waits what became of the call, if that is final; mu is held.
func (p *Pool) answer(c *call) {
	if c.caller == nil || !c.job.State.Terminal() {
		return
	}
	delete(p.invoked, c.job.ID)
	j := &c.job
	r := Reply{Job: j.ID, Attempts: j.Attempt, Worker: j.Worker, Wait: j.Wait()}
	if j.Runs > 0 {
		r.Run = j.FinishedAt.Sub(j.StartedAt)
	}
	if j.State == ledger.Succeeded {
		r.Result = j.Result
	} else {
		r.ErrorSource, r.Error = j.ErrorSource, new(jsonrpc.Error)
		if json.Unmarshal(j.Error, r.Error) != nil {
			r.Error = jsonrpc.Errorf(jsonrpc.CodeInternalError, "job %d is %s, and its error cannot be read", j.ID, j.State)
		}
	}
	p.reply(c, r)
}

// reply has a caller told once the lock is let go of; mu is held.
func (p *Pool) reply(c *call, r Reply) {
	due := p.mu.dues()
	due.replies = append(due.replies, dueReply{c.caller, r})
}
