package ledger

import (
	"context"
	"sync/atomic"
)

// Bounds of one transaction, so that the first of many callers does not wait for all of them.
const (
	maxBatchOps  = 512
	maxBatchRows = 8192 // but a single submission may be larger
)

// maxWaiting is how many operations may wait for the disk before those who would bring new jobs wait with them. What has begun,
// starts and outcomes, is always taken.
const maxWaiting = 8 * 1024

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
	single  bool               // opCall: it writes no more than one row, by one statement

	keep    bool        // must not be lost: stays in the queue until it is on disk
	behind  bool        // gives way to those without it; has a queue of its own
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

// put hands an operation over. It never waits.
func (w *writer) put(o *op) {
	w.mu.Lock()
	closed := w.closed
	switch {
	case closed:
	case o.behind:
		w.behind = append(w.behind, o)
	default:
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
	return w.doThen(ctx, rows, call, nil)
}

// doThen is do, with something to be done on the writer's goroutine right after the commit.
func (w *writer) doThen(ctx context.Context, rows int, call func(*batch) error, then func()) error {
	return w.await(ctx, &op{kind: opCall, call: call, rows: rows}, then)
}

// await hands an operation over and waits for its outcome; see do.
func (w *writer) await(ctx context.Context, o *op, then func()) error {
	outcome := make(chan error, 1)
	o.done = func(err error) {
		if err == nil && then != nil {
			then()
		}
		outcome <- err
	}
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

// take removes the operations of the next transaction from the queue, and those whose callers have given up.
func (w *writer) take() (ops []*op, closed bool) {
	clear(w.ops)
	ops = w.ops[:0]
	w.mu.Lock()
	defer w.mu.Unlock()
	w.respond()
	n, rows := 0, 0
	for ; n < len(w.queue) && len(ops) < maxBatchOps && rows < maxBatchRows; n++ {
		if o := w.queue[n]; o.keep || o.taken.CompareAndSwap(false, true) {
			ops = append(ops, o)
			rows += 1 + o.rows
		}
	}
	w.queue = w.queue[n:]
	ops = w.takeBehind(ops)
	w.makeRoom()
	if len(w.queue) == 0 {
		w.queue = nil // so that a burst's memory is given back
	}
	w.ops = ops
	return ops, w.closed
}

// room waits until fewer than maxWaiting operations wait. While the disk fails it says so instead.
func (w *writer) room(ctx context.Context) error {
	for {
		w.mu.Lock()
		if len(w.queue) < maxWaiting || w.closed {
			w.mu.Unlock()
			return nil
		}
		if w.roomy == nil {
			w.roomy = make(chan struct{})
		}
		roomy := w.roomy
		w.mu.Unlock()
		if err := w.err(); err != nil {
			return err
		}
		select {
		case <-roomy:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// makeRoom wakes those who wait in room; mu is held.
func (w *writer) makeRoom() {
	if w.roomy != nil {
		close(w.roomy)
		w.roomy = nil
	}
}

func (w *writer) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}
