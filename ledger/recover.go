package ledger

import (
	"context"
	"database/sql/driver"
	"fmt"
)

// What a job's error says after its supervisor died. The codes are those of the wire protocol, of which the ledger knows
// no more than this.
const (
	diedError   = `{"code":1003,"message":"the supervisor died while the job was running","data":{"type":"WorkerCrashedError"}}`
	orphanError = `{"code":1004,"message":"the supervisor died while the call was queued, and its caller with it","data":{"type":"CancelledError"}}`
)

// Settle's rules for an abandoned run, for all rows at once. failsSQL says which jobs may not run again.
const (
	failsSQL          = `(delivery = 'at-most-once' OR origin = 'invoke' OR crashes + 1 >= ?1)`
	abandonedCountSQL = `SELECT pool, method, ` + failsSQL + `, count(*) FROM job WHERE state = 'running' GROUP BY 1, 2, 3`
	abandonedRunsSQL  = `INSERT INTO attempt (job_id, number, outcome, worker, pid, started_at, finished_at, error)
		SELECT id, runs, 'interrupted', worker, pid, started_at, ?1, ?2 FROM job WHERE state = 'running'`
	abandonedJobsSQL = `UPDATE job SET attempt = attempt - 1, crashes = crashes + 1, alone = iif(` + failsSQL + `, 0, alone), error = ?3,
			error_source = 'whipper', state = iif(` + failsSQL + `, 'failed', 'queued'),
			finished_at = iif(` + failsSQL + `, ?2, NULL),
			lane = iif(` + failsSQL + ` OR concurrency_key IS NULL OR run_at > ?2, '', '` + keyPrefix + `' || concurrency_key)
		WHERE state = 'running'`
	orphanCountSQL = `SELECT pool, method, count(*) FROM job INDEXED BY job_invoked WHERE state = 'queued' AND origin = 'invoke' GROUP BY 1, 2`
	orphanJobsSQL  = `UPDATE job INDEXED BY job_invoked SET state = 'cancelled', run_at = ` + afterRunSQL + `, finished_at = ?1, error = ?2,
			error_source = 'whipper'
		WHERE state = 'queued' AND origin = 'invoke'`
)

// Recovery is how many jobs a dead supervisor left behind, by what became of them.
type Recovery struct {
	Requeued  int // were running, and are queued again, at their old place
	Failed    int // were running, and may not run twice, or have been cut short too often
	Cancelled int // were queued invokes, whose callers are gone
}

// Recover makes consistent what a dead supervisor left: running jobs are settled as interrupted and abandoned, exactly
// as Settle would, and queued invokes are cancelled. Where the clock is behind the ledger, Rebase's rules are applied. Call it once after Open, when no worker of the dead supervisor lives
// any more, and before anything is claimed or waited for.
func (l *Ledger) Recover(ctx context.Context) (Recovery, error) {
	at := l.now()
	var r Recovery
	err := l.writer.do(ctx, maxBatchRows, func(b *batch) (err error) {
		if r, err = b.recover(at.UnixMicro()); err == nil {
			err = b.rebaseIfBehind(at)
		}
		return err
	})
	if err != nil {
		return Recovery{}, fmt.Errorf("recover ledger: %w", err)
	}
	return r, nil
}

func (b *batch) recover(at int64) (Recovery, error) {
	var r Recovery
	// Orphans first: an invoke that was running fails below, and must not look like a queued one.
	err := b.conn.query(orphanCountSQL, func(values []driver.Value) error {
		s := scanner{values: values}
		pool, method, n := s.text(), s.text(), s.int()
		r.Cancelled += int(n)
		b.add(tallyKey{pool, method, Queued}, -n)
		b.add(tallyKey{pool, method, Cancelled}, n)
		b.rollUpMany(pool, method, at, Cancelled, n, 0)
		return nil
	})
	if err != nil {
		return r, err
	}
	if _, err := b.conn.exec(orphanJobsSQL, at, []byte(orphanError)); err != nil {
		return r, err
	}
	err = b.conn.query(abandonedCountSQL, func(values []driver.Value) error {
		s := scanner{values: values}
		pool, method, fails, n := s.text(), s.text(), s.int() != 0, s.int()
		to, ended := Queued, State("")
		if fails {
			to, ended = Failed, Failed
			r.Failed += int(n)
		} else {
			r.Requeued += int(n)
		}
		b.add(tallyKey{pool, method, Running}, -n)
		b.add(tallyKey{pool, method, to}, n)
		b.rollUpMany(pool, method, at, ended, n, n)
		return nil
	}, int64(MaxCrashes))
	if err != nil {
		return r, err
	}
	if _, err := b.conn.exec(abandonedRunsSQL, at, []byte(diedError)); err != nil {
		return r, err
	}
	_, err = b.conn.exec(abandonedJobsSQL, int64(MaxCrashes), at, []byte(diedError))
	return r, err
}
