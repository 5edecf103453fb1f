package ledger

import (
	"context"
	"database/sql/driver"
	"fmt"
	"sync"
	"time"
)

const (
	scheduleSQL = scheduleSelect + ` WHERE name = ?`
	dueSQL      = scheduleSelect + ` WHERE next_at <= ? ORDER BY next_at, name`
	owedSQL     = scheduleSelect + ` WHERE owed IS NOT NULL ORDER BY name`
	nextDueSQL  = `SELECT min(next_at) FROM schedule WHERE next_at > ?`

	putScheduleSQL    = `INSERT OR REPLACE INTO schedule (` + scheduleColumns + `) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	deleteScheduleSQL = `DELETE FROM schedule WHERE name = ?`
)

// scheduleNews is what the one who sees to schedules hears of.
type scheduleNews struct {
	news chan struct{} // holds one token when there is something new

	mu      sync.Mutex
	awaited map[int64]struct{} // jobs that a schedule waits for
}

func newScheduleNews() *scheduleNews {
	return &scheduleNews{news: make(chan struct{}, 1), awaited: map[int64]struct{}{}}
}

func (n *scheduleNews) tell() {
	select {
	case n.news <- struct{}{}:
	default:
	}
}

// await has the end of a job told.
func (n *scheduleNews) await(id int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.awaited[id] = struct{}{}
}

// ended takes note of jobs that have become terminal.
func (n *scheduleNews) ended(ids []int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.awaited) == 0 {
		return
	}
	for _, id := range ids {
		if _, ok := n.awaited[id]; ok {
			delete(n.awaited, id)
			n.tell()
		}
	}
}

// SchedulesChanged gives a token when a schedule was put or deleted, or when a job has ended that a schedule waits for. It is for one
// listener.
func (l *Ledger) SchedulesChanged() <-chan struct{} { return l.schedules.news }

// PutSchedule writes a schedule and returns it as it is on disk then, and whether it has replaced one of that name. Its first time is
// the first one after now. One that replaces another keeps what is known of its jobs, has no time again that has had a job, and, where
// expression and zone are the same, goes on as it would have: putting a schedule again and again changes nothing. It returns an
// *InvalidScheduleError for a schedule that cannot be meant.
func (l *Ledger) PutSchedule(ctx context.Context, s Schedule) (put Schedule, replaced bool, err error) {
	now := l.now()
	s = s.withDefaults(now)
	expr, err := s.check()
	if err != nil {
		return Schedule{}, false, err
	}
	err = l.writer.doThen(ctx, 1, func(b *batch) error {
		before, found, err := b.schedule(s.Name)
		if err != nil {
			return err
		}
		put, replaced = s, found
		put.NextAt, put.Owed, put.LastAt, put.LastJob, put.LastState, put.Skipped = expr.First(now), nil, time.Time{}, 0, "", 0
		if found {
			if before.LastAt.After(now.Add(clockAhead)) { // the clock was, and its times are no use: those that had a job keep it by its key
				before.LastAt, before.NextAt, before.Owed = time.Time{}, time.Time{}, nil
			}
			if s.Spec == before.Spec && s.Timezone == before.Timezone && !before.NextAt.IsZero() {
				put.NextAt, put.Owed = before.NextAt, before.Owed
			}
			put.CreatedAt, put.LastAt, put.LastJob, put.LastState, put.Skipped = before.CreatedAt, before.LastAt, before.LastJob, before.LastState, before.Skipped
			if !put.NextAt.IsZero() && !put.NextAt.After(put.LastAt) { // the clock was put back
				put.NextAt = expr.First(put.LastAt)
			}
		}
		return b.putSchedule(&put)
	}, l.schedules.tell)
	if err != nil {
		return Schedule{}, false, err
	}
	return put, replaced, nil
}

// clockAhead is how far ahead of now the last time of a schedule must be for the clock to have been wrong then.
const clockAhead = 24 * time.Hour

// DeleteSchedules deletes schedules, all or none. Their jobs stay. A name that there is no schedule of is a *NoScheduleError.
func (l *Ledger) DeleteSchedules(ctx context.Context, names []string) error {
	return l.writer.doThen(ctx, len(names), func(b *batch) error {
		for _, name := range names {
			n, err := b.conn.exec(deleteScheduleSQL, name)
			if err != nil {
				return err
			}
			if n == 0 {
				return &NoScheduleError{Name: name}
			}
		}
		return nil
	}, l.schedules.tell)
}

// Due returns the schedules of which a time has come by now, then those others of which one waits for a job, and when the next time
// of one that is not due comes; zero: never.
func (r *Reader) Due(ctx context.Context, now time.Time) (due []Schedule, next time.Time, err error) {
	if due, err = r.schedules(ctx, dueSQL, now.UnixMicro()); err != nil {
		return nil, time.Time{}, err
	}
	owed, err := r.schedules(ctx, owedSQL)
	if err != nil {
		return nil, time.Time{}, err
	}
	for i := range owed {
		if !owed[i].due(now) {
			due = append(due, owed[i])
		}
	}
	rows, err := r.stmt[nextDueSQL].QueryContext(ctx, now.UnixMicro())
	err = eachRow(rows, err, 1, func(values []driver.Value) error {
		s := scanner{values: values}
		next = s.moment()
		return nil
	})
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("read schedules: %w", err)
	}
	return due, next, nil
}

func (r *Reader) schedules(ctx context.Context, text string, args ...any) ([]Schedule, error) {
	var all []Schedule
	rows, err := r.stmt[text].QueryContext(ctx, args...)
	err = eachRow(rows, err, scheduleWidth+1, func(values []driver.Value) error {
		s, err := scanSchedule(values)
		all = append(all, s)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read schedules: %w", err)
	}
	return all, nil
}

// schedule reads one within the transaction.
func (b *batch) schedule(name string) (s Schedule, found bool, err error) {
	err = b.conn.query(scheduleSQL, func(values []driver.Value) (err error) {
		found = true
		s, err = scanSchedule(values)
		return err
	}, name)
	return s, found, err
}

func (b *batch) putSchedule(s *Schedule) error {
	args, err := scheduleArgs(b.args[:0], s)
	if err != nil {
		return err
	}
	b.args = args
	_, err = b.conn.exec(putScheduleSQL, args...)
	return err
}
