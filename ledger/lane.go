package ledger

import (
	"context"
	"database/sql/driver"
	"fmt"
)

const (
	parkSQL  = `UPDATE job SET lane = ? WHERE id = ? AND state = 'queued'`
	laneSQL  = `SELECT id FROM job WHERE state = 'queued' AND lane <> '' AND pool = ?1 AND lane = ?2 ORDER BY priority DESC, run_at, id`
	lanesSQL = `WITH RECURSIVE used(lane) AS (
			SELECT min(lane) FROM job WHERE state = 'queued' AND lane <> '' AND pool = ?1
			UNION ALL
			SELECT (SELECT min(lane) FROM job WHERE state = 'queued' AND lane <> '' AND pool = ?1 AND lane > used.lane)
			FROM used WHERE used.lane <> ''
		) SELECT lane FROM used WHERE lane <> ''`
)

// Lane is where queued jobs of a pool stand aside that are due and may not run yet, so that Ready need not pass over them time and
// again. What may run, the ledger does not know: whoever claims jobs parks those that may not, and reads the lane when one of them
// may. A lane is no more than a place: a job leaves it when it starts or ends, one that is put back uncharged stands in that of its key, and it does not matter in which one a crash finds it.
type Lane string

// KeyLane is for the jobs of a concurrency key while another one with it runs.
func KeyLane(key string) Lane { return Lane(keyPrefix + key) }

const keyPrefix = "key:"

// keyLane is that of a job's key; "" if it has none.
func keyLane(j *Job) Lane {
	if j.ConcurrencyKey == "" {
		return ""
	}
	return KeyLane(j.ConcurrencyKey)
}

// MethodLane is for the jobs of a method while it is paused, or as many of it run as may.
func MethodLane(method string) Lane { return Lane("method:" + method) }

// Parked is a job and the lane in which it is to stand.
type Parked struct {
	Job  int64
	Lane Lane
}

// Park hands over queued jobs that are to stand aside, and does not wait. done is called once, from the writer's goroutine, which it
// must not hold up, or, where the ledger is closed, from the caller's: with an error, all jobs are where they were.
func (l *Ledger) Park(jobs []Parked, done func(error)) {
	l.writer.put(&op{kind: opCall, rows: len(jobs), done: done, call: func(b *batch) error {
		for _, p := range jobs {
			changed, err := b.conn.exec(parkSQL, string(p.Lane), p.Job)
			if err != nil {
				return err
			}
			if changed != 1 {
				return &GuardError{ID: p.Job, From: Queued, To: Queued}
			}
		}
		return nil
	}})
}

// InLane returns up to limit jobs that stand in a lane of a pool and are not in skip, in the order in which they are to run, and those
// before them that are in skip. more says that others stand behind them. Jobs that have expired meanwhile are among them.
func (r *Reader) InLane(ctx context.Context, pool string, lane Lane, limit int, skip map[int64]struct{}) (jobs []Job, skipped []int64, more bool, err error) {
	var ids []int64
	rows, err := r.stmt[laneSQL].QueryContext(ctx, pool, string(lane))
	err = eachRow(rows, err, 1, func(values []driver.Value) error {
		id, _ := values[0].(int64)
		switch _, leave := skip[id]; {
		case leave:
			skipped = append(skipped, id)
		case len(ids) == limit:
			more = true
			return errStop
		default:
			ids = append(ids, id)
		}
		return nil
	})
	if err == nil {
		jobs, err = r.claim(ctx, ids)
	}
	if err != nil {
		return nil, nil, false, fmt.Errorf("read jobs in lane %q of pool %q: %w", lane, pool, err)
	}
	return jobs, skipped, more, nil
}

// Lanes returns the lanes of a pool in which jobs stand.
func (r *Reader) Lanes(ctx context.Context, pool string) (lanes []Lane, err error) {
	rows, err := r.stmt[lanesSQL].QueryContext(ctx, pool)
	err = eachRow(rows, err, 1, func(values []driver.Value) error {
		name, _ := values[0].(string)
		lanes = append(lanes, Lane(name))
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read lanes of pool %q: %w", pool, err)
	}
	return lanes, nil
}
