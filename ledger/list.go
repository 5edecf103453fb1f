package ledger

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"iter"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Limits of one page.
const (
	DefaultListLimit = 100
	MaxListLimit     = 1000
)

var allStates = []State{Queued, Running, Succeeded, Failed, Cancelled, Dropped}

// Filter selects jobs. Every member that is set must hold; the zero Filter selects all.
type Filter struct {
	Pool, Method string
	States       []State   // any of them
	Since, Until time.Time // CreatedAt: from Since on, and before Until
	LabelName    string    // jobs with this label …
	LabelValue   string    // … of exactly this value
	Grep         string    // jobs in which this text occurs, as grepSQL says
	Limit        int       // jobs a page; 0: DefaultListLimit, at most MaxListLimit
	Cursor       string    // what the page before returned as next; "": the first page
	Payloads     bool      // with Params, Result, Error and Progress, which are nil otherwise
	MaxBytes     int       // jobs a page, at least one, hold so many bytes at most; 0: any number
}

// List returns a page of jobs, the newest (highest id) first. next continues after it, and is "" on the last page. A
// page costs the same wherever it is: it begins by a seek to the cursor's id in the primary key, in the index of states, or in that
// of pools and methods, whichever has fewer jobs where the filter names both. What else is in the filter is checked row by row, without
// a row being kept; where jobs that match are rare, that is many rows. ctx ends it at once.
func (r *Reader) List(ctx context.Context, f Filter) (jobs []Job, next string, err error) {
	before, err := decodeCursor(f.Cursor)
	if err != nil {
		return nil, "", err
	}
	r.upToDate(ctx)
	limit := f.Limit
	if limit <= 0 {
		limit = DefaultListLimit
	}
	limit = min(limit, MaxListLimit)
	jobs, more, err := r.list(ctx, f, before, limit)
	if err != nil {
		return nil, "", fmt.Errorf("list jobs: %w", err)
	}
	if more {
		next = CursorBelow(jobs[len(jobs)-1].ID)
	}
	return jobs, next, nil
}

// Pages gives all pages from the filter's Cursor on. It ends with the first error.
func (r *Reader) Pages(ctx context.Context, f Filter) iter.Seq2[[]Job, error] {
	return func(yield func([]Job, error) bool) {
		for {
			jobs, next, err := r.List(ctx, f)
			if !yield(jobs, err) || err != nil || next == "" {
				return
			}
			f.Cursor = next
		}
	}
}

// Pools returns the names of the pools that have jobs, in order.
func (r *Reader) Pools(ctx context.Context) ([]string, error) {
	r.upToDate(ctx)
	var pools []string
	rows, err := r.db.QueryContext(ctx, "SELECT DISTINCT pool FROM tally WHERE n > 0 ORDER BY pool")
	err = eachRow(rows, err, 1, func(values []driver.Value) error {
		s := scanner{values: values}
		pools = append(pools, s.text())
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list pools: %w", err)
	}
	return pools, nil
}

// list merges the newest jobs of all ranges, as they are at one moment: a job that moves on meanwhile is there once. more: there are older
// ones.
func (r *Reader) list(ctx context.Context, f Filter, before int64, limit int) (jobs []Job, more bool, err error) {
	after := int64(0)
	err = r.snapshot(ctx, f, func(tx *sql.Tx, in listRange) error {
		text, args := listQuery(f, in, after, before, limit+1) // one more tells whether there is a next page
		rows, err := tx.QueryContext(ctx, text, args...)
		found, err := scanJobsUpTo(f.MaxBytes, rows, err)
		if err != nil {
			return err
		}
		jobs = append(jobs, found...)
		slices.SortFunc(jobs, func(a, b Job) int { return cmp.Compare(b.ID, a.ID) })
		if n := min(limit, fitting(jobs, f.MaxBytes)); n < len(jobs) {
			jobs, more = slices.Delete(jobs, n, len(jobs)), true
			after = jobs[n-1].ID // what is older cannot be on this page
		}
		return nil
	})
	if err != nil {
		return nil, false, err
	}
	return slices.Clip(jobs), more, nil
}

// fitting is how many of the jobs, from the first on, a page of so many bytes holds: one at least; 0: all.
func fitting(jobs []Job, most int) int {
	size := 0
	for i := range jobs {
		if size += jobs[i].size(); most > 0 && size > most {
			return max(i, 1)
		}
	}
	return len(jobs)
}

// listQuery writes the query for the newest jobs of a range between two ids.
func listQuery(f Filter, in listRange, after, before int64, limit int) (string, []any) {
	columns := jobNoPayloads
	if f.Payloads {
		columns = jobColumns
	}
	conditions, args := f.conditions(in, after, before)
	return "SELECT " + columns + " FROM job WHERE " + conditions + " ORDER BY id DESC LIMIT ?", append(args, limit)
}

// Count returns how many jobs a filter selects, whatever its Limit and Cursor. It reads the entries of the range that List would page
// through.
func (r *Reader) Count(ctx context.Context, f Filter) (total int64, err error) {
	r.upToDate(ctx)
	err = r.snapshot(ctx, f, func(tx *sql.Tx, in listRange) error {
		var n int64
		conditions, args := f.conditions(in, 0, math.MaxInt64)
		err := tx.QueryRowContext(ctx, "SELECT count(*) FROM job WHERE "+conditions, args...).Scan(&n)
		total += n
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("count jobs: %w", err)
	}
	return total, nil
}

// conditions are what a job of a range must fulfil. The plus signs keep SQLite from using another index than the range's.
func (f *Filter) conditions(in listRange, after, before int64) (string, []any) {
	conditions := []string{"id < ?", "id > ?"}
	args := []any{before, after}
	where := func(condition string, values ...any) {
		conditions = append(conditions, condition)
		args = append(args, values...)
	}
	switch {
	case in.state != "":
		where("state = ?", string(in.state))
		if f.Pool != "" {
			where("+pool = ?", f.Pool)
		}
		if f.Method != "" {
			where("+method = ?", f.Method)
		}
	case in.pool != "":
		where("pool = ? AND method = ?", in.pool, in.method)
		var either []string
		var states []any
		for _, state := range f.States {
			either, states = append(either, "+state = ?"), append(states, string(state))
		}
		if len(either) > 0 {
			where("("+strings.Join(either, " OR ")+")", states...)
		}
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

// A cursor is the last id of a page, dressed so that nobody takes it for a page number.
const cursorMark = "j"

// CursorBelow is the cursor of the page that lies below a job's id.
func CursorBelow(id int64) string { return cursorMark + strconv.FormatInt(id, 36) }

// decodeCursor returns the id that the page lies below.
func decodeCursor(cursor string) (int64, error) {
	if cursor == "" {
		return 1<<63 - 1, nil
	}
	digits, ok := strings.CutPrefix(cursor, cursorMark)
	id, err := strconv.ParseInt(digits, 36, 64)
	if !ok || err != nil || id < 1 {
		return 0, fmt.Errorf("cursor %q: %w", cursor, ErrCursor)
	}
	return id, nil
}
