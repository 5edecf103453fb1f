package ledger

import (
	"context"
	"database/sql/driver"
	"fmt"
	"slices"
	"time"
)

// changeChunk is how many jobs one transaction changes on somebody's command: few enough that others' commits hardly wait for it.
const changeChunk = 500

// Retryable are the states from which a job can be retried by command. A success is never run again.
var Retryable = []State{Failed, Cancelled, Dropped}

const (
	retryableSQL = `SELECT state FROM job WHERE id = ? AND (state = 'failed' OR state = 'cancelled' OR state = 'dropped')`
	requeueSQL   = `UPDATE job SET state = 'queued', attempt = 0, crashes = 0, origin = 'submit', run_at = ?1, finished_at = NULL, lane = '',
			expires_at = iif(expires_at <= ?1, NULL, expires_at),
			alone = max(alone, EXISTS (SELECT 1 FROM attempt WHERE job_id = job.id AND number = job.runs AND outcome = 'crashed'))
		WHERE id = ?2 AND state = ?3 RETURNING ` + jobNoPayloads
)

// Retry puts those of the jobs into the queue again that have failed, or were cancelled or dropped, and returns their ids once that is
// on disk. All others stay as they are; where one is not in the ledger it is a *NotFoundError and nothing is changed.
//
// A job keeps its id, its idempotency key and the attempts on record, whose numbers go on. It has all its attempts again, may run at
// once, and belongs to the ledger from then on, even if it was an invoke. An ExpiresAt that has passed is taken away. Its error stays
// until a run gives it another outcome. If its last run ended its process, the next one is alone in one.
//
// Many jobs take several commits. committed, if not nil, is called after each with the jobs that it changed, without payloads, on
// the writer's goroutine, which it must not hold up. What was changed before an error stays changed, and is in retried.
func (l *Ledger) Retry(ctx context.Context, ids []int64, committed func([]Job)) (retried []int64, err error) {
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	if err := l.mustExist(ctx, ids); err != nil {
		return nil, fmt.Errorf("retry jobs: %w", err)
	}
	for chunk := range slices.Chunk(ids, changeChunk) {
		var jobs []Job
		var then func()
		if committed != nil {
			then = func() { committed(jobs) }
		}
		at := l.now()
		err := l.writer.doThen(ctx, len(chunk), func(b *batch) (err error) {
			jobs, err = b.requeue(chunk, at)
			return err
		}, then)
		if err != nil {
			return retried, fmt.Errorf("retry jobs: %w", err)
		}
		for i := range jobs {
			retried = append(retried, jobs[i].ID)
		}
	}
	return retried, nil
}

func (b *batch) requeue(ids []int64, at time.Time) (jobs []Job, err error) {
	for _, id := range ids {
		var from State
		err := b.conn.query(retryableSQL, func(values []driver.Value) error {
			s := scanner{values: values}
			from = State(s.text())
			return nil
		}, id)
		if err != nil {
			return nil, err
		}
		if from == "" {
			continue
		}
		err = b.conn.query(requeueSQL, func(values []driver.Value) error {
			job, err := scanJob(values)
			if err == nil {
				b.moved(id, job.Pool, job.Method, from, Queued)
				jobs = append(jobs, job)
			}
			return err
		}, at.UnixMicro(), id, string(from))
		if err != nil {
			return nil, err
		}
	}
	return jobs, nil
}

// mustExist returns a *NotFoundError for the first id that is no job's.
func (r *Reader) mustExist(ctx context.Context, ids []int64) error {
	states, err := r.States(ctx, ids)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if _, ok := states[id]; !ok {
			return &NotFoundError{ID: id}
		}
	}
	return nil
}

// States returns the states of those of the jobs that are in the ledger.
func (r *Reader) States(ctx context.Context, ids []int64) (map[int64]State, error) {
	r.upToDate(ctx)
	states := make(map[int64]State, len(ids))
	for chunk := range chunks(ids) {
		rows, err := r.stmt[statesSQL].QueryContext(ctx, jsonIDs(chunk))
		err = eachRow(rows, err, 2, func(values []driver.Value) error {
			s := scanner{values: values}
			id := s.int()
			states[id] = State(s.text())
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("read jobs: %w", err)
		}
	}
	return states, nil
}
