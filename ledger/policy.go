package ledger

import (
	"math"
	"time"
)

// Begin returns the row of a job that a worker's process is about to run. The attempt is charged now; an ending that
// must not be charged gives it back.
func Begin(job Job, worker string, pid int, at time.Time) Job {
	job.State = Running
	job.Attempt++
	job.Runs++
	job.StartedAt = at
	job.FinishedAt = time.Time{}
	job.Worker, job.PID = worker, pid
	job.Progress = nil
	return job
}

// Ending is how a run came to its end.
type Ending struct {
	Outcome     Outcome
	At          time.Time
	Result      []byte // JSON; with OutcomeSucceeded
	Error       []byte // JSON error object; nil: none
	ErrorSource Source // of Error
	Permanent   bool   // an error that must not be retried
	Shared      bool   // with OutcomeCrashed: nobody could be named guilty: not charged, crashes+1, next run alone
	Abandoned   bool   // with OutcomeInterrupted: the supervisor died: crashes+1
	Snooze      time.Duration
	ExitCode    *int   // of the process, if it ended too
	Signal      string // as SIGKILL
	StderrTail  string
}

// Settle returns the job's next row and the row of the attempt that has ended. spread, in [0,1), is the random number
// behind the jitter of a retry.
//
// A job whose process crashed runs alone next time, guilty or suspected, so that others do not pay for it again.
// A job that is put back uncharged keeps its RunAt, and so its place in the queue.
func Settle(job Job, e Ending, spread float64) (Job, Attempt) {
	attempt := Attempt{
		Number: job.Runs, Outcome: e.Outcome, Worker: job.Worker, PID: job.PID,
		StartedAt: job.StartedAt, FinishedAt: e.At, Error: e.Error,
		ExitCode: e.ExitCode, Signal: e.Signal, StderrTail: e.StderrTail,
	}
	alone := job.Alone
	job.Alone = false
	if e.Error != nil {
		job.Error, job.ErrorSource = e.Error, e.ErrorSource
	}
	switch e.Outcome {
	case OutcomeSucceeded:
		job.State, job.Result = Succeeded, e.Result
		job.Error, job.ErrorSource = nil, ""
	case OutcomeCancelled:
		job.State = Cancelled
	case OutcomeSnoozed:
		job.Attempt--
		job.State, job.RunAt = Queued, e.At.Add(e.Snooze)
	case OutcomeInterrupted:
		job.putBack(e.Abandoned)
		job.Alone = alone && job.State == Queued
	case OutcomeCrashed:
		if e.Shared {
			job.putBack(true)
		} else {
			job.charge(e, spread)
		}
		job.Alone = job.State == Queued // it has ended a process, or is suspected: the next must not be others' too
	default: // error, timeout
		job.charge(e, spread)
	}
	if job.State.Terminal() {
		job.FinishedAt = e.At
	}
	return job, attempt
}

// EndWaiting returns the row of a queued job that ends without another run. Its RunAt is after its last run's start then, by which Ran tells
// that the job did not end with that, also where it was put back with the RunAt that it had.
func EndWaiting(job Job, s State, at time.Time, errJSON []byte) Job {
	if !job.StartedAt.IsZero() && !job.RunAt.After(job.StartedAt) {
		job.RunAt = job.StartedAt.Add(time.Microsecond)
	}
	job.State, job.FinishedAt = s, at
	job.Error, job.ErrorSource = errJSON, FromWhipper
	return job
}

// afterRunSQL is the RunAt of EndWaiting.
const afterRunSQL = `max(run_at, coalesce(started_at + 1, run_at))`

// charge ends a run that the job has to answer for.
func (j *Job) charge(e Ending, spread float64) {
	if j.Delivery == AtMostOnce || e.Permanent || j.Attempt >= j.MaxAttempts {
		j.State = Failed
		return
	}
	j.State, j.RunAt = Queued, e.At.Add(j.Backoff.delay(j.Attempt, spread))
}

// putBack ends a run that was cut short through no fault of the job.
func (j *Job) putBack(counts bool) {
	j.Attempt--
	if counts {
		j.Crashes++
	}
	if j.Delivery == AtMostOnce || j.Origin == FromInvoke || counts && j.Crashes >= MaxCrashes {
		j.State = Failed
		return
	}
	j.State = Queued
}

// delay is the wait after the given charged attempt, counted from 1.
func (b Backoff) delay(attempt int, spread float64) time.Duration {
	b = b.withDefaults()
	d := float64(b.Base) * math.Pow(b.Factor, float64(attempt-1))
	d = min(d, float64(b.Cap))
	d *= 1 + b.Jitter*(2*spread-1)
	if d >= math.MaxInt64 { // a cap near the largest duration, spread upwards
		return math.MaxInt64
	}
	return max(0, time.Duration(d))
}

// withDefaults replaces zero members, and a wholly zero policy by DefaultBackoff.
func (b Backoff) withDefaults() Backoff {
	if b == (Backoff{}) {
		return DefaultBackoff
	}
	if b.Base == 0 {
		b.Base = DefaultBackoff.Base
	}
	if b.Factor == 0 {
		b.Factor = DefaultBackoff.Factor
	}
	if b.Cap == 0 {
		b.Cap = DefaultBackoff.Cap
	}
	return b
}
