package supervisor

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/whipper-sidecar/whipper/internal/telemetry/signals"
	"github.com/whipper-sidecar/whipper/ledger"
)

const (
	// lookAtLeast is how often the clock is read while there are schedules. Timers run on a clock that is never put, so this is how
	// late a time may have its turn after the wall clock was put forward, or the machine was asleep.
	lookAtLeast = time.Minute

	// lateAtMost is how late a time may be and still have its own turn. What is later was missed: nobody could see to it.
	lateAtMost = time.Minute

	// firedAtOnce is how many schedules have their turn in one transaction.
	firedAtOnce = 256
)

// SchedulerOptions are what a Scheduler works with.
type SchedulerOptions struct {
	Ledger *ledger.Ledger
	Pool   func(name string) *Pool // the pool of that name, or nil; called from the scheduler's and the ledger's goroutines
	Logger *slog.Logger            // nil: none
	Now    func() time.Time        // nil: time.Now

	Tracing *signals.Tracing // nil: jobs are not traced
}

// Scheduler puts the jobs of schedules on the ledger when their times come. A schedule whose pool is not there waits for it. While the
// ledger fails nothing has its turn.
type Scheduler struct {
	SchedulerOptions
	look chan struct{} // holds one token when there may be another pool

	// Run's own.
	started time.Time
	said    map[string]string // by schedule: why it has no turn, as was logged
}

// NewScheduler makes a scheduler. It does nothing until Run.
func NewScheduler(o SchedulerOptions) *Scheduler {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Scheduler{SchedulerOptions: o, look: make(chan struct{}, 1), said: map[string]string{}}
}

// Look has the scheduler see whether there are pools that schedules wait for. It never blocks.
func (s *Scheduler) Look() {
	select {
	case s.look <- struct{}{}:
	default:
	}
}

// Run gives schedules their turn until ctx ends. It sleeps until the next time comes, a schedule changes, a job ends that one waits
// for, or Look is called. Times that came before Run was called were missed.
func (s *Scheduler) Run(ctx context.Context) {
	s.started = s.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.look:
		case <-s.Ledger.SchedulesChanged():
		case <-timer.C:
		}
		wait, ok := s.round(ctx)
		if ok {
			timer.Reset(wait)
		} else {
			timer.Stop()
		}
	}
}

// round gives all that are due their turn, and says for how long there is nothing to do. ok is false where there is nothing to wait
// for.
func (s *Scheduler) round(ctx context.Context) (wait time.Duration, ok bool) {
	now := s.Now()
	if now.Before(s.started) { // the clock was put back
		s.started = now
	}
	if s.Ledger.Err() != nil { // it has said so
		return claimRetry, true
	}
	due, next, err := s.Ledger.Due(ctx, now)
	if err != nil {
		return s.failed(ctx, err)
	}
	names, pools := s.turns(due)
	for chunk := range slices.Chunk(names, firedAtOnce) {
		turned, err := s.fire(ctx, chunk, now)
		if err != nil {
			for p := range pools { // a commit that fails may have reached the disk all the same
				p.lookFor(ledger.MaxPriority)
			}
			return s.failed(ctx, err)
		}
		for i := range turned {
			t := &turned[i]
			if t.Err != nil {
				s.say(t.Name, t.Err.Error(), func() {
					s.Logger.Error("schedule cannot be read any more", "schedule", t.Name, "error", t.Err)
				})
			} else if at := t.NextAt; !at.IsZero() && (next.IsZero() || at.Before(next)) {
				next = at
			}
		}
	}
	if next.IsZero() {
		return 0, false
	}
	return max(0, min(next.Sub(s.Now().Round(0)), lookAtLeast)), true
}

func (s *Scheduler) failed(ctx context.Context, err error) (time.Duration, bool) {
	if ctx.Err() == nil && s.Ledger.Err() == nil && !errors.Is(err, ledger.ErrClosed) {
		s.Logger.Error("schedules had no turn", "error", err)
	}
	return claimRetry, true
}

// turns gives the names of those that have a pool, and the pools.
func (s *Scheduler) turns(due []ledger.Schedule) (names []string, pools map[*Pool]struct{}) {
	pools = map[*Pool]struct{}{}
	seen := map[string]bool{}
	for i := range due {
		name, pool := due[i].Name, due[i].Pool
		seen[name] = true
		if p := s.Pool(pool); p != nil && p.takesJobs() {
			names = append(names, name)
			pools[p] = struct{}{}
			continue
		}
		s.say(name, "pool "+pool, func() {
			s.Logger.Warn("schedule waits, for its pool is not there", "schedule", name, "pool", pool)
		})
	}
	maps.DeleteFunc(s.said, func(name, _ string) bool { return !seen[name] })
	return names, pools
}

// fire gives schedules their turn and has their pools know of the jobs.
func (s *Scheduler) fire(ctx context.Context, names []string, now time.Time) ([]ledger.Turned, error) {
	since := now.Add(-lateAtMost)
	if since.Before(s.started) {
		since = s.started
	}
	highest := map[*Pool]int{}
	sent := scheduled{tracing: s.Tracing}
	turned, err := s.Ledger.Fire(ctx, names, ledger.Turns{
		Now: now, Since: since, Spread: rand.Float64, Prepare: sent.prepare(),
		Committed: func(jobs []ledger.Job) {
			sent.end(jobs)
			byPool := map[*Pool][]ledger.Job{}
			for _, job := range jobs {
				if p := s.Pool(job.Pool); p != nil {
					byPool[p] = append(byPool[p], job)
				}
			}
			for p, jobs := range byPool {
				p.tellSubmitted(jobs)
				highest[p] = slices.MaxFunc(jobs, func(a, b ledger.Job) int { return a.Priority - b.Priority }).Priority
			}
		},
	})
	if err != nil {
		return nil, err
	}
	for p, priority := range highest {
		p.lookFor(priority)
	}
	return turned, nil
}

// say logs why a schedule has no turn, once.
func (s *Scheduler) say(name, why string, log func()) {
	if s.said[name] != why {
		s.said[name] = why
		log()
	}
}
