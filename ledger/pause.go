package ledger

import (
	"context"
	"database/sql/driver"
	"fmt"
)

const (
	pauseSQL  = `INSERT INTO pause (pool, method) VALUES (?, ?) ON CONFLICT DO NOTHING`
	resumeSQL = `DELETE FROM pause WHERE pool = ? AND method = ?`
	pausedSQL = `SELECT method FROM pause WHERE pool = ? ORDER BY method`
)

// PauseMethod puts on record that the jobs of a method of a pool are not to run, until ResumeMethod. It holds across restarts. That they
// do not run is up to whoever claims them.
func (l *Ledger) PauseMethod(ctx context.Context, pool, method string) error {
	return l.setPause(ctx, pauseSQL, pool, method)
}

// ResumeMethod ends a PauseMethod, if there is one.
func (l *Ledger) ResumeMethod(ctx context.Context, pool, method string) error {
	return l.setPause(ctx, resumeSQL, pool, method)
}

func (l *Ledger) setPause(ctx context.Context, text, pool, method string) error {
	err := l.writer.do(ctx, 1, func(b *batch) error {
		_, err := b.conn.exec(text, pool, method)
		return err
	})
	if err != nil {
		return fmt.Errorf("pause or resume method %q of pool %q: %w", method, pool, err)
	}
	return nil
}

// PausedMethods returns the methods of a pool that are paused.
func (r *Reader) PausedMethods(ctx context.Context, pool string) (methods []string, err error) {
	rows, err := r.stmt[pausedSQL].QueryContext(ctx, pool)
	err = eachRow(rows, err, 1, func(values []driver.Value) error {
		name, _ := values[0].(string)
		methods = append(methods, name)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read paused methods of pool %q: %w", pool, err)
	}
	return methods, nil
}
