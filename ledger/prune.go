package ledger

import (
	"context"
	"database/sql/driver"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Bounds of one transaction of a prune. Pages that a large payload fills are put on the file's free list one by one.
const (
	pruneRows  = 256
	pruneBytes = 4 << 20
)

const (
	// A job that was given another run since it was read has another end, or none.
	pruneSQL = `DELETE FROM job WHERE id = ? AND +finished_at = ? AND +state <> 'queued' AND +state <> 'running'
		RETURNING pool, method, state`
	prunePayloadsSQL = `DELETE FROM payload WHERE id BETWEEN ? AND ?`
	pruneAttemptsSQL = `DELETE FROM attempt WHERE job_id = ?`
	// octet_length reads a row's header, not what it holds. Rows of the first schema have their payloads within, whatever their size.
	weightSQL = `ifnull(octet_length(params), 0) + ifnull(octet_length(result), 0) + ifnull(octet_length(error), 0) + ifnull(octet_length(progress), 0)
		+ ifnull((SELECT sum(octet_length(data)) FROM payload WHERE payload.id BETWEEN 4 * job.id AND 4 * job.id + 3), 0)
		+ ifnull((SELECT sum(ifnull(octet_length(error), 0) + ifnull(octet_length(stderr_tail), 0)) FROM attempt WHERE job_id = job.id), 0)`
	weighSQL     = `SELECT id, state, finished_at, ` + weightSQL + ` FROM job WHERE id IN (SELECT value FROM json_each(?))`
	tallyOfSQL   = `SELECT coalesce(sum(n), 0) FROM tally WHERE (pool = ?1 OR ?1 = '') AND (method = ?2 OR ?2 = '') AND state = ?3`
	prunableSQL  = `SELECT finished_at, id, ` + weightSQL + ` FROM job INDEXED BY job_ended WHERE `
	nPrunableSQL = `SELECT count(*) FROM job INDEXED BY job_ended WHERE `
)

var terminalStates = []State{Succeeded, Failed, Cancelled, Dropped}

// PruneFilter selects jobs to be pruned. Every member that is set must hold; the zero PruneFilter selects all jobs that have their
// final outcome. Others are never selected.
type PruneFilter struct {
	Pool, Method string
	States       []State   // any of them; none: all terminal ones
	Since, Until time.Time // CreatedAt: from Since on, and before Until
	EndedBefore  time.Time // FinishedAt
	LabelName    string    // jobs with this label …
	LabelValue   string    // … of exactly this value
	Grep         string    // jobs in which this text occurs, as grepSQL says
	Limit        int       // most jobs, the longest ended of each state first; 0: no limit
}

// validate refuses what would never be pruned.
func (f *PruneFilter) validate() error {
	for _, s := range f.States {
		if !slices.Contains(terminalStates, s) {
			return fmt.Errorf("state is %q, but only jobs with a final outcome are pruned", s)
		}
	}
	return nil
}

func (f *PruneFilter) states() []State {
	if len(f.States) == 0 {
		return terminalStates
	}
	return slices.Compact(slices.Sorted(slices.Values(f.States)))
}

// counted says whether the tally knows how many jobs are selected.
func (f *PruneFilter) counted() bool {
	return f.Since.IsZero() && f.Until.IsZero() && f.EndedBefore.IsZero() && f.LabelName == "" && f.Grep == ""
}

// conditions are the filter's, for jobs of one state. The plus signs keep SQLite to the index of what has ended.
func (f *PruneFilter) conditions(state State) (string, []any) {
	conditions := []string{"state = ? AND finished_at IS NOT NULL"}
	args := []any{string(state)}
	where := func(condition string, values ...any) {
		conditions = append(conditions, condition)
		args = append(args, values...)
	}
	if !f.EndedBefore.IsZero() {
		where("finished_at < ?", f.EndedBefore.UnixMicro())
	}
	if f.Pool != "" {
		where("+pool = ?", f.Pool)
	}
	if f.Method != "" {
		where("+method = ?", f.Method)
	}
	if !f.Since.IsZero() {
		where("created_at >= ?", f.Since.UnixMicro())
	}
	if !f.Until.IsZero() {
		where("created_at < ?", f.Until.UnixMicro())
	}
	if f.LabelName != "" {
		where(labelSQL, labelArgs(f.LabelName, f.LabelValue)...)
	}
	if f.Grep != "" {
		where(grepSQL, grepArgs(f.Grep)...)
	}
	return strings.Join(conditions, " AND "), args
}

// Prune takes jobs that have their final outcome off the ledger for good, with their attempts, and returns how many. Their ids are
// never given out again; their idempotency keys are free. It works in small transactions that give way to everybody else's. Where it returns an
// error, ctx's included, the jobs that were counted are gone and the others untouched. The file shrinks when Vacuum is called.
func (l *Ledger) Prune(ctx context.Context, f PruneFilter) (int, error) {
	if err := f.validate(); err != nil {
		return 0, fmt.Errorf("prune jobs: %w", err)
	}
	l.upToDate(ctx)
	total := 0
	for _, state := range f.states() {
		n, err := l.pruneState(ctx, f, state, total)
		total += n
		if err != nil {
			return total, fmt.Errorf("prune jobs: %w", err)
		}
	}
	return total, nil
}

// pruneState prunes selected jobs of one state; before is how many others it has been.
func (l *Ledger) pruneState(ctx context.Context, f PruneFilter, state State, before int) (total int, err error) {
	var from prunePlace
	for {
		limit := pruneRows
		if f.Limit > 0 {
			limit = min(limit, f.Limit-before-total)
		}
		if limit <= 0 {
			return total, nil
		}
		slice, err := l.prunable(ctx, f, state, from, limit)
		if err != nil || len(slice) == 0 {
			return total, err
		}
		n, err := l.pruneSlice(ctx, slice, l.watches.watched)
		total += n
		if err != nil {
			return total, err
		}
		from = slice[len(slice)-1]
	}
}

// prunePlace is a job's place among those of its state that have ended.
type prunePlace struct{ finishedAt, id int64 }

// prunable reads what the next transaction is to prune: up to limit selected jobs after a place, less where they are large.
func (r *Reader) prunable(ctx context.Context, f PruneFilter, state State, from prunePlace, limit int) ([]prunePlace, error) {
	text, args := prunableQuery(f, state, from, limit)
	var slice []prunePlace
	bytes := int64(0)
	rows, err := r.db.QueryContext(ctx, text, args...)
	err = eachRow(rows, err, 3, func(values []driver.Value) error {
		s := scanner{values: values}
		p := prunePlace{s.int(), s.int()}
		if bytes += s.int(); bytes > pruneBytes && len(slice) > 0 {
			return errStop
		}
		slice = append(slice, p)
		return nil
	})
	return slice, err
}

func prunableQuery(f PruneFilter, state State, from prunePlace, limit int) (string, []any) {
	where, args := f.conditions(state)
	return prunableSQL + where + ` AND (finished_at, id) > (?, ?) ORDER BY finished_at, id LIMIT ?`,
		append(args, from.finishedAt, from.id, limit)
}

// Prunable is how many jobs Prune would take off the ledger now. It is exact; where the filter names times, labels or a text, it reads all
// jobs of the states in question.
func (r *Reader) Prunable(ctx context.Context, f PruneFilter) (int, error) {
	if err := f.validate(); err != nil {
		return 0, fmt.Errorf("count jobs to prune: %w", err)
	}
	r.upToDate(ctx)
	total := 0
	for _, state := range f.states() {
		text, args := nPrunableSQL, []any(nil)
		if f.counted() {
			text, args = tallyOfSQL, []any{f.Pool, f.Method, string(state)}
		} else {
			where, values := f.conditions(state)
			text, args = text+where, values
		}
		var n int
		if err := r.db.QueryRowContext(ctx, text, args...).Scan(&n); err != nil {
			return 0, fmt.Errorf("count jobs to prune: %w", err)
		}
		total += n
	}
	if f.Limit > 0 {
		total = min(total, f.Limit)
	}
	return total, nil
}

// PrunableIDs is how many jobs PruneIDs would take off the ledger now, or its error.
func (r *Reader) PrunableIDs(ctx context.Context, ids []int64) (int, error) {
	weights, err := r.weights(ctx, ids)
	if err != nil {
		return 0, fmt.Errorf("count jobs to prune: %w", err)
	}
	return len(weights), nil
}

// PruneIDs is Prune for the jobs with these ids. Nothing is pruned where one is not in the ledger, which is a *NotFoundError, or has
// no final outcome, which is a *NotEndedError.
func (l *Ledger) PruneIDs(ctx context.Context, ids []int64) (int, error) {
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	weights, err := l.weights(ctx, ids)
	if err != nil {
		return 0, fmt.Errorf("prune jobs: %w", err)
	}
	total := 0
	for len(ids) > 0 {
		var slice []prunePlace
		n, bytes := 0, int64(0)
		for n < len(ids) && n < pruneRows && (n == 0 || bytes+weights[ids[n]].bytes <= pruneBytes) {
			slice = append(slice, prunePlace{weights[ids[n]].finishedAt, ids[n]})
			bytes += weights[ids[n]].bytes
			n++
		}
		pruned, err := l.pruneSlice(ctx, slice, spareNone)
		total += pruned
		if err != nil {
			return total, fmt.Errorf("prune jobs: %w", err)
		}
		ids = ids[n:]
	}
	return total, nil
}

// weight is when a job has ended, and how much it holds.
type weight struct{ finishedAt, bytes int64 }

// weights makes sure that jobs can be pruned, and says how much each holds.
func (r *Reader) weights(ctx context.Context, ids []int64) (map[int64]weight, error) {
	r.upToDate(ctx)
	weights := make(map[int64]weight, len(ids))
	for chunk := range chunks(ids) {
		rows, err := r.db.QueryContext(ctx, weighSQL, jsonIDs(chunk))
		err = eachRow(rows, err, 4, func(values []driver.Value) error {
			s := scanner{values: values}
			id, state := s.int(), State(s.text())
			if !state.Terminal() {
				return &NotEndedError{ID: id, State: state}
			}
			weights[id] = weight{s.int(), s.int()}
			return nil
		})
		if err != nil {
			return nil, err
		}
		for _, id := range chunk {
			if _, ok := weights[id]; !ok {
				return nil, &NotFoundError{ID: id}
			}
		}
	}
	return weights, nil
}

// spareNone is for jobs that are named by their ids.
func spareNone(int64) bool { return false }

// pruneSlice prunes those of the jobs that have ended then and not anew, in one transaction, but for those that are spared.
func (l *Ledger) pruneSlice(ctx context.Context, jobs []prunePlace, spared func(id int64) bool) (n int, err error) {
	err = l.writer.doBehind(ctx, 2*len(jobs), func(b *batch) (err error) {
		n, err = b.prune(jobs, spared)
		return err
	})
	if err != nil {
		return 0, err
	}
	if n > 0 {
		l.pruned.ring()
	}
	return n, nil
}

func (b *batch) prune(jobs []prunePlace, spared func(id int64) bool) (n int, err error) {
	for _, p := range jobs {
		id, gone := p.id, false
		if spared(id) {
			continue
		}
		err := b.conn.query(pruneSQL, func(values []driver.Value) error {
			s := scanner{values: values}
			b.add(tallyKey{s.text(), s.text(), State(s.text())}, -1)
			gone = true
			return nil
		}, id, p.finishedAt)
		if err != nil {
			return 0, err
		}
		if !gone {
			continue // queued again, or pruned by another
		}
		if _, err := b.conn.exec(pruneAttemptsSQL, id); err != nil {
			return 0, err
		}
		if _, err := b.conn.exec(prunePayloadsSQL, 4*id, 4*id+3); err != nil {
			return 0, err
		}
		n++
	}
	return n, nil
}
