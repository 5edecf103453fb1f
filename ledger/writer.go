package ledger

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Bounds of one transaction, so that the first of many callers does not wait for all of them.
const (
	maxBatchOps  = 512
	maxBatchRows = 8192 // but a single submission may be larger
)

// Wait after a failed commit: doubled each time.
const (
	firstRetry = 50 * time.Millisecond
	lastRetry  = 5 * time.Second
)

type opKind int

const (
	opNothing opKind = iota // only waits for its place in the queue
	opInsert
	opStart
	opFinish
	opCall
)

// op is one operation on its way to the disk.
type op struct {
	kind    opKind
	job     Job                // opInsert, opStart, opFinish
	attempt Attempt            // opFinish; Number 0: there was no run
	call    func(*batch) error // opCall
	rows    int                // opCall: about how many it writes

	keep    bool        // must not be lost: stays in the queue until it is on disk
	retried bool        // was in a transaction that failed
	taken   atomic.Bool // by the writer, or by the caller who gave up

	done func(error) // may be nil
	err  error       // of this operation alone; set while its transaction is built
	next *op         // of the same job in the same transaction
}

func (o *op) answer(err error) {
	if o.done != nil {
		o.done(err)
	}
}

// writer owns the connection that writes, and the goroutine that uses it.
type writer struct {
	path       string
	durability Durability
	ids        *sequence
	watches    *watches
	log        *slog.Logger

	mu     sync.Mutex
	queue  []*op
	closed bool
	wake   chan struct{} // holds one token when queue or closed has changed

	failure atomic.Pointer[error]
	stopped chan struct{} // closed when the goroutine has ended

	// The goroutine's own; after it has ended, finish's.
	conn    *conn
	batch   *batch
	ops     []*op // of the transaction at hand; the slice is used again
	commits int
}

func startWriter(path string, d Durability, c *conn, ids *sequence, watches *watches, log *slog.Logger) *writer {
	w := &writer{
		path: path, durability: d, conn: c, ids: ids, watches: watches, log: log, batch: newBatch(ids, log),
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

// put hands an operation over. It never waits.
func (w *writer) put(o *op) {
	w.mu.Lock()
	closed := w.closed
	if !closed {
		w.queue = append(w.queue, o)
	}
	w.mu.Unlock()
	if closed {
		o.answer(ErrClosed)
		return
	}
	w.signal()
}

// do hands a call over and waits for its commit. An error of ctx means that nothing was or will be written: once the
// writer has taken the call, do waits for the outcome.
func (w *writer) do(ctx context.Context, rows int, call func(*batch) error) error {
	outcome := make(chan error, 1)
	o := &op{kind: opCall, call: call, rows: rows, done: func(err error) { outcome <- err }}
	w.put(o)
	select {
	case err := <-outcome:
		return err
	case <-ctx.Done():
		if o.taken.CompareAndSwap(false, true) {
			return ctx.Err()
		}
		return <-outcome
	}
}

// stop lets the writer write what is in the queue and waits for its end.
func (w *writer) stop() error {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.signal()
	<-w.stopped
	return w.err()
}

// finish gives unused ids back, empties the WAL and closes the connection. Only after stop.
func (w *writer) finish() error {
	if w.conn == nil {
		return nil // the disk fails; stop has said so
	}
	_, err := w.conn.exec(reserveSQL, w.ids.end())
	if err == nil {
		err = w.conn.run("PRAGMA wal_checkpoint(TRUNCATE)")
	}
	if closeErr := w.conn.close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("close ledger: %w", err)
	}
	return nil
}

func (w *writer) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
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
			if wait > 0 {
				w.log.Info("ledger can be written again")
				w.failure.Store(nil)
			}
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

// take removes the operations of the next transaction from the queue, and those whose callers have given up.
func (w *writer) take() (ops []*op, closed bool) {
	clear(w.ops)
	ops = w.ops[:0]
	w.mu.Lock()
	defer w.mu.Unlock()
	n, rows := 0, 0
	for ; n < len(w.queue) && len(ops) < maxBatchOps && rows < maxBatchRows; n++ {
		if o := w.queue[n]; o.keep || o.taken.CompareAndSwap(false, true) {
			ops = append(ops, o)
			rows += 1 + o.rows
		}
	}
	w.queue = w.queue[n:]
	if len(w.queue) == 0 {
		w.queue = nil // so that a burst's memory is given back
	}
	w.ops = ops
	return ops, w.closed
}

// fail puts what must not be lost back into the queue, in order, and answers everything else with the cause. Where the
// ledger is closing, everything is answered.
func (w *writer) fail(ops []*op, cause error, closed bool) {
	if w.failure.Load() == nil {
		w.log.Error("ledger cannot be written; outcomes wait in memory", "error", cause)
	}
	cause = fmt.Errorf("write ledger: %w", cause)
	w.failure.Store(&cause)
	if w.conn != nil {
		// Its transaction is in doubt, so it is thrown away; commit opens another. Its error would be the same again.
		_ = w.conn.close()
		w.conn = nil
	}
	w.mu.Lock()
	all := slices.Concat(ops, w.queue)
	w.queue = nil
	var lost []*op
	for i, o := range all {
		if o.keep && !closed {
			o.retried = o.retried || i < len(ops)
			o.err, o.next = nil, nil
			w.queue = append(w.queue, o)
		} else if i < len(ops) || o.taken.CompareAndSwap(false, true) {
			lost = append(lost, o)
		}
	}
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
			closed := w.closed
			w.mu.Unlock()
			if closed {
				return
			}
		}
	}
}

// commit writes the operations in one transaction and, once they are on disk, answers them.
func (w *writer) commit(ops []*op, probe bool) error {
	if w.conn == nil {
		if err := w.reopen(); err != nil {
			return err
		}
	}
	b := w.batch
	b.begin(w.conn)
	if err := b.write(ops, probe); err != nil {
		return err
	}
	w.ids.reserved(b.limit)
	w.watches.ended(b.ended)
	for _, o := range ops {
		o.answer(o.err)
	}
	w.commits++
	if w.commits%walCheckEvery == 0 {
		w.shortenWAL()
	}
	return nil
}

// reopen replaces the connection after a failure and makes sure that the ledger is still what it was.
func (w *writer) reopen() error {
	c, err := openConn(context.Background(), writerDSN(w.path, w.durability))
	if err != nil {
		return err
	}
	if _, err := loadSequence(c); err != nil {
		_ = c.close() // the first error says more
		return err
	}
	w.conn = c
	return nil
}

// shortenWAL makes the WAL start over where readers have kept SQLite's own checkpoints from doing so for long: it waits
// for a moment without readers, but not so long that writes would be held up noticeably.
func (w *writer) shortenWAL() {
	info, err := os.Stat(w.path + "-wal")
	if err != nil || info.Size() < walTooLong {
		return
	}
	err = w.conn.run(fmt.Sprintf("PRAGMA busy_timeout = %d; PRAGMA wal_checkpoint(TRUNCATE); PRAGMA busy_timeout = %d",
		insistTimeoutMs, busyTimeoutMs))
	if err != nil {
		w.log.Warn("ledger's WAL could not be shortened", "error", err, "bytes", info.Size())
	}
}
