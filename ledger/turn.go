package ledger

import (
	"slices"
	"time"

	"github.com/whipper-sidecar/whipper/ledger/cron"
)

// hasTurn says that there is something to be done: a time has come, or one that waits can have its job.
func (s *Schedule) hasTurn(now time.Time) bool { return s.due(now) || len(s.Owed) > 0 && !s.busy() }

// due says that a time has come.
func (s *Schedule) due(now time.Time) bool { return !s.NextAt.IsZero() && !s.NextAt.After(now) }

// busy says that the job of the time before has not ended.
func (s *Schedule) busy() bool { return s.LastState != "" && !s.LastState.Terminal() }

// turn says what one time comes to, the oldest that waits or has come; hasTurn must hold. It returns the schedule's next row and
// whether that time, at, has a job. It is a pure function. since is when the times began to be watched: an earlier one was missed.
func (s Schedule) turn(expr *cron.Expr, since, now time.Time) (next Schedule, at time.Time, run bool) {
	if len(s.Owed) > 0 && !s.busy() {
		at = s.pay(expr)
		s.LastAt = at
		return s, at, true
	}
	at = s.NextAt
	if at.Before(since) {
		if s.Missed == MissedSkip {
			s.NextAt = expr.After(at, now)
			return s, at, false
		}
		at = expr.Latest(at, now)
	}
	switch {
	case s.busy() && s.Overlap == OverlapQueue:
		s.owe(expr, at)
	case s.busy():
		s.Skipped++
	default:
		s.LastAt = at
		run = true
	}
	s.NextAt = expr.After(at, at)
	return s, at, run
}

// owe has a time wait, which is later than all that do.
func (s *Schedule) owe(expr *cron.Expr, at time.Time) {
	s.Owed = slices.Clone(s.Owed)
	if n := len(s.Owed); n > 0 && expr.After(s.Owed[n-1].Last, s.Owed[n-1].Last).Equal(at) {
		s.Owed[n-1].Last = at
		return
	}
	s.Owed = append(s.Owed, Span{at, at})
}

// pay takes the oldest time out of those that wait.
func (s *Schedule) pay(expr *cron.Expr) time.Time {
	first := s.Owed[0]
	if first.First.Equal(first.Last) {
		if s.Owed = slices.Clone(s.Owed[1:]); len(s.Owed) == 0 {
			s.Owed = nil
		}
		return first.First
	}
	s.Owed = slices.Clone(s.Owed)
	s.Owed[0].First = expr.After(first.First, first.First)
	return first.First
}
