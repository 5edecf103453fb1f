package ledger

import (
	"bufio"
	"bytes"
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"

	sqlite3 "modernc.org/sqlite/lib"
)

// maxLine bounds a line of an import: SQLite keeps no larger value either.
const maxLine = 1 << 30

const keyHolderSQL = `SELECT id FROM job WHERE pool = ? AND idempotency_key = ?`

// ImportError says what is wrong with a line of an import, of which nothing was imported.
type ImportError struct {
	Source   string // name of the file
	Line     int    // from 1
	Problem  string // with the member, where it is one's
	Conflict bool   // the line is right, but the ledger has something else under its id or key
}

func (e *ImportError) Error() string { return fmt.Sprintf("%s:%d: %s", e.Source, e.Line, e.Problem) }

// ImportOptions go with an import. The zero value is a plain one.
type ImportOptions struct {
	Source   string                               // name of the file, for errors
	Progress func(jobs, there int64, bytes int64) // called after each line with how many jobs were imported, or there already, and the bytes read; nil: not
}

// Imported is how many jobs an import brought.
type Imported struct {
	Jobs  int64
	There int64 // that were there already, exactly so
}

// Import opens the ledger in a folder, or makes one, and puts jobs into it that Export has written, with their ids and all that belongs to
// them. It is one transaction: all of them or none, even if the process is killed. It needs the ledger's lock. Jobs that were running stay
// so until the next Recover, which settles them as it does those of a dead supervisor.
//
// What a line says must be possible and complete, or it is an *ImportError; so is a job whose id, or whose idempotency key, is on the
// ledger with anything else. One that is there exactly so is passed over. Memory holds one line at a time.
func Import(ctx context.Context, o Options, from io.Reader, how ImportOptions) (done Imported, err error) {
	l, err := Open(ctx, o)
	if err != nil {
		return done, err
	}
	im := &importer{ctx: ctx, lines: bufio.NewReaderSize(from, 1<<16), options: how, tally: map[tallyKey]int64{}}
	err = l.writer.do(context.WithoutCancel(ctx), maxBatchRows, im.run)
	if e := l.Close(); err == nil && e != nil {
		err = e
	}
	if err != nil {
		return Imported{}, fmt.Errorf("import jobs: %w", err)
	}
	return im.done, nil
}

// importer is one import under way.
type importer struct {
	ctx     context.Context // of the call that it is for
	lines   *bufio.Reader
	options ImportOptions
	line    int
	bytes   int64
	done    Imported
	highest int64 // id
	tally   map[tallyKey]int64
	text    []byte
}

// run imports all lines. After an error the caller undoes what it did.
func (im *importer) run(b *batch) (err error) {
	defer func() {
		if err != nil {
			b.forgetCells()
		}
	}()
	for {
		line, err := im.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		r, err := readLine(line)
		if err == nil {
			err = im.insert(b, &r)
		}
		if wrong := (*memberError)(nil); errors.As(err, &wrong) {
			return &ImportError{Source: im.options.Source, Line: im.line, Problem: wrong.Error()}
		}
		if err != nil {
			return err
		}
		if im.options.Progress != nil {
			im.options.Progress(im.done.Jobs, im.done.There, im.bytes)
		}
	}
	for key, n := range im.tally {
		b.add(key, n)
	}
	b.ids.raise(im.highest)
	return nil
}

// next reads a line.
func (im *importer) next() ([]byte, error) {
	if err := im.ctx.Err(); err != nil {
		return nil, err
	}
	im.line++
	im.text = im.text[:0]
	for {
		part, err := im.lines.ReadSlice('\n')
		im.text = append(im.text, part...)
		im.bytes += int64(len(part))
		switch {
		case len(im.text) > maxLine:
			return nil, &ImportError{Source: im.options.Source, Line: im.line, Problem: fmt.Sprintf("longer than %d bytes", maxLine)}
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && len(im.text) > 0, err == nil:
			return im.text, nil
		case errors.Is(err, io.EOF):
			return nil, err
		}
		return nil, fmt.Errorf("read %s: %w", im.options.Source, err)
	}
}

// insert writes a job and its attempts, or finds them there.
func (im *importer) insert(b *batch, r *record) (err error) {
	_, err = b.insertJob(&r.job)
	switch {
	case err == nil:
	case sqliteCode(err) == sqlite3.SQLITE_CONSTRAINT:
		return im.conflict(b, r, err)
	default:
		return err
	}
	for i := range r.attempts {
		b.args = attemptArgs(append(b.args[:0], r.job.ID), &r.attempts[i])
		if _, err := b.conn.exec(attemptSQL, b.args...); err != nil {
			if sqliteCode(err) == sqlite3.SQLITE_CONSTRAINT {
				return im.refuse("attempt %d of job %d is on the ledger without its job: see `whipper ledger check`", r.attempts[i].Number, r.job.ID)
			}
			return err
		}
	}
	im.tally[tallyKey{r.job.Pool, r.job.Method, r.job.State}]++
	if err := im.rollUp(b, r); err != nil {
		return err
	}
	im.highest = max(im.highest, r.job.ID)
	im.done.Jobs++
	return nil
}

// rolledAtOnce bounds how much of the statistics waits in memory to be added up.
const rolledAtOnce = 1024

// rollUp adds a job that has ended, and its attempts, to the statistics.
func (im *importer) rollUp(b *batch, r *record) error {
	c := change{job: &r.job}
	for i := range r.attempts {
		c.attempts = append(c.attempts, &r.attempts[i])
	}
	b.rollUp(&c)
	if len(b.rolled) < rolledAtOnce {
		return nil
	}
	err := b.writeCells()
	b.rolled = b.rolled[:0]
	return err
}

// conflict says why a job cannot be inserted, or takes note that it is there exactly so.
func (im *importer) conflict(b *batch, r *record, cause error) error {
	var there *record
	err := b.conn.query(getSQL, func(values []driver.Value) error {
		rec, err := b.conn.record(values)
		there = &rec
		return err
	}, r.job.ID)
	if err != nil {
		return err
	}
	if there != nil {
		if bytes.Equal(there.appendLine(nil), r.appendLine(nil)) {
			im.done.There++
			return nil
		}
		return im.refuse("id: job %d is on the ledger already, and differs from this one", r.job.ID)
	}
	var holder int64
	err = b.conn.query(keyHolderSQL, func(values []driver.Value) error {
		holder, _ = values[0].(int64)
		return nil
	}, r.job.Pool, r.job.IdempotencyKey)
	switch {
	case err != nil:
		return err
	case holder != 0:
		return im.refuse("idempotencyKey: %q of pool %q belongs to job %d on the ledger", r.job.IdempotencyKey, r.job.Pool, holder)
	}
	return cause
}

func (im *importer) refuse(format string, args ...any) error {
	return &ImportError{Source: im.options.Source, Line: im.line, Problem: fmt.Sprintf(format, args...), Conflict: true}
}
