package ledger

import (
	"context"
	"database/sql/driver"
	"fmt"
	"time"

	"github.com/whipper-sidecar/whipper/ledger/cron"
)

// firedSQL finds the job of a schedule's time.
const firedSQL = `SELECT id, state FROM job WHERE pool = ? AND idempotency_key = ?`

// Turns says at which moment schedules have their turn, and how.
type Turns struct {
	Now   time.Time
	Since time.Time // times before it that were not seen to come were missed

	// Spread, in [0,1), is the random number behind a job's jitter. Nil: 0.
	Spread func() float64

	// Prepare is called with each job before it is written, and may give it a trace context. It runs on the writer's goroutine, which it must
	// not hold up. Nil: nobody is asked.
	Prepare func(*Schedule, *Job)

	// Committed is called after the commit with the jobs that were written; see SubmitOptions. Nil: nobody is told.
	Committed func([]Job)
}

// Turned is what came of a schedule's turn.
type Turned struct {
	Schedule       // as it is on disk now; LastState is that of LastJob
	Err      error // why it had no turn: its expression or zone, which could be read when it was put, cannot be any more
}

// Fire gives the schedules of those names their turn: each of their times up to now has its job, waits, was missed or is skipped. The
// jobs and the times that come next are written in one transaction, so that no time has two jobs and none is passed over, whenever
// the process ends. Schedules that are not there any more, and those that have no turn, are passed over.
func (l *Ledger) Fire(ctx context.Context, names []string, t Turns) (turned []Turned, err error) {
	var jobs []Job
	var then func()
	if t.Committed != nil {
		then = func() { t.Committed(jobs) }
	}
	err = l.writer.doThen(ctx, 2*len(names), func(b *batch) error {
		jobs, turned = nil, nil
		for _, name := range names {
			one, more, err := b.fire(l.schedules, name, t)
			if err != nil {
				return fmt.Errorf("schedule %q: %w", name, err)
			}
			jobs = append(jobs, more...)
			if one != nil {
				turned = append(turned, *one)
			}
		}
		return nil
	}, then)
	if err != nil {
		return nil, err
	}
	return turned, nil
}

// fire gives one schedule its turn, for as many of its times as have come.
func (b *batch) fire(news *scheduleNews, name string, t Turns) (*Turned, []Job, error) {
	s, found, err := b.schedule(name)
	if err != nil || !found {
		return nil, nil, err
	}
	if len(s.Owed) > 0 {
		news.await(s.LastJob) // if it ends from here on, that is in this transaction or in a later one
	}
	if !s.hasTurn(t.Now) {
		return nil, nil, nil
	}
	expr, err := cron.Parse(s.Spec, s.Timezone)
	if err != nil {
		return &Turned{Schedule: s, Err: err}, nil, nil //nolint:nilerr // it is that schedule's, and goes with it: others have their turn
	}
	var jobs []Job
	for s.hasTurn(t.Now) {
		next, at, run := s.turn(expr, t.Since, t.Now)
		s = next
		if !run {
			continue
		}
		job, written, err := b.submitFor(&s, at, t)
		if err != nil {
			return nil, nil, err
		}
		if written {
			jobs = append(jobs, job)
		}
	}
	if len(s.Owed) > 0 {
		news.await(s.LastJob)
	}
	return &Turned{Schedule: s}, jobs, b.putSchedule(&s)
}

// submitFor writes the job for a schedule's time. There may be one already: from a schedule of that name that was deleted.
func (b *batch) submitFor(s *Schedule, at time.Time, t Turns) (job Job, written bool, err error) {
	var delay time.Duration
	if t.Spread != nil {
		delay = time.Duration(t.Spread() * float64(s.Jitter))
	}
	job = s.job(at, t.Now, delay).withDefaults(t.Now)
	there := false
	err = b.conn.query(firedSQL, func(values []driver.Value) error {
		row := scanner{values: values}
		there, s.LastJob, s.LastState = true, row.int(), State(row.text())
		return nil
	}, job.Pool, job.IdempotencyKey)
	if err != nil || there {
		return job, false, err
	}
	if t.Prepare != nil {
		t.Prepare(s, &job)
	}
	if _, err := b.submit(&job); err != nil {
		return job, false, err
	}
	s.LastJob, s.LastState = job.ID, job.State
	return job, true, nil
}
