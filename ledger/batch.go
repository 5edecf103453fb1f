package ledger

import (
	"log/slog"
)

const (
	beginSQL     = `BEGIN IMMEDIATE`
	commitSQL    = `COMMIT`
	savepointSQL = `SAVEPOINT op`
	releaseSQL   = `RELEASE op`
	undoSQL      = `ROLLBACK TO op`
	probeSQL     = `UPDATE counter SET n = n WHERE name = 'job_id'`
	tallySQL     = `INSERT INTO tally (pool, method, state, n) VALUES (?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET n = n + excluded.n`
)

// tallyKey is what jobs are counted by.
type tallyKey struct {
	pool, method string
	state        State
}

// delta is by how much a count changes.
type delta struct {
	key tallyKey
	n   int64
}

// batch builds one transaction. Operations are applied in order; changes of one job are collected and written once, at
// the end or before a call that might look at the job. It is used again for the next transaction.
type batch struct {
	conn *conn
	ids  *sequence
	log  *slog.Logger

	changes []change
	place   map[int64]int // in changes, by job
	deltas  []delta
	tally   map[tallyKey]int64
	ended   []int64 // jobs that have become terminal
	rolled  []rolled
	limit   int64 // of reserved ids, if the transaction moves it
	args    []any

	cells    map[cellKey]*cell // as they are on disk
	dirty    map[cellKey]*cell
	sketches []byte
}

func newBatch(ids *sequence, log *slog.Logger) *batch {
	return &batch{
		ids: ids, log: log, place: make(map[int64]int), tally: make(map[tallyKey]int64),
		cells: make(map[cellKey]*cell), dirty: make(map[cellKey]*cell),
	}
}

func (b *batch) begin(c *conn) {
	b.conn = c
	clear(b.changes)
	b.changes = b.changes[:0]
	clear(b.place)
	b.deltas = b.deltas[:0]
	clear(b.tally)
	b.ended = b.ended[:0]
	b.rolled = b.rolled[:0]
	b.limit = 0
}

// write applies the operations and commits. An error means that nothing was written; what is wrong with one operation
// alone is in its err.
func (b *batch) write(ops []*op, probe bool) error {
	if _, err := b.conn.exec(beginSQL); err != nil {
		return err
	}
	for _, o := range ops {
		if err := b.apply(o); err != nil {
			return err
		}
	}
	if err := b.flush(); err != nil {
		return err
	}
	if err := b.writeCells(); err != nil {
		return err
	}
	if err := b.count(); err != nil {
		return err
	}
	if b.limit = b.ids.due(); b.limit != 0 {
		if _, err := b.conn.exec(reserveSQL, b.limit); err != nil {
			return err
		}
	} else if probe {
		if _, err := b.conn.exec(probeSQL); err != nil {
			return err
		}
	}
	_, err := b.conn.exec(commitSQL)
	return err
}

func (b *batch) apply(o *op) error {
	switch o.kind {
	case opInsert, opStart, opFinish:
		b.collect(o)
		return nil
	case opCall:
		if err := b.flush(); err != nil {
			return err
		}
		return b.run(o)
	}
	return nil
}

// run makes a call whose failure leaves no trace. That of one statement leaves none by itself; a savepoint has SQLite copy each page that
// the call changes.
func (b *batch) run(o *op) error {
	if !o.single {
		if _, err := b.conn.exec(savepointSQL); err != nil {
			return err
		}
	}
	deltas, ended, rolled := len(b.deltas), len(b.ended), len(b.rolled)
	b.deltas = append(b.deltas, delta{}) // a fence: add must not merge into what came before
	err := o.call(b)
	switch {
	case err == nil && o.single:
		return nil
	case err == nil:
		_, err = b.conn.exec(releaseSQL)
		return err
	case ofEveryWrite(err):
		return err
	}
	o.err = err
	b.deltas, b.ended, b.rolled = b.deltas[:deltas], b.ended[:ended], b.rolled[:rolled]
	if o.single {
		return nil
	}
	if _, err := b.conn.exec(undoSQL); err != nil {
		return err
	}
	_, err = b.conn.exec(releaseSQL)
	return err
}

// moved takes note that a job has changed its state. from is "" for a new one.
func (b *batch) moved(id int64, pool, method string, from, to State) {
	if from == to {
		return
	}
	if from != "" {
		b.add(tallyKey{pool, method, from}, -1)
	}
	b.add(tallyKey{pool, method, to}, 1)
	if to.Terminal() {
		b.ended = append(b.ended, id)
	}
}

func (b *batch) add(key tallyKey, n int64) {
	if last := len(b.deltas) - 1; last >= 0 && b.deltas[last].key == key {
		b.deltas[last].n += n
		return
	}
	b.deltas = append(b.deltas, delta{key, n})
}

// count writes the changed counts, each once.
func (b *batch) count() error {
	for _, d := range b.deltas {
		if d.n != 0 {
			b.tally[d.key] += d.n
		}
	}
	for key, n := range b.tally {
		if n == 0 {
			continue
		}
		if _, err := b.conn.exec(tallySQL, key.pool, key.method, string(key.state), n); err != nil {
			return err
		}
	}
	return nil
}
