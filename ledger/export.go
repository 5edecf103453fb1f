package ledger

import (
	"bufio"
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
)

// Export writes jobs with their attempts, one a line, in the order of their ids: those that the filter selects, whatever its Limit and
// Cursor, as they are at one moment. Each line is one Write. The same ledger gives the same bytes, and Import makes the same ledger
// of them. progress, if not nil, is called after each job with how many there were. Memory holds one job at a time.
func (r *Reader) Export(ctx context.Context, w io.Writer, f Filter, progress func(jobs int64)) (jobs int64, err error) {
	r.upToDate(ctx)
	if jobs, err = r.export(ctx, w, f, progress); err != nil {
		return jobs, fmt.Errorf("export jobs: %w", asDamaged(r.path, err))
	}
	return jobs, nil
}

// ExportFile exports into a file for its owner alone, which appears under its name as that of a Backup does.
func (r *Reader) ExportFile(ctx context.Context, path string, f Filter, force bool, progress func(jobs int64)) (jobs int64, err error) {
	if jobs, err = r.exportFile(ctx, path, f, force, progress); err != nil {
		return 0, fmt.Errorf("export to %q: %w", path, asDamaged(r.path, err))
	}
	return jobs, nil
}

func (r *Reader) exportFile(ctx context.Context, path string, f Filter, force bool, progress func(int64)) (jobs int64, err error) {
	temp, err := beside(r.path, path, force)
	if err != nil {
		return 0, err
	}
	defer func() { _ = os.Remove(temp.Name()) }() // where it has its own name by then there is none
	b := bufio.NewWriterSize(temp, 1<<16)
	if jobs, err = r.export(ctx, b, f, progress); err == nil {
		err = b.Flush()
	}
	if err == nil {
		err = temp.Sync()
	}
	if err = errors.Join(reasonOf(err), temp.Close()); err != nil {
		return 0, err
	}
	return jobs, putInPlace(temp.Name(), path, force)
}

func (r *Reader) export(ctx context.Context, w io.Writer, f Filter, progress func(int64)) (jobs int64, err error) {
	c, err := openConn(ctx, readerDSN(r.path))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	query, args := exportQuery(f)
	var line []byte
	// The attempts are read while this query is open, and so from its snapshot.
	err = c.query(query, func(values []driver.Value) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		rec, err := c.record(values)
		if err != nil {
			return err
		}
		line = rec.appendLine(line[:0])
		if _, err := w.Write(line); err != nil {
			return err
		}
		jobs++
		if progress != nil {
			progress(jobs)
		}
		return nil
	}, args...)
	return jobs, err
}

// exportQuery reads in the order of the primary key, whatever else is in the filter.
func exportQuery(f Filter) (string, []any) {
	conditions, args := f.conditions(listRange{}, 0, math.MaxInt64)
	if f.Pool != "" {
		conditions, args = conditions+" AND +pool = ?", append(args, f.Pool)
	}
	if f.Method != "" {
		conditions, args = conditions+" AND +method = ?", append(args, f.Method)
	}
	if len(f.States) > 0 {
		conditions += " AND +state IN (?" + strings.Repeat(", ?", len(f.States)-1) + ")"
		for _, s := range f.States {
			args = append(args, string(s))
		}
	}
	return "SELECT " + jobColumns + " FROM job WHERE " + conditions + " ORDER BY id", args
}

// record is the job of a row, and its attempts.
func (c *conn) record(values []driver.Value) (rec record, err error) {
	if rec.job, err = scanJob(values); err != nil {
		return rec, err
	}
	err = c.query(attemptsSQL, func(values []driver.Value) error {
		rec.attempts = append(rec.attempts, scanAttempt(values))
		return nil
	}, rec.job.ID)
	return rec, err
}
