package ledger

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	sqlite3 "modernc.org/sqlite/lib"
)

// Wait after a failed commit: doubled each time.
const (
	firstRetry = 50 * time.Millisecond
	lastRetry  = 5 * time.Second
)

// writer owns the connection that writes, and the goroutine that uses it.
type writer struct {
	path       string
	durability Durability
	ids        *sequence
	watches    *watches
	ended      bell // jobs have got their final outcome
	schedules  *scheduleNews
	log        *slog.Logger

	mu     sync.Mutex
	queue  []*op
	behind []*op // what gives way to queue
	size   int   // bytes of payloads in queue, and in the transaction at hand
	gathering
	passed  int           // transactions that have gone before the first of behind
	full    atomic.Bool   // so much waits that there must not be more; changed under mu
	roomy   chan struct{} // closed when it is not full any more, or commits fail; nil: nobody waits for that
	closed  bool
	callers []chan struct{} // who ask whether the goroutine is alive
	wake    chan struct{}   // holds one token when queue, behind, closed or callers has changed

	failure atomic.Pointer[error]
	written atomic.Int64  // transactions
	stopped chan struct{} // closed when the goroutine has ended

	// The goroutine's own; after it has ended, finish's.
	conn    *conn
	failed  *conn // the one before, until there is another
	batch   *batch
	ops     []*op // of the transaction at hand; the slice is used again
	commits int
	wal     walCare
	wrote   func(took time.Duration, operations int, err error) // see Options; may be nil

	doubtful bool // there has been a failure that may have done damage
}

func startWriter(path string, d Durability, c *conn, ids *sequence, watches *watches, schedules *scheduleNews, log *slog.Logger,
	wrote func(time.Duration, int, error),
) *writer {
	w := &writer{
		path: path, durability: d, conn: c, ids: ids, watches: watches, ended: newBell(), schedules: schedules, log: log, batch: newBatch(ids, log), wrote: wrote,
		wake: make(chan struct{}, 1), stopped: make(chan struct{}),
	}
	go w.run()
	return w
}

func (w *writer) err() error {
	if err := w.failure.Load(); err != nil {
		return *err
	}
	return nil
}

// stop lets the writer write what is in the queue and waits for its end.
func (w *writer) stop() error {
	w.mu.Lock()
	w.closed = true
	w.reckon()
	w.mu.Unlock()
	w.signal()
	<-w.stopped
	return w.err()
}

// finish gives unused ids back, empties the WAL and closes the connection. Only after stop.
func (w *writer) finish() error {
	if w.conn == nil {
		w.dropFailed()
		return nil // the disk fails; stop has said so
	}
	_, err := w.conn.exec(reserveSQL, w.ids.end())
	if err == nil {
		err = w.conn.emptyWAL()
	}
	if closeErr := w.conn.close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("close ledger: %w", err)
	}
	return nil
}

func (w *writer) run() {
	defer close(w.stopped)
	var wait time.Duration
	for {
		ops, closed := w.take()
		if len(ops) == 0 && wait == 0 {
			if closed {
				return
			}
			<-w.wake
			continue
		}
		// After a failure a commit is tried even with nothing to write, to learn when the disk is well again.
		err := w.commit(ops, wait > 0)
		if err == nil {
			wait = 0
			continue
		}
		w.fail(ops, err, closed)
		if closed {
			return
		}
		wait = min(max(2*wait, firstRetry), lastRetry)
		w.pause(wait)
	}
}

// fail puts what must not be lost back into the queue, in order, and answers everything else with the cause. Where the
// ledger is closing, everything is answered.
func (w *writer) fail(ops []*op, cause error, closed bool) {
	if w.failure.Load() == nil {
		w.log.Error("ledger cannot be written; outcomes wait in memory", "error", cause)
	}
	w.batch.forgetCells()
	// What a full disk has refused was never there; after any other failure the file is looked through.
	w.doubtful = w.doubtful || sqliteCode(cause) != sqlite3.SQLITE_FULL
	cause = fmt.Errorf("write ledger: %w", asDamaged(w.path, cause))
	w.failure.Store(&cause)
	if w.conn != nil {
		// Its transaction is in doubt, so none goes by this connection any more; commit opens another. It stays open until then:
		// the first of all connections would read the WAL anew and take in that transaction, which the disk may not have whatever
		// the system says, and what is appended to it would be lost with it. The error would be the same again.
		_ = w.conn.run("ROLLBACK")
		w.failed, w.conn = w.conn, nil
	}
	w.mu.Lock()
	all := slices.Concat(ops, w.queue)
	w.queue = nil
	if closed {
		all, w.behind = append(all, w.behind...), nil
	}
	w.size = 0
	var lost []*op
	for i, o := range all {
		if o.keep && !closed {
			o.retried = o.retried || i < len(ops)
			o.err, o.next = nil, nil
			w.queue = append(w.queue, o)
			w.size += o.size
		} else if i < len(ops) || o.taken.CompareAndSwap(false, true) {
			lost = append(lost, o)
		}
	}
	w.cameBack()
	w.reckon()
	w.wakeAwaiting() // to be told of the failure
	w.mu.Unlock()
	for _, o := range lost {
		if o.keep {
			o.answer(fmt.Errorf("%w: %w", ErrClosed, cause))
		} else {
			o.answer(cause)
		}
	}
}

// pause waits, but no longer than until the ledger is to be closed.
func (w *writer) pause(wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			return
		case <-w.wake:
			w.mu.Lock()
			w.respond()
			closed := w.closed
			w.mu.Unlock()
			if closed {
				return
			}
		}
	}
}

// commit writes the operations in one transaction and, once they are on disk, answers them. probe says that the commit
// before failed.
func (w *writer) commit(ops []*op, probe bool) error {
	if w.conn == nil {
		if err := w.reopen(); err != nil {
			return err
		}
	}
	b := w.batch
	b.begin(w.conn)
	if err := w.write(ops, probe); err != nil {
		return err
	}
	w.written.Add(1)
	if probe {
		w.log.Info("ledger can be written again")
		w.failure.Store(nil) // before anybody is told of the commit
	}
	w.ids.reserved(b.limit)
	w.watches.ended(b.ended)
	if len(b.ended) > 0 {
		w.ended.ring()
	}
	w.schedules.ended(b.ended)
	for _, o := range ops {
		o.answer(o.err)
	}
	w.release(ops)
	// Those who have just been answered often have more to write. They run first, or the next transaction would hold what one of them was
	// quick to bring, and all others would wait for the one after.
	runtime.Gosched()
	w.commits++
	if w.commits >= w.wal.due {
		w.wal.after(w.commits, w.shortenWAL(walTooLong))
	}
	return nil
}

// write is the batch's, with somebody told how it went.
func (w *writer) write(ops []*op, probe bool) error {
	if w.wrote == nil {
		return w.batch.write(ops, probe)
	}
	began := time.Now()
	err := w.batch.write(ops, probe)
	w.wrote(time.Since(began), len(ops), err)
	return err
}

// reopen replaces the connection after a failure and makes sure that the ledger is still what it was.
func (w *writer) reopen() error {
	c, err := openConn(context.Background(), writerDSN(w.path, w.durability))
	if err != nil {
		return err
	}
	if err := w.verify(c); err != nil {
		_ = c.close() // the first error says more
		return err
	}
	w.conn = c
	w.dropFailed()
	return nil
}

// verify looks for damage, unless all that has happened is that the disk was full.
func (w *writer) verify(c *conn) error {
	if w.doubtful {
		if err := c.checkAtStart(w.path); err != nil {
			return err
		}
	}
	_, err := loadSequence(c)
	if err == nil {
		w.doubtful = false
	}
	return err
}

func (w *writer) dropFailed() {
	if w.failed != nil {
		_ = w.failed.close() // it has failed before
		w.failed = nil
	}
}
