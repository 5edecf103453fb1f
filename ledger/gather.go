package ledger

import (
	"context"
	"time"
)

// Bounds of what waits for company before it is written.
const (
	gatherFor   = 4 * time.Millisecond
	gatherOps   = maxBatchOps
	gatherBytes = 1 << 20 // of payloads, about
)

// catchUpAtMost is how long a read waits for what is to be written first: a disk that hangs must not keep anybody from looking at the ledger.
const catchUpAtMost = time.Second

// gathering is what the queue holds while nobody waits for any of it: rows of invokes, whose callers have been answered. Written at once,
// each would cost a sync of its own where calls come one after the other. writer.mu guards it.
type gathering struct {
	urgent  bool // the queue holds something that somebody waits for
	since   time.Time
	bytes   int
	timer   *time.Timer // wakes the writer when the time is over; nil: it never had to
	queued  int         // operations in the queue of which callers may have been told
	writing int         // and in the transaction at hand
}

// told says whether callers may have been told of a change before it is on disk: it is an invoke's.
func (o *op) told() bool { return o.keep && o.job.Origin == FromInvoke }

// mayWait says whether nobody waits for the row of a change: it is an invoke's, which is neither to run again nor to be recorded
// before it runs.
func (w *writer) mayWait(o *op) bool {
	if !o.told() || o.job.Delivery != AtLeastOnce {
		return false
	}
	return o.kind != opFinish || o.job.State.Terminal() && !w.watches.watched(o.job.ID)
}

// join takes note of an operation that has come to the queue, and says whether the writer is to be woken; mu is held.
func (w *writer) join(o *op) (wake bool) {
	g := &w.gathering
	if o.told() {
		g.queued++
	}
	if !o.patient {
		g.urgent = true
		return true
	}
	if len(w.queue) == 1 {
		g.since, g.bytes = time.Now(), 0
		if g.timer == nil {
			g.timer = time.AfterFunc(gatherFor, w.signal)
		} else {
			g.timer.Reset(gatherFor)
		}
	}
	g.bytes += o.size
	return !w.gathers()
}

// gathers says whether what is in the queue is to wait for more; mu is held.
func (w *writer) gathers() bool {
	g := &w.gathering
	return !g.urgent && !w.closed && len(w.queue) > 0 && len(w.queue) < gatherOps && g.bytes < gatherBytes && len(w.behind) == 0 &&
		w.err() == nil && time.Since(g.since) < gatherFor
}

// left takes note of what the next transaction takes out of the queue; mu is held.
func (w *writer) left(ops []*op) {
	w.writing = 0
	for _, o := range ops {
		if o.told() {
			w.writing++
		}
	}
	w.queued -= w.writing
	if len(w.queue) == 0 {
		w.urgent = false
	}
}

// cameBack takes note of what a failed transaction leaves in the queue; mu is held.
func (w *writer) cameBack() {
	w.urgent, w.queued, w.writing = len(w.queue) > 0, 0, 0
	for _, o := range w.queue {
		if o.told() {
			w.queued++
		}
	}
}

// catchUp has what callers may have been told be written, so that a read that comes after sees it. Where the disk fails
// or the ledger is closed, there is nothing to wait for.
func (w *writer) catchUp(ctx context.Context) {
	w.mu.Lock()
	waiting := w.queued+w.writing > 0 && !w.closed
	w.mu.Unlock()
	if !waiting || w.err() != nil {
		return
	}
	written := make(chan struct{})
	w.put(&op{kind: opNothing, done: func(error) { close(written) }})
	patience := time.NewTimer(catchUpAtMost)
	defer patience.Stop()
	select {
	case <-written:
	case <-patience.C:
	case <-ctx.Done():
	}
}

// Hurry has what waits for company be written now. It does not wait for that.
func (l *Ledger) Hurry() {
	w := l.writer
	w.mu.Lock()
	hurries := len(w.queue) > 0 && !w.urgent
	w.urgent = len(w.queue) > 0
	w.mu.Unlock()
	if hurries {
		w.signal()
	}
}
