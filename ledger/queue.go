package ledger

import (
	"context"
	"sync/atomic"
)

// Bounds of one transaction, so that the first of many callers does not wait for all of them.
const (
	maxBatchOps  = 512
	maxBatchRows = 8192    // but a single submission may be larger
	maxBatchSize = 8 << 20 // bytes of payloads, but for those of the last operation
)

// maxWaiting is how many operations may wait for the disk before those who would bring new jobs, or begin them, wait with them. What has
// begun, starts and outcomes, is always taken.
const maxWaiting = 8 * 1024

// maxWaitingSize is for how many bytes of payloads that holds too, those that are being written among them.
const maxWaitingSize = 32 << 20

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
	fresh   *Job               // opCall: instead of call, a job to be inserted with others; see isFresh. May be nil

	keep    bool        // must not be lost: stays in the queue until it is on disk
	patient bool        // nobody waits for it; set when it comes to the queue
	behind  bool        // gives way to those without it; has a queue of its own
	retried bool        // was in a transaction that failed
	taken   atomic.Bool // by the writer, or by the caller who gave up

	size int         // bytes of its payloads, since it was put into the queue
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
	o.patient = w.mayWait(o)
	w.mu.Lock()
	closed, wake := w.closed, true
	if !closed {
		o.size = len(o.job.Params) + len(o.job.Progress) + len(o.job.Error) + len(o.job.Result)
		w.size += o.size
	}
	switch {
	case closed:
	case o.behind:
		w.behind = append(w.behind, o)
	default:
		w.queue = append(w.queue, o)
		wake = w.join(o)
	}
	w.reckon()
	w.mu.Unlock()
	if closed {
		if o.taken.CompareAndSwap(false, true) {
			o.answer(ErrClosed)
		}
		return
	}
	if wake {
		w.signal()
	}
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
	if w.gathers() {
		w.writing = 0
		return nil, false
	}
	n, rows, size := 0, 0, 0
	for ; n < len(w.queue) && len(ops) < maxBatchOps && rows < maxBatchRows && size < maxBatchSize; n++ {
		if o := w.queue[n]; o.keep || o.taken.CompareAndSwap(false, true) {
			ops = append(ops, o)
			rows += 1 + o.rows
			size += o.size
		}
	}
	w.queue = w.queue[n:]
	w.left(ops)
	ops = w.takeBehind(ops)
	w.reckon()
	if len(w.queue) == 0 {
		w.queue = nil // so that a burst's memory is given back
	}
	w.ops = ops
	return ops, w.closed
}

// release lets go of what has been written.
func (w *writer) release(ops []*op) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, o := range ops {
		w.size -= o.size
	}
	w.reckon()
	clear(ops) // not only when there is more to write
}

// Room gives nil, or where so much waits for the disk that no more should be begun a channel that is closed when it is worth asking again. It
// never waits.
func (l *Ledger) Room() <-chan struct{} { return l.writer.awaited() }

// awaited gives nil if there is room: fewer than maxWaiting operations, and fewer than maxWaitingSize bytes, wait. Else it gives what is closed
// when there is, or commits fail.
func (w *writer) awaited() <-chan struct{} {
	if !w.full.Load() {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.full.Load() {
		return nil
	}
	if w.roomy == nil {
		w.roomy = make(chan struct{})
	}
	return w.roomy
}

// room waits until there is room. While the disk fails it says so instead.
func (w *writer) room(ctx context.Context) error {
	for {
		roomy := w.awaited()
		if roomy == nil {
			return nil
		}
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

// reckon takes note whether there is room, and wakes those who wait for it; mu is held.
func (w *writer) reckon() {
	full := !w.closed && (len(w.queue) >= maxWaiting || w.size >= maxWaitingSize)
	if full != w.full.Load() {
		w.full.Store(full)
	}
	if !full {
		w.wakeAwaiting()
	}
}

// wakeAwaiting has those who wait for room look again; mu is held.
func (w *writer) wakeAwaiting() {
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
