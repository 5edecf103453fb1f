package ledger

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/whipper-sidecar/whipper/ledger/cron"
)

// Overlap says what becomes of a time that comes while the job of the time before has not ended.
type Overlap string

// The two policies of overlap. Two jobs of a schedule never wait or run at once.
const (
	OverlapSkip  Overlap = "skip"  // it has no job
	OverlapQueue Overlap = "queue" // it has its turn when the job before has ended
)

// Missed says what becomes of times that came while no supervisor could see to them.
type Missed string

// The two policies of missed times.
const (
	MissedOnce Missed = "once" // the last one of them has its job
	MissedSkip Missed = "skip" // none has
)

// Limits of a schedule.
const (
	MaxScheduleName = 200 // bytes
	MaxJitter       = 24 * time.Hour
)

// ScheduleLabel is the label by which the jobs of a schedule are known; its value is the schedule's name.
const ScheduleLabel = "schedule"

// Schedule is a job that is submitted at the times of a cron expression. It is a plain value.
type Schedule struct {
	Name     string // unique
	Spec     string // as package cron reads it
	Timezone string // IANA name; "": UTC
	Overlap  Overlap
	Missed   Missed
	Jitter   time.Duration // a job runs later than its time by up to so much, at random; 0: not later

	// What the jobs are made of; see Job. Zero values mean what they mean there.
	Pool           string
	Method         string
	Params         []byte
	Labels         map[string]string
	Priority       int
	MaxAttempts    int
	Backoff        Backoff
	Timeout        time.Duration
	Delivery       Delivery
	ConcurrencyKey string

	Traceparent, Tracestate string // of the call that put it, in W3C's form; "": none

	// What the ledger keeps; PutSchedule sets them.
	CreatedAt time.Time
	NextAt    time.Time // the time that comes next; zero: none does
	Owed      []Span    // times that wait for LastJob to end, the oldest first; nil: none does
	LastAt    time.Time // the last time that had a job; zero: none yet
	LastJob   int64     // its job, which may have been pruned; 0: none yet
	LastState State     // of that job, as read; "": none, or pruned
	Skipped   int64     // times that came while the job before had not ended
}

// Span is all times of an expression from First to Last, both of which are among them.
type Span struct{ First, Last time.Time }

// InvalidScheduleError lists everything that is wrong with a schedule.
type InvalidScheduleError struct {
	Name     string
	Problems []string
	Err      error // the *cron.SpecError or *cron.ZoneError among them; nil: none
}

func (e *InvalidScheduleError) Error() string {
	return fmt.Sprintf("schedule %q: %s", e.Name, strings.Join(e.Problems, "; "))
}

func (e *InvalidScheduleError) Unwrap() error { return e.Err }

// ErrNoSchedule says that there is no such schedule. It comes as a *NoScheduleError.
var ErrNoSchedule = errors.New("no such schedule")

// NoScheduleError names the schedule that is not in the ledger.
type NoScheduleError struct{ Name string }

func (e *NoScheduleError) Error() string        { return fmt.Sprintf("there is no schedule %q", e.Name) }
func (e *NoScheduleError) Is(target error) bool { return target == ErrNoSchedule }

// withDefaults fills what was left open.
func (s Schedule) withDefaults(now time.Time) Schedule {
	if s.Timezone == "" {
		s.Timezone = "UTC"
	}
	if s.Overlap == "" {
		s.Overlap = OverlapSkip
	}
	if s.Missed == "" {
		s.Missed = MissedOnce
	}
	job := s.job(time.Time{}, now, 0).withDefaults(now)
	s.MaxAttempts, s.Backoff, s.Delivery = job.MaxAttempts, job.Backoff, job.Delivery
	s.CreatedAt = now
	return s
}

// check reports everything about a schedule that cannot be meant, or gives its expression.
func (s *Schedule) check() (*cron.Expr, error) {
	var problems []string
	wrong := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	switch {
	case s.Name == "":
		wrong("name is empty")
	case len(s.Name) > MaxScheduleName:
		wrong("name has %d bytes, but may have %d", len(s.Name), MaxScheduleName)
	}
	expr, cause := cron.Parse(s.Spec, s.Timezone)
	if cause != nil {
		wrong("%v", cause)
	}
	if s.Overlap != OverlapSkip && s.Overlap != OverlapQueue {
		wrong("overlap is %q, but must be %q or %q", s.Overlap, OverlapSkip, OverlapQueue)
	}
	if s.Missed != MissedOnce && s.Missed != MissedSkip {
		wrong("missed is %q, but must be %q or %q", s.Missed, MissedOnce, MissedSkip)
	}
	if s.Jitter < 0 || s.Jitter > MaxJitter {
		wrong("jitter is %v, but must be 0 to %v", s.Jitter, MaxJitter)
	}
	if _, taken := s.Labels[ScheduleLabel]; taken {
		wrong("label %q is the schedule's own", ScheduleLabel)
	}
	job := s.job(time.Time{}, s.CreatedAt, 0).withDefaults(s.CreatedAt)
	problems = append(problems, job.validate()...)
	if len(problems) > 0 {
		return nil, &InvalidScheduleError{Name: s.Name, Problems: problems, Err: cause}
	}
	return expr, nil
}

// job is the job for one of the schedule's times. delay is what the jitter has come to.
func (s *Schedule) job(at, now time.Time, delay time.Duration) Job {
	labels := map[string]string{ScheduleLabel: s.Name}
	for name, value := range s.Labels {
		labels[name] = value
	}
	return Job{
		Pool: s.Pool, Method: s.Method, Params: s.Params, Labels: labels, Priority: s.Priority,
		MaxAttempts: s.MaxAttempts, Backoff: s.Backoff, Timeout: s.Timeout, Delivery: s.Delivery,
		IdempotencyKey: ScheduleKey(s.Name, at), ConcurrencyKey: s.ConcurrencyKey, CreatedAt: now, RunAt: now.Add(delay),
	}
}

// ScheduleKey is the idempotency key of the job for one of a schedule's times: there is never another one for it while it is on the ledger.
func ScheduleKey(name string, at time.Time) string {
	return "schedule:" + name + "@" + at.UTC().Format(time.RFC3339)
}
