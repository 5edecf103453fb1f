package ledger

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"

	"modernc.org/sqlite"
)

// conn is the connection that writes. It speaks to the driver itself, since database/sql's locking and conversions cost
// about as much as the small statements of the hot path. One goroutine uses it.
type conn struct {
	raw   driver.Conn
	stmts map[string]*stmt
}

// stmt is a prepared statement with its arguments' slots, kept for the life of the connection.
type stmt struct {
	raw  driver.Stmt
	args []driver.NamedValue
}

func openConn(ctx context.Context, dsn string) (*conn, error) {
	connector, err := sqlite.NewConnector(dsn)
	if err != nil {
		return nil, err
	}
	raw, err := connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &conn{raw: raw, stmts: make(map[string]*stmt)}, nil
}

func (c *conn) close() error {
	var errs []error
	for _, s := range c.stmts {
		errs = append(errs, s.raw.Close())
	}
	return errors.Join(append(errs, c.raw.Close())...)
}

// prepare returns the statement for the text, which is one of the package's constants.
func (c *conn) prepare(text string) (*stmt, error) {
	if s, ok := c.stmts[text]; ok {
		return s, nil
	}
	raw, err := c.raw.Prepare(text)
	if err != nil {
		return nil, fmt.Errorf("prepare %.40q: %w", text, asDrivers(err))
	}
	s := &stmt{raw: raw}
	c.stmts[text] = s
	return s, nil
}

// exec runs a statement without rows and returns how many rows it changed.
func (c *conn) exec(text string, args ...any) (int64, error) {
	s, err := c.prepare(text)
	if err != nil {
		return 0, err
	}
	return s.exec(args)
}

// run executes statements that are not kept: pragmas, some of which take effect when they are prepared.
func (c *conn) run(text string) error {
	_, err := c.raw.(driver.ExecerContext).ExecContext(context.Background(), text, nil)
	return err
}

// emptyWAL copies the WAL into the database and truncates it. It waits for readers to move on, but not so long that
// writes would be held up noticeably; where they don't, the WAL stays as it is, which is no error.
func (c *conn) emptyWAL() error {
	return c.run(fmt.Sprintf("PRAGMA busy_timeout = %d; PRAGMA wal_checkpoint(TRUNCATE); PRAGMA busy_timeout = %d",
		insistTimeoutMs, busyTimeoutMs))
}

// query calls row with each row's values, which are row's to keep, and reads to the end.
func (c *conn) query(text string, row func(values []driver.Value) error, args ...any) error {
	s, err := c.prepare(text)
	if err != nil {
		return err
	}
	rows, err := s.raw.(driver.StmtQueryContext).QueryContext(context.Background(), s.bind(args))
	if err != nil {
		return asDrivers(err)
	}
	values := make([]driver.Value, len(rows.Columns()))
	for err == nil {
		if err = asDrivers(rows.Next(values)); err == nil {
			err = row(values)
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return errors.Join(err, rows.Close())
}

// exec runs the statement. A background context keeps the driver from watching for a cancellation that never comes.
func (s *stmt) exec(args []any) (int64, error) {
	result, err := s.raw.(driver.StmtExecContext).ExecContext(context.Background(), s.bind(args))
	if err != nil {
		return 0, asDrivers(err)
	}
	return result.RowsAffected()
}

// bind fills the statement's slots. Arguments must be int64, float64, string, []byte or nil.
func (s *stmt) bind(args []any) []driver.NamedValue {
	if len(s.args) != len(args) {
		s.args = make([]driver.NamedValue, len(args))
		for i := range s.args {
			s.args[i].Ordinal = i + 1
		}
	}
	for i, arg := range args {
		s.args[i].Value = arg
	}
	return s.args
}
