package ledger

import (
	"database/sql/driver"
	"time"
)

const (
	cellSQL = `SELECT succeeded, failed, cancelled, dropped, attempts, crashes, wait_total, run_total, wait_sketch, run_sketch
		FROM rollup WHERE pool = ? AND method = ? AND hour = ?`
	setCellSQL = `INSERT INTO rollup (pool, method, hour, succeeded, failed, cancelled, dropped, attempts, crashes, wait_total, run_total,
			wait_sketch, run_sketch) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET succeeded = excluded.succeeded, failed = excluded.failed, cancelled = excluded.cancelled,
			dropped = excluded.dropped, attempts = excluded.attempts, crashes = excluded.crashes, wait_total = excluded.wait_total,
			run_total = excluded.run_total, wait_sketch = excluded.wait_sketch, run_sketch = excluded.run_sketch`
)

// mostCells bounds how many cells are kept in memory. A pool's methods of one hour are far fewer.
const mostCells = 512

// cellKey is what is rolled up together.
type cellKey struct {
	pool, method string
	hour         int64 // its start, in microseconds
}

// rolled is what a transaction adds to a cell.
type rolled struct {
	key      cellKey
	state    State // that n jobs have ended in; "": none has
	n        int64
	attempts int64
	crashes  int64
	ran      bool // one job has ended by a run that had waited and taken so long
	wait     time.Duration
	run      time.Duration
}

// cell is a row of the rollup.
type cell struct {
	counts                                 [4]int64 // in the order of terminalStates
	attempts, crashes, waitTotal, runTotal int64
	wait, run                              sketch
}

func hourOf(at time.Time) int64 {
	us, hour := at.UnixMicro(), time.Hour.Microseconds()
	return us - (us%hour+hour)%hour
}

// rollUp takes note of what a job's change adds to the books.
func (b *batch) rollUp(c *change) {
	j := c.job
	for _, a := range c.attempts {
		r := rolled{key: cellKey{j.Pool, j.Method, hourOf(a.FinishedAt)}, attempts: 1}
		if a.Outcome == OutcomeCrashed {
			r.crashes = 1
		}
		b.rolled = append(b.rolled, r)
	}
	if !j.State.Terminal() {
		return
	}
	r := rolled{key: cellKey{j.Pool, j.Method, hourOf(j.FinishedAt)}, state: j.State, n: 1}
	if len(c.attempts) > 0 && !j.StartedAt.IsZero() {
		r.ran, r.wait, r.run = true, j.Wait(), max(0, j.FinishedAt.Sub(j.StartedAt))
	}
	b.rolled = append(b.rolled, r)
}

// rollUpMany is rollUp for jobs of one pool and method that have ended in the same way, or have had an attempt cut short.
func (b *batch) rollUpMany(pool, method string, at int64, state State, n, attempts int64) {
	b.rolled = append(b.rolled, rolled{
		key: cellKey{pool, method, hourOf(time.UnixMicro(at))}, state: state, n: n, attempts: attempts,
	})
}

// writeCells adds what the transaction has ended to the rollup, each cell once. The cells stay in memory, so that the next transaction
// does not read them again; after an error forgetCells is due.
func (b *batch) writeCells() error {
	if len(b.cells) > mostCells {
		clear(b.cells)
	}
	clear(b.dirty)
	for i := range b.rolled {
		r := &b.rolled[i]
		c, ok := b.cells[r.key]
		if !ok {
			c = &cell{}
			if err := b.readCell(r.key, c); err != nil {
				return err
			}
			b.cells[r.key] = c
		}
		c.add(r)
		b.dirty[r.key] = c
	}
	for key, c := range b.dirty {
		if err := b.writeCell(key, c); err != nil {
			return err
		}
	}
	return nil
}

// forgetCells drops what is in memory, for it is not what is on disk.
func (b *batch) forgetCells() { clear(b.cells) }

func (c *cell) add(r *rolled) {
	for i, state := range terminalStates {
		if r.state == state {
			c.counts[i] += r.n
		}
	}
	c.attempts += r.attempts
	c.crashes += r.crashes
	if r.ran {
		c.wait.add(r.wait)
		c.run.add(r.run)
		c.waitTotal += r.wait.Microseconds()
		c.runTotal += r.run.Microseconds()
	}
}

// readCell reads a row, if there is one. A sketch that cannot be read must not keep jobs from being written: it begins anew.
func (b *batch) readCell(key cellKey, c *cell) error {
	return b.conn.query(cellSQL, func(values []driver.Value) error {
		if err := c.scan(values); err != nil {
			b.log.Error("statistics of an hour begin anew", "method", key.method, "error", err)
			c.wait, c.run = sketch{}, sketch{}
		}
		return nil
	}, key.pool, key.method, key.hour)
}

// scan adds a row's values, in the order of cellSQL.
func (c *cell) scan(values []driver.Value) error {
	s := scanner{values: values}
	for i := range c.counts {
		c.counts[i] += s.int()
	}
	c.attempts += s.int()
	c.crashes += s.int()
	c.waitTotal += s.int()
	c.runTotal += s.int()
	if err := c.wait.merge(s.bytes()); err != nil {
		return err
	}
	return c.run.merge(s.bytes())
}

func (b *batch) writeCell(key cellKey, c *cell) error {
	b.sketches = c.wait.appendTo(b.sketches[:0])
	width := len(b.sketches)
	b.sketches = c.run.appendTo(b.sketches)
	_, err := b.conn.exec(setCellSQL, key.pool, key.method, key.hour, c.counts[0], c.counts[1], c.counts[2], c.counts[3],
		c.attempts, c.crashes, c.waitTotal, c.runTotal, b.sketches[:width:width], b.sketches[width:])
	return err
}
