package floor

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"time"

	"modernc.org/sqlite"

	"github.com/whipper-sidecar/whipper/ledger"
)

// What the ledger writes, statement by statement: for a job that is submitted, for one that is started and finished, and once in a transaction.
const (
	insertJob = `INSERT INTO job (id, pool, method, state, priority, attempt, max_attempts, runs, crashes, alone, backoff, timeout,
		delivery, origin, idempotency_key, traceparent, tracestate, baggage, created_at, run_at, expires_at, started_at,
		finished_at, worker, pid, error_source, labels, progress, error, params, result)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	insertAttempt = `INSERT INTO attempt (job_id, number, outcome, worker, pid, started_at, finished_at, exit_code, signal, error, stderr_tail)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	finishJob = `UPDATE job SET state = ?, attempt = ?, runs = ?, crashes = ?, alone = ?, run_at = ?, started_at = ?,
			finished_at = ?, worker = ?, pid = ?, error_source = ?, progress = ?, error = ?, result = ?
		WHERE id = ? AND state = ?`
	addTally  = `INSERT INTO tally (pool, method, state, n) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n`
	putRollup = `INSERT INTO rollup (pool, method, hour, succeeded, failed, cancelled, dropped, attempts, crashes, wait_total, run_total,
			wait_sketch, run_sketch) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET succeeded = excluded.succeeded, failed = excluded.failed, cancelled = excluded.cancelled,
			dropped = excluded.dropped, attempts = excluded.attempts, crashes = excluded.crashes, wait_total = excluded.wait_total,
			run_total = excluded.run_total, wait_sketch = excluded.wait_sketch, run_sketch = excluded.run_sketch`
	putCounter = `UPDATE counter SET n = ? WHERE name = 'job_id'`
)

// What the jobs have that are measured.
const (
	Pool   = "default"
	Method = "m0"
)

// What they are given, and what they give.
var (
	Params = []byte(`["a.png",100]`)
	Result = []byte(`"a-100.png"`)
)

// Statements writes a ledger's rows by prepared statements on one connection of the driver, without database/sql, with which it would be slower: what a program would do
// that needs nothing of a ledger but its rows.
type Statements struct {
	conn     driver.Conn
	stmts    map[string]*preparedStmt
	finished int64
	reserved int64
}

type preparedStmt struct {
	stmt driver.Stmt
	args []driver.NamedValue
}

// NewStatements has the ledger make its tables, and opens the file with the settings that the ledger uses.
func NewStatements(ctx context.Context, dir string) (*Statements, error) {
	l, err := ledger.Open(ctx, ledger.Options{Dir: dir})
	if err != nil {
		return nil, err
	}
	if err := l.Close(); err != nil {
		return nil, err
	}
	q := url.Values{
		"_journal_mode": {"WAL"}, "_synchronous": {"FULL"}, "_dqs": {"0"},
		"_pragma": {"wal_autocheckpoint(4000)", "journal_size_limit(33554432)", "temp_store(memory)", "cache_size(-32768)"},
	}
	connector, err := sqlite.NewConnector("file:" + filepath.Join(dir, "ledger.db") + "?" + q.Encode())
	if err != nil {
		return nil, err
	}
	_, _ = sqlite.Fdatasync(true) // as the ledger does
	conn, err := connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &Statements{conn: conn, stmts: make(map[string]*preparedStmt)}, nil
}

// Close closes the file.
func (s *Statements) Close() error {
	var errs []error
	for _, p := range s.stmts {
		errs = append(errs, p.stmt.Close())
	}
	return errors.Join(append(errs, s.conn.Close())...)
}

func (s *Statements) exec(text string, args ...any) error {
	p, ok := s.stmts[text]
	if !ok {
		stmt, err := s.conn.Prepare(text)
		if err != nil {
			return err
		}
		p = &preparedStmt{stmt, make([]driver.NamedValue, len(args))}
		for i := range p.args {
			p.args[i].Ordinal = i + 1
		}
		s.stmts[text] = p
	}
	for i, arg := range args {
		p.args[i].Value = arg
	}
	result, err := p.stmt.(driver.StmtExecContext).ExecContext(context.Background(), p.args)
	if err != nil {
		return err
	}
	if text == finishJob {
		if n, err := result.RowsAffected(); err != nil || n != 1 {
			return fmt.Errorf("%d rows were updated: %w", n, err)
		}
	}
	return nil
}

// within makes one transaction.
func (s *Statements) within(do func() error) error {
	if err := s.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	return s.exec("COMMIT")
}

// Submit inserts the jobs with the ids from first to before end in one transaction.
func (s *Statements) Submit(first, end int) error {
	return s.within(func() error {
		for id := first; id < end; id++ {
			now := time.Now().UnixMicro()
			err := s.exec(insertJob, int64(id), Pool, Method, "queued", int64(0), int64(0), int64(3), int64(0), int64(0), int64(0), nil, int64(0),
				"at-least-once", "submit", nil, nil, nil, nil, now, now, nil, nil,
				nil, nil, nil, nil, nil, nil, nil, Params, nil)
			if err != nil {
				return err
			}
		}
		if int64(end) > s.reserved {
			s.reserved = int64(end) + 8192
			if err := s.exec(putCounter, s.reserved); err != nil {
				return err
			}
		}
		return s.exec(addTally, Pool, Method, "queued", int64(end-first))
	})
}

// Finish takes the jobs from queued to succeeded in one transaction.
func (s *Statements) Finish(first, end int) error {
	return s.within(func() error {
		for id := first; id < end; id++ {
			now := time.Now().UnixMicro()
			err := s.exec(insertAttempt, int64(id), int64(1), "succeeded", "w1", int64(4711), now, now, nil, nil, nil, nil)
			if err != nil {
				return err
			}
			err = s.exec(finishJob, "succeeded", int64(1), int64(1), int64(0), int64(0), now, now, now, "w1", int64(4711), nil, nil, nil,
				Result, int64(id), "queued")
			if err != nil {
				return err
			}
		}
		n := int64(end - first)
		if err := s.exec(addTally, Pool, Method, "queued", -n); err != nil {
			return err
		}
		if err := s.exec(addTally, Pool, Method, "succeeded", n); err != nil {
			return err
		}
		s.finished += n
		sketch := make([]byte, 60) // about as long as the ledger's; what it counts does not matter here
		hour := time.Now().Truncate(time.Hour).UnixMicro()
		return s.exec(putRollup, Pool, Method, hour, s.finished, int64(0), int64(0), int64(0), s.finished, int64(0), int64(0), int64(0), sketch, sketch)
	})
}
