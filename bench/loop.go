package main

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
	loopInsert = `INSERT INTO job (id, pool, method, state, priority, attempt, max_attempts, runs, crashes, alone, backoff, timeout,
		delivery, origin, idempotency_key, traceparent, tracestate, baggage, created_at, run_at, expires_at, started_at,
		finished_at, worker, pid, error_source, labels, progress, error, params, result)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	loopAttempt = `INSERT INTO attempt (job_id, number, outcome, worker, pid, started_at, finished_at, exit_code, signal, error, stderr_tail)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	loopFinish = `UPDATE job SET state = ?, attempt = ?, runs = ?, crashes = ?, alone = ?, run_at = ?, started_at = ?,
			finished_at = ?, worker = ?, pid = ?, error_source = ?, progress = ?, error = ?, result = ?
		WHERE id = ? AND state = ?`
	loopTally  = `INSERT INTO tally (pool, method, state, n) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n`
	loopRollup = `INSERT INTO rollup (pool, method, hour, succeeded, failed, cancelled, dropped, attempts, crashes, wait_total, run_total,
			wait_sketch, run_sketch) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET succeeded = excluded.succeeded, failed = excluded.failed, cancelled = excluded.cancelled,
			dropped = excluded.dropped, attempts = excluded.attempts, crashes = excluded.crashes, wait_total = excluded.wait_total,
			run_total = excluded.run_total, wait_sketch = excluded.wait_sketch, run_sketch = excluded.run_sketch`
	loopCounter = `UPDATE counter SET n = ? WHERE name = 'job_id'`
)

// loop writes a ledger's rows by prepared statements on one connection of the driver, without database/sql, with which it would be slower: what a program would do
// that needs nothing of a ledger but its rows.
type loop struct {
	conn     driver.Conn
	stmts    map[string]*loopStmt
	finished int64
	reserved int64
}

type loopStmt struct {
	stmt driver.Stmt
	args []driver.NamedValue
}

// newLoop has the ledger make its tables, and opens the file with the settings that the ledger uses.
func newLoop(ctx context.Context, dir string) (*loop, error) {
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
	return &loop{conn: conn, stmts: make(map[string]*loopStmt)}, nil
}

func (l *loop) close() error {
	var errs []error
	for _, s := range l.stmts {
		errs = append(errs, s.stmt.Close())
	}
	return errors.Join(append(errs, l.conn.Close())...)
}

func (l *loop) exec(text string, args ...any) error {
	s, ok := l.stmts[text]
	if !ok {
		stmt, err := l.conn.Prepare(text)
		if err != nil {
			return err
		}
		s = &loopStmt{stmt, make([]driver.NamedValue, len(args))}
		for i := range s.args {
			s.args[i].Ordinal = i + 1
		}
		l.stmts[text] = s
	}
	for i, arg := range args {
		s.args[i].Value = arg
	}
	result, err := s.stmt.(driver.StmtExecContext).ExecContext(context.Background(), s.args)
	if err != nil {
		return err
	}
	if text == loopFinish {
		if n, err := result.RowsAffected(); err != nil || n != 1 {
			return fmt.Errorf("%d rows were updated: %w", n, err)
		}
	}
	return nil
}

// within makes one transaction.
func (l *loop) within(do func() error) error {
	if err := l.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	return l.exec("COMMIT")
}

// submit inserts the jobs with the ids from first to before end in one transaction.
func (l *loop) submit(first, end int) error {
	return l.within(func() error {
		for id := first; id < end; id++ {
			now := time.Now().UnixMicro()
			err := l.exec(loopInsert, int64(id), pool, method, "queued", int64(0), int64(0), int64(3), int64(0), int64(0), int64(0), nil, int64(0),
				"at-least-once", "submit", nil, nil, nil, nil, now, now, nil, nil,
				nil, nil, nil, nil, nil, nil, nil, params, nil)
			if err != nil {
				return err
			}
		}
		if int64(end) > l.reserved {
			l.reserved = int64(end) + 8192
			if err := l.exec(loopCounter, l.reserved); err != nil {
				return err
			}
		}
		return l.exec(loopTally, pool, method, "queued", int64(end-first))
	})
}

// finish takes the jobs from queued to succeeded in one transaction.
func (l *loop) finish(first, end int) error {
	return l.within(func() error {
		for id := first; id < end; id++ {
			now := time.Now().UnixMicro()
			err := l.exec(loopAttempt, int64(id), int64(1), "succeeded", "w1", int64(4711), now, now, nil, nil, nil, nil)
			if err != nil {
				return err
			}
			err = l.exec(loopFinish, "succeeded", int64(1), int64(1), int64(0), int64(0), now, now, now, "w1", int64(4711), nil, nil, nil,
				result, int64(id), "queued")
			if err != nil {
				return err
			}
		}
		n := int64(end - first)
		if err := l.exec(loopTally, pool, method, "queued", -n); err != nil {
			return err
		}
		if err := l.exec(loopTally, pool, method, "succeeded", n); err != nil {
			return err
		}
		l.finished += n
		sketch := make([]byte, 60) // about as long as the ledger's; what it counts does not matter here
		hour := time.Now().Truncate(time.Hour).UnixMicro()
		return l.exec(loopRollup, pool, method, hour, l.finished, int64(0), int64(0), int64(0), l.finished, int64(0), int64(0), int64(0), sketch, sketch)
	})
}
