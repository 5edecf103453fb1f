package ledger

import (
	"context"
	"database/sql/driver"
	"fmt"
	"time"
)

const (
	// newestSQL is the last moment that the newest job has seen.
	newestSQL = `SELECT max(created_at, coalesce(started_at, 0), coalesce(finished_at, 0)) FROM job ORDER BY id DESC LIMIT 1`
	// rebaseSQL leaves jobs alone that were submitted for later: nobody knows whether a time or a delay was meant.
	rebaseSQL = `UPDATE job SET run_at = ?1 + iif(runs = 0, 0, max(0, run_at - started_at))
		WHERE state = 'queued' AND run_at > ?1 AND iif(runs = 0, run_at = created_at, started_at > ?1) AND (?2 = '' OR pool = ?2)`
	clockSlack = time.Second // by which a clock may go back without any harm
)

// Rebase has jobs of a pool not wait for a clock that has gone back to come where it was: those that were due when they were submitted, or
// when they were put back, are due now, and those that wait for a retry wait as long as they were to, or less if it is called again while
// the clock is still behind. It returns how many that were.
func (l *Ledger) Rebase(ctx context.Context, pool string) (rebased int, err error) {
	err = l.writer.do(ctx, maxBatchRows, func(b *batch) (err error) {
		rebased, err = b.rebase(l.now(), pool)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("have jobs due by the clock that has gone back: %w", err)
	}
	return rebased, nil
}

// rebase is Rebase, for all pools if pool is "".
func (b *batch) rebase(now time.Time, pool string) (int, error) {
	n, err := b.conn.exec(rebaseSQL, now.UnixMicro(), pool)
	return int(n), err
}

// rebaseIfBehind is rebase where the clock has not come yet to where the newest job was.
func (b *batch) rebaseIfBehind(now time.Time) (err error) {
	var newest time.Time
	err = b.conn.query(newestSQL, func(values []driver.Value) error {
		s := scanner{values: values}
		newest = s.moment()
		return nil
	})
	if err == nil && newest.After(now.Add(clockSlack)) {
		_, err = b.rebase(now, "")
	}
	return err
}
