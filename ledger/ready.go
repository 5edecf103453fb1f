package ledger

import (
	"cmp"
	"context"
	"database/sql/driver"
	"fmt"
	"math"
	"slices"
	"time"
)

// The claim. Queued jobs sit in an index ordered by priority, then by run_at. Jobs that are due later sit between the
// due ones of one priority and those of the next, so the priorities in use are found first, each by one seek (a loose
// index scan), and each one's due jobs are then a range that can be read from its start. The casts keep SQLite from
// planning a query anew whenever the bound priority changes to or from 0 or 1, which it does for a bare parameter.
const (
	prioritiesSQL = `WITH RECURSIVE used(priority) AS (
			SELECT max(priority) FROM job WHERE state = 'queued' AND lane = '' AND pool = ?1
			UNION ALL
			SELECT (SELECT max(priority) FROM job WHERE state = 'queued' AND lane = '' AND pool = ?1 AND priority < used.priority)
			FROM used WHERE used.priority IS NOT NULL
		) SELECT priority FROM used WHERE priority IS NOT NULL`
	readySQL = `SELECT id FROM job WHERE state = 'queued' AND lane = '' AND pool = ?1 AND priority = CAST(?2 AS INTEGER) AND run_at <= ?3
			AND run_at > ?4 AND (expires_at IS NULL OR expires_at > ?3)
		ORDER BY run_at, id`
	readyBesideSQL = `SELECT id FROM job WHERE state = 'queued' AND lane = '' AND pool = ?1 AND priority = CAST(?2 AS INTEGER) AND run_at = ?4
			AND id > ?5 AND run_at <= ?3 AND (expires_at IS NULL OR expires_at > ?3)
		ORDER BY id`
	nextRunSQL = `SELECT run_at FROM job WHERE state = 'queued' AND lane = '' AND pool = ?1 AND priority = CAST(?2 AS INTEGER) AND run_at > ?3
		ORDER BY run_at LIMIT 1`
	nextExpirySQL = `SELECT id, expires_at FROM job WHERE state = 'queued' AND expires_at IS NOT NULL AND pool = ?1
			AND expires_at > ?2
		ORDER BY expires_at`
	claimSQL   = `SELECT ` + jobColumns + ` FROM job WHERE id IN (SELECT value FROM json_each(?)) AND +state = 'queued'`
	expiredSQL = `SELECT ` + jobColumns + ` FROM job WHERE state = 'queued' AND expires_at IS NOT NULL AND pool = ?
			AND expires_at <= ?
		ORDER BY expires_at LIMIT ?`
)

// Ready returns up to limit jobs of a pool that may run now and are not in skip, in the order in which they are to run:
// highest priority, then earliest RunAt, then lowest id. It changes nothing: they stay queued until Start. Expired jobs
// are left out, and so are those that stand in a lane. Its cost grows with limit, len(skip) and the number of distinct priorities in use, and with nothing else.
//
// next is when to ask again if nothing else happens: the earliest moment after now at which a job of the pool that is
// not in jobs becomes due or expires; zero if there is none. It is now where jobs were started while they were read, so that there may be more.
func (r *Reader) Ready(ctx context.Context, pool string, now time.Time, limit int, skip map[int64]struct{}) (jobs []Job, next time.Time, err error) {
	return r.ReadyAfter(ctx, pool, now, limit, skip, Position{})
}

// ReadyAfter is Ready for a caller who has all ready jobs up to a position already: they are left out, at no cost.
func (r *Reader) ReadyAfter(ctx context.Context, pool string, now time.Time, limit int, skip map[int64]struct{}, after Position) (jobs []Job, next time.Time, err error) {
	jobs, next, err = r.ready(ctx, pool, now.UnixMicro(), limit, skip, after)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("read ready jobs of pool %q: %w", pool, err)
	}
	return jobs, next, nil
}

// ReadySince gives the time since which the oldest job of a pool that may run has been able to; zero: there is none. Jobs in lanes do not
// count. It costs one look at an index for each priority in use.
func (r *Reader) ReadySince(ctx context.Context, pool string, now time.Time) (oldest time.Time, err error) {
	priorities, err := r.ints(ctx, prioritiesSQL, pool)
	for _, priority := range priorities {
		var first []int64
		if first, err = r.ints(ctx, nextRunSQL, pool, priority, math.MinInt64); err != nil {
			break
		}
		if len(first) > 0 && first[0] <= now.UnixMicro() {
			oldest = earlier(oldest, time.UnixMicro(first[0]).UTC())
		}
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("find the oldest ready job of pool %q: %w", pool, err)
	}
	return oldest, nil
}

// Position is where a ready job stands among those of its pool. The zero Position is before all of them.
type Position struct {
	priority  int
	runAt, id int64
}

// LastPosition is behind all jobs.
var LastPosition = Position{MinPriority, math.MaxInt64, math.MaxInt64}

// Position gives the job's.
func (j *Job) Position() Position { return Position{j.Priority, j.RunAt.UnixMicro(), j.ID} }

// Compare is negative where p comes before other, and positive where it comes after.
func (p Position) Compare(other Position) int {
	if p == other {
		return 0
	}
	if p == (Position{}) || other == (Position{}) {
		return cmp.Compare(p.id, other.id) // which is positive for all others
	}
	return cmp.Or(cmp.Compare(other.priority, p.priority), cmp.Compare(p.runAt, other.runAt), cmp.Compare(p.id, other.id))
}

func (r *Reader) ready(ctx context.Context, pool string, now int64, limit int, skip map[int64]struct{}, after Position) ([]Job, time.Time, error) {
	priorities, err := r.ints(ctx, prioritiesSQL, pool)
	if err != nil {
		return nil, time.Time{}, err
	}
	var ids []int64
	var next time.Time
	for _, priority := range priorities {
		if len(ids) < limit && (after == Position{} || priority <= int64(after.priority)) {
			if ids, err = r.due(ctx, ids, pool, priority, now, limit, skip, after); err != nil {
				return nil, time.Time{}, err
			}
		}
		runAt, err := r.ints(ctx, nextRunSQL, pool, priority, now)
		if err != nil {
			return nil, time.Time{}, err
		}
		if len(runAt) > 0 {
			next = earlier(next, time.UnixMicro(runAt[0]).UTC())
		}
	}
	expiry, err := r.nextExpiry(ctx, pool, now, places(ids))
	if err != nil {
		return nil, time.Time{}, err
	}
	next = earlier(next, expiry)
	jobs, err := r.claim(ctx, ids)
	if err != nil {
		return nil, time.Time{}, err
	}
	if len(ids) == limit && len(jobs) < limit { // who gets fewer than asked for takes it that there are no more
		next = time.UnixMicro(now).UTC()
	}
	return jobs, next, nil
}

// claim reads queued jobs, in the order of ids. One that was started or cancelled since its id was read is not there any more.
func (r *Reader) claim(ctx context.Context, ids []int64) ([]Job, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	jobs, err := r.many(ctx, claimSQL, ids)
	if err != nil {
		return nil, err
	}
	place := places(ids)
	slices.SortFunc(jobs, func(a, b Job) int { return place[a.ID] - place[b.ID] })
	return jobs, nil
}

// places says where in ids each of them stands.
func places(ids []int64) map[int64]int {
	place := make(map[int64]int, len(ids))
	for i, id := range ids {
		place[id] = i
	}
	return place
}

// due appends the ids of due jobs of one priority until there are limit.
func (r *Reader) due(ctx context.Context, ids []int64, pool string, priority, now int64, limit int, skip map[int64]struct{}, after Position) ([]int64, error) {
	add := func(values []driver.Value) error {
		id, _ := values[0].(int64)
		if _, ok := skip[id]; !ok {
			ids = append(ids, id)
		}
		if len(ids) >= limit {
			return errStop
		}
		return nil
	}
	since := int64(math.MinInt64)
	if after != (Position{}) && priority == int64(after.priority) {
		since = after.runAt
		rows, err := r.stmt[readyBesideSQL].QueryContext(ctx, pool, priority, now, since, after.id)
		if err = eachRow(rows, err, 1, add); err != nil || len(ids) >= limit {
			return ids, err
		}
	}
	rows, err := r.stmt[readySQL].QueryContext(ctx, pool, priority, now, since)
	err = eachRow(rows, err, 1, add)
	return ids, err
}

// nextExpiry returns when the next job that is not among the taken ones expires, or zero.
func (r *Reader) nextExpiry(ctx context.Context, pool string, now int64, taken map[int64]int) (time.Time, error) {
	var next time.Time
	rows, err := r.stmt[nextExpirySQL].QueryContext(ctx, pool, now)
	err = eachRow(rows, err, 2, func(values []driver.Value) error {
		s := scanner{values: values}
		id, at := s.int(), s.moment()
		if _, ok := taken[id]; ok {
			return nil
		}
		next = at
		return errStop
	})
	return next, err
}

// Expired returns up to limit queued jobs of a pool that must not be started any more, the longest expired first.
func (r *Reader) Expired(ctx context.Context, pool string, now time.Time, limit int) ([]Job, error) {
	jobs, err := scanJobs(r.stmt[expiredSQL].QueryContext(ctx, pool, now.UnixMicro(), limit))
	if err != nil {
		return nil, fmt.Errorf("read expired jobs of pool %q: %w", pool, err)
	}
	return jobs, nil
}

// ints returns the first column of a query.
func (r *Reader) ints(ctx context.Context, text string, args ...any) ([]int64, error) {
	var all []int64
	rows, err := r.stmt[text].QueryContext(ctx, args...)
	err = eachRow(rows, err, 1, func(values []driver.Value) error {
		n, _ := values[0].(int64)
		all = append(all, n)
		return nil
	})
	return all, err
}

// earlier returns the earlier of two moments, of which a zero one does not count.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
