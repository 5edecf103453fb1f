package ledger

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/whipper-sidecar/whipper/internal/ownership"
)

const (
	getSQL      = `SELECT ` + jobColumns + ` FROM job WHERE id = ?`
	outcomesSQL = `SELECT ` + jobOutcome + ` FROM job WHERE id IN (SELECT value FROM json_each(?))`
	errorsSQL   = `SELECT ` + jobError + ` FROM job WHERE id IN (SELECT value FROM json_each(?))`
	attemptsSQL = `SELECT ` + attemptColumns + ` FROM attempt WHERE job_id = ? ORDER BY number`
	countsSQL   = `SELECT state, sum(n) FROM tally WHERE pool = ?1 OR ?1 = '' GROUP BY state`
	processSQL  = `SELECT pid, start_ticks, boot_id, pool, worker FROM process ORDER BY pid`
)

// Reader reads a ledger. Its connections change no row, and see every commit as soon as it is made, be it this process's
// or another's. It is safe for concurrent use.
type Reader struct {
	db   *sql.DB
	path string
	stmt map[string]*sql.Stmt // filled by openReader, then only read

	catchUp func(context.Context) // waits until what is to be seen is on disk; nil: it is
}

// upToDate has a read see what this process has told its callers.
func (r *Reader) upToDate(ctx context.Context) {
	if r.catchUp != nil {
		r.catchUp(ctx)
	}
}

// OpenReader opens the ledger in a folder for reading, without its lock: a supervisor may be running on it, may have
// been stopped, or may have been killed. It returns a *NoLedgerError, *SchemaError or *DamagedError where that applies, and an *ownership.Error
// for a folder in which another user could have put it there.
func OpenReader(ctx context.Context, dir string) (*Reader, error) {
	path := filepath.Join(dir, fileName)
	if err := mustExist(dir); err != nil {
		return nil, err
	}
	if err := ownership.Trusted(dir); err != nil {
		return nil, err
	}
	r, err := openReader(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("open ledger %q: %w", path, inWords(err))
	}
	return r, nil
}

// mustExist returns a *NoLedgerError where the folder holds no ledger.
func mustExist(dir string) error {
	info, err := os.Stat(filepath.Join(dir, fileName))
	switch {
	case errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0:
		return &NoLedgerError{Dir: dir}
	case err != nil:
		return fmt.Errorf("open ledger: %w", err)
	}
	return nil
}

func openReader(ctx context.Context, path string) (*Reader, error) {
	db, err := sql.Open("sqlite", readerDSN(path))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(maxReaderConns)
	db.SetMaxIdleConns(maxReaderConns)
	r := &Reader{db: db, path: path, stmt: make(map[string]*sql.Stmt)}
	if err := r.prepare(ctx); err != nil {
		return nil, errors.Join(asDamaged(path, err), r.Close())
	}
	return r, nil
}

func (r *Reader) prepare(ctx context.Context) error {
	if err := checkSchema(ctx, r.db, r.path); err != nil {
		return err
	}
	for _, text := range []string{
		getSQL, outcomesSQL, errorsSQL, attemptsSQL, countsSQL, processSQL, statesSQL, pairsSQL, allCountsSQL, cellsSQL, openSQL,
		prioritiesSQL, readySQL, readyBesideSQL, nextRunSQL, nextExpirySQL, claimSQL, expiredSQL,
		laneSQL, lanesSQL, pausedSQL,
		allSchedulesSQL, nextSchedulesSQL, bareSchedulesSQL, dueSQL, owedSQL, nextDueSQL,
	} {
		s, err := r.db.PrepareContext(ctx, text)
		if err != nil {
			return fmt.Errorf("prepare %.40q: %w", text, err)
		}
		r.stmt[text] = s
	}
	return nil
}

// Close ends the reader's connections. Reads under way fail. Where nobody else has the ledger open, what a supervisor that
// was killed left in the WAL is moved into the database, and no file stays that was not there after a clean stop.
func (r *Reader) Close() error {
	var errs []error
	for _, s := range r.stmt {
		errs = append(errs, s.Close())
	}
	return errors.Join(append(errs, r.db.Close())...)
}

// Get returns a job with its attempts, the oldest first. A running job's attempts end with the one under way, whose
// Outcome is empty. Where there is no such job it returns a *NotFoundError, for which errors.Is(err, ErrNotFound) holds.
func (r *Reader) Get(ctx context.Context, id int64) (Job, []Attempt, error) {
	return r.GetUpTo(ctx, id, 0)
}

// GetUpTo is Get, and returns a *TooMuchError as soon as job and attempts are seen to hold more than so many bytes; 0: any number.
func (r *Reader) GetUpTo(ctx context.Context, id int64, most int) (Job, []Attempt, error) {
	r.upToDate(ctx)
	// One snapshot, or a run that ends between the two reads would be listed twice.
	tx, err := r.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return Job{}, nil, fmt.Errorf("read job %d: %w", id, err)
	}
	defer tx.Rollback() // nothing to undo
	jobs, err := scanJobs(tx.StmtContext(ctx, r.stmt[getSQL]).QueryContext(ctx, id))
	if err != nil {
		return Job{}, nil, fmt.Errorf("read job %d: %w", id, err)
	}
	if len(jobs) == 0 {
		return Job{}, nil, &NotFoundError{ID: id}
	}
	job := jobs[0]
	size := job.size()
	var attempts []Attempt
	rows, err := tx.StmtContext(ctx, r.stmt[attemptsSQL]).QueryContext(ctx, id)
	err = eachRow(rows, err, attemptWidth, func(values []driver.Value) error {
		a := scanAttempt(values)
		if size += len(a.Error) + len(a.StderrTail); most > 0 && size > most {
			return &TooMuchError{most}
		}
		attempts = append(attempts, a)
		return nil
	})
	if err != nil {
		return Job{}, nil, fmt.Errorf("read attempts of job %d: %w", id, err)
	}
	if job.State == Running {
		attempts = append(attempts, Attempt{Number: job.Runs, Worker: job.Worker, PID: job.PID, StartedAt: job.StartedAt})
	}
	return job, attempts, nil
}

// Counts returns how many jobs of a pool, or of all where pool is "", are in each state. It is exact, and does not
// count rows. States without a job are 0.
func (r *Reader) Counts(ctx context.Context, pool string) (map[State]int64, error) {
	r.upToDate(ctx)
	counts := make(map[State]int64, len(allStates))
	for _, s := range allStates {
		counts[s] = 0
	}
	rows, err := r.stmt[countsSQL].QueryContext(ctx, pool)
	err = eachRow(rows, err, 2, func(values []driver.Value) error {
		s := scanner{values: values}
		counts[State(s.text())] = s.int()
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("count jobs: %w", err)
	}
	return counts, nil
}

// Size is how many bytes the database and its WAL have.
func (r *Reader) Size() (database, wal int64, err error) {
	file, err := os.Stat(r.path)
	if err != nil {
		return 0, 0, fmt.Errorf("measure ledger: %w", err)
	}
	log, err := os.Stat(r.path + "-wal")
	if errors.Is(err, fs.ErrNotExist) {
		return file.Size(), 0, nil
	}
	if err != nil {
		return 0, 0, fmt.Errorf("measure ledger: %w", err)
	}
	return file.Size(), log.Size(), nil
}

// Processes returns the process groups on record.
func (r *Reader) Processes(ctx context.Context) ([]Process, error) {
	var processes []Process
	rows, err := r.stmt[processSQL].QueryContext(ctx)
	err = eachRow(rows, err, 5, func(values []driver.Value) error {
		s := scanner{values: values}
		processes = append(processes, Process{PID: int(s.int()), StartTicks: uint64(s.int()), BootID: s.text(), Pool: s.text(), Worker: s.text()})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read processes: %w", err)
	}
	return processes, nil
}

// many returns those of the jobs that exist, in no particular order.
func (r *Reader) many(ctx context.Context, text string, ids []int64) ([]Job, error) {
	return scanJobs(r.stmt[text].QueryContext(ctx, jsonIDs(ids)))
}

// jsonIDs writes ids as a JSON array, which is how a list of any length is one argument of a prepared statement.
func jsonIDs(ids []int64) string {
	text := make([]byte, 0, 2+8*len(ids))
	text = append(text, '[')
	for i, id := range ids {
		if i > 0 {
			text = append(text, ',')
		}
		text = strconv.AppendInt(text, id, 10)
	}
	return string(append(text, ']'))
}

// scanJobs reads jobs from a query's result.
func scanJobs(rows *sql.Rows, err error) ([]Job, error) { return scanJobsUpTo(0, rows, err) }

// scanJobsUpTo is scanJobs, and stops after the first job beyond those that hold more than so many bytes; 0: it does not.
func scanJobsUpTo(most int, rows *sql.Rows, err error) (jobs []Job, _ error) {
	size := 0
	err = eachRow(rows, err, jobWidth, func(values []driver.Value) error {
		job, err := scanJob(values)
		jobs = append(jobs, job)
		if err == nil && most > 0 && size > most {
			return errStop
		}
		size += job.size()
		return err
	})
	return jobs, err
}

// errStop ends eachRow early and well.
var errStop = errors.New("stop")

// eachRow calls row with the values of each row of a query's result, which are row's to keep, and closes the result.
func eachRow(rows *sql.Rows, err error, width int, row func(values []driver.Value) error) error {
	if err != nil {
		return err
	}
	defer rows.Close() // whatever it could report, Err below has
	values := make([]driver.Value, width)
	into := make([]any, width)
	for i := range values {
		into[i] = (*any)(&values[i])
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		if err := row(values); err != nil {
			if errors.Is(err, errStop) {
				return nil
			}
			return err
		}
	}
	return rows.Err()
}
