package ledger

import (
	"bytes"
	"context"
	"database/sql/driver"
	"errors"
	"slices"
	"time"
)

const (
	keySQL     = `SELECT id, method, ` + paramsValue + ` FROM job WHERE pool = ? AND idempotency_key = ?`
	queuedSQL  = `SELECT coalesce(sum(n), 0) FROM tally WHERE pool = ? AND state = 'queued'`
	waitingSQL = `SELECT count(*) FROM job WHERE pool = ? AND state = 'queued' AND origin = 'invoke'`
	cancelSQL  = `UPDATE job SET state = 'cancelled', run_at = ` + afterRunSQL + `, finished_at = ?, error = ?, error_source = 'whipper'
		WHERE id = ? AND state = 'queued' RETURNING pool, method`
)

// Submitted is the ledger's answer for one submitted job.
type Submitted struct {
	ID        int64
	Duplicate bool // a job with this idempotency key was there already, and ID is that job's
}

// Submit writes jobs and returns their ids in the same order once they are on disk. It is all or nothing. The ledger
// sets ID; where the submitter left them zero, State is Queued, CreatedAt now, RunAt CreatedAt, MaxAttempts
// DefaultMaxAttempts (1 for an invoke), Backoff DefaultBackoff, Delivery AtLeastOnce, Origin FromSubmit.
//
// It returns an *InvalidJobError for a job that cannot be meant, and a *KeyConflictError for an idempotency key that
// belongs to a job with another method or other params. Any other error means that the disk refused, except for ctx's
// own, after which nothing is written. The caller must not write to the jobs' slices and maps any more.
func (l *Ledger) Submit(ctx context.Context, jobs []Job) ([]Submitted, error) {
	return l.SubmitWith(ctx, jobs, SubmitOptions{})
}

// SubmitOptions go with a submission. The zero value asks for nothing.
type SubmitOptions struct {
	// Backlog is the most submitted jobs that a pool of the submission may have queued with it, delayed and retrying ones included;
	// what would make more is refused with a *BacklogError. Jobs whose idempotency key is known take no room. 0: any number.
	Backlog int

	// Committed is called right after the commit with the jobs that were written: without duplicates, their ids rising, and in the
	// order of the commits. It runs on the writer's goroutine, which it must not hold up. Nil: nobody is told.
	Committed func([]Job)
}

// SubmitWith is Submit with options.
func (l *Ledger) SubmitWith(ctx context.Context, jobs []Job, o SubmitOptions) ([]Submitted, error) {
	now := l.now()
	rows := make([]Job, len(jobs))
	for i, job := range jobs {
		rows[i] = job.withDefaults(now)
		rows[i].ID = 0
		if problems := rows[i].validate(); len(problems) > 0 {
			return nil, &InvalidJobError{Index: i, Problems: problems}
		}
	}
	if len(rows) == 0 {
		return nil, nil
	}
	var answer []Submitted
	var then func()
	if o.Committed != nil {
		then = func() { o.Committed(slices.DeleteFunc(rows, func(j Job) bool { return j.ID == 0 })) }
	}
	call := func(b *batch) (err error) {
		answer, err = b.submitAll(rows)
		if err == nil && o.Backlog > 0 {
			err = b.checkBacklog(rows, o.Backlog)
		}
		return err
	}
	single := len(rows) == 1 && o.Backlog == 0 && len(rows[0].Params) <= inlineMost
	err := l.writer.await(ctx, &op{kind: opCall, call: call, rows: len(rows), single: single}, then)
	if err != nil {
		return nil, err
	}
	return answer, nil
}

// checkBacklog says whether a pool of the jobs has too many queued, now that they are inserted.
func (b *batch) checkBacklog(jobs []Job, most int) error {
	checked := map[string]bool{}
	for i := range jobs {
		pool := jobs[i].Pool
		if checked[pool] {
			continue
		}
		checked[pool] = true
		queued, err := b.backlog(pool)
		if err != nil {
			return err
		}
		if queued > int64(most) {
			return &BacklogError{Pool: pool, Most: most}
		}
	}
	return nil
}

// backlog counts a pool's submitted jobs that are queued: by the tally, which this transaction has yet to bring up to date, less
// the invokes that wait, of which a pool has few.
func (b *batch) backlog(pool string) (n int64, err error) {
	add := func(sign int64) func([]driver.Value) error {
		return func(values []driver.Value) error {
			s := scanner{values: values}
			n += sign * s.int()
			return nil
		}
	}
	if err := b.conn.query(queuedSQL, add(1), pool); err != nil {
		return 0, err
	}
	if err := b.conn.query(waitingSQL, add(-1), pool); err != nil {
		return 0, err
	}
	for _, d := range b.deltas {
		if d.key.pool == pool && d.key.state == Queued {
			n += d.n
		}
	}
	return n, nil
}

// submitAll inserts jobs that have their defaults. After an error the caller undoes what it did.
func (b *batch) submitAll(jobs []Job) ([]Submitted, error) {
	answer := make([]Submitted, len(jobs))
	for i := range jobs {
		var err error
		if answer[i], err = b.submit(&jobs[i]); err == nil {
			continue
		}
		var conflict *KeyConflictError
		if errors.As(err, &conflict) && slices.Contains(answer[:i], Submitted{ID: conflict.ID}) {
			conflict.ID = 0 // the job with the key is refused along with this one
		}
		return nil, err
	}
	return answer, nil
}

// submit inserts one job, or finds the one that has its idempotency key.
func (b *batch) submit(job *Job) (Submitted, error) {
	if job.IdempotencyKey != "" {
		id, err := b.holder(job)
		if err != nil || id != 0 {
			return Submitted{ID: id, Duplicate: true}, err
		}
	}
	job.ID = b.ids.draw()
	if _, err := b.insertJob(job); err != nil {
		return Submitted{}, err
	}
	b.moved(job.ID, job.Pool, job.Method, "", job.State)
	return Submitted{ID: job.ID}, nil
}

// holder returns the job that has the same idempotency key and asks for the same, or 0.
func (b *batch) holder(job *Job) (id int64, err error) {
	same := true
	err = b.conn.query(keySQL, func(values []driver.Value) error {
		s := scanner{values: values}
		id = s.int()
		same = s.text() == job.Method && bytes.Equal(s.bytes(), job.Params)
		return nil
	}, job.Pool, job.IdempotencyKey)
	if err == nil && !same {
		err = &KeyConflictError{Pool: job.Pool, Key: job.IdempotencyKey, ID: id}
	}
	return id, err
}

// CancelQueued cancels those of the jobs that are queued, with the given error object as their outcome, and returns
// their ids once that is on disk. All other jobs stay as they are, and unknown ids are passed over.
func (l *Ledger) CancelQueued(ctx context.Context, ids []int64, at time.Time, errJSON []byte) (cancelled []int64, err error) {
	err = l.writer.do(ctx, len(ids), func(b *batch) (err error) {
		cancelled, err = b.cancelQueued(ids, at, errJSON)
		return err
	})
	if err != nil {
		return nil, err
	}
	return cancelled, nil
}

func (b *batch) cancelQueued(ids []int64, at time.Time, errJSON []byte) (cancelled []int64, err error) {
	for _, id := range ids {
		err := b.conn.query(cancelSQL, func(values []driver.Value) error {
			s := scanner{values: values}
			pool, method := s.text(), s.text()
			b.moved(id, pool, method, Queued, Cancelled)
			b.rollUpMany(pool, method, at.UnixMicro(), Cancelled, 1, 0)
			cancelled = append(cancelled, id)
			return nil
		}, at.UnixMicro(), errJSON, id)
		if err != nil {
			return nil, err
		}
	}
	return cancelled, nil
}
