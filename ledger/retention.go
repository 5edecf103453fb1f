package ledger

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// Retention says what is kept of jobs that have their final outcome. The zero Retention keeps everything.
type Retention struct {
	Age   map[State]time.Duration // since FinishedAt; a state that is not there, or is 0, has no limit
	Count int                     // most such jobs; 0: no limit
	Bytes int64                   // most that the file holds, without its WAL; 0: no limit
}

// DefaultRetention is what holds where nobody says otherwise: failures are looked into later than successes.
func DefaultRetention() Retention {
	return Retention{Age: map[State]time.Duration{
		Succeeded: 30 * day, Cancelled: 30 * day, Dropped: 30 * day, Failed: 90 * day,
	}}
}

const day = 24 * time.Hour

// dueAfter is the earliest moment at which a job that ends at a given one, or another in its place, is not to be kept; zero: never.
func (r *Retention) dueAfter(ended time.Time) time.Time {
	if r.Count > 0 || r.Bytes > 0 {
		return ended
	}
	var due time.Time
	for _, age := range r.Age {
		if age > 0 {
			due = earlier(due, ended.Add(age))
		}
	}
	return due
}

// Sweep prunes what a retention does not keep and returns how many jobs that were, and when the next one will be too old, zero if none will.
func (l *Ledger) Sweep(ctx context.Context, r Retention) (pruned int, next time.Time, err error) {
	for _, state := range terminalStates {
		age := r.Age[state]
		if age <= 0 {
			continue
		}
		n, err := l.pruneState(ctx, PruneFilter{EndedBefore: l.aged().Add(-age)}, state, 0)
		pruned += n
		if err != nil {
			return pruned, time.Time{}, err
		}
	}
	for _, limit := range []func(context.Context, Retention) (int, error){l.pruneToCount, l.pruneToSize} {
		n, err := limit(ctx, r)
		pruned += n
		if err != nil {
			return pruned, time.Time{}, err
		}
	}
	for _, state := range terminalStates {
		oldest, err := l.prunable(ctx, PruneFilter{}, state, prunePlace{}, 1)
		if err != nil {
			return pruned, time.Time{}, err
		}
		if age := r.Age[state]; age > 0 && len(oldest) > 0 {
			next = earlier(next, time.UnixMicro(oldest[0].finishedAt).Add(age+time.Microsecond))
		}
	}
	return pruned, next, nil
}

// pruneToCount prunes the longest ended jobs until there are no more than the limit.
func (l *Ledger) pruneToCount(ctx context.Context, r Retention) (total int, err error) {
	if r.Count <= 0 {
		return 0, nil
	}
	counts, err := l.Counts(ctx, "")
	if err != nil {
		return 0, err
	}
	excess := -r.Count
	for _, state := range terminalStates {
		excess += int(counts[state])
	}
	for excess > 0 {
		n, err := l.pruneOldest(ctx, min(excess, pruneRows))
		total += n
		excess -= n
		if err != nil || n == 0 {
			return total, err
		}
	}
	return total, nil
}

// pruneToSize prunes the longest ended jobs until what the file holds, and what stays free in it, is within the limit.
func (l *Ledger) pruneToSize(ctx context.Context, r Retention) (total int, err error) {
	for r.Bytes > 0 {
		space, err := l.Space(ctx)
		if err != nil {
			return total, err
		}
		if space.Bytes-space.Free <= r.Bytes-spareOf(r.Bytes) {
			return total, nil
		}
		n, err := l.pruneOldest(ctx, pruneRows)
		total += n
		if err != nil || n == 0 { // what is left are jobs that are queued
			return total, err
		}
	}
	return total, nil
}

// pruneOldest prunes up to limit of the longest ended jobs of all states, and at least one if there is one.
func (l *Ledger) pruneOldest(ctx context.Context, limit int) (int, error) {
	var oldest []prunePlace
	// Of a state no more than a slice is read, so beyond its last one it may have jobs that come before another state's.
	var horizon int64
	for _, state := range terminalStates {
		slice, err := l.prunable(ctx, PruneFilter{}, state, prunePlace{}, limit)
		if err != nil {
			return 0, err
		}
		if len(slice) == 0 {
			continue
		}
		if last := slice[len(slice)-1].finishedAt; len(oldest) == 0 || last < horizon {
			horizon = last
		}
		oldest = append(oldest, slice...)
	}
	slices.SortFunc(oldest, func(a, b prunePlace) int {
		return cmp.Or(cmp.Compare(a.finishedAt, b.finishedAt), cmp.Compare(a.id, b.id))
	})
	var slice []prunePlace
	for _, p := range oldest {
		if p.finishedAt <= horizon && len(slice) < limit {
			slice = append(slice, p)
		}
	}
	if len(slice) == 0 {
		return 0, nil
	}
	return l.pruneSlice(ctx, slice, l.watches.watched)
}
