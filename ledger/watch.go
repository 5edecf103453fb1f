package ledger

import (
	"context"
	"slices"
	"sync"
)

const (
	statesSQL = `SELECT id, state FROM job WHERE id IN (SELECT value FROM json_each(?))`
	readChunk = 1000 // jobs a query
)

// watches is who waits for which job to end.
type watches struct {
	mu     sync.Mutex
	byJob  map[int64][]*watch
	kept   map[int64]int // jobs that somebody has yet to read, and how many there are who do
	closed bool
}

// watch is one caller's wait.
type watch struct {
	missing map[int64]struct{} // jobs that are not known to have ended; guarded by watches.mu
	done    chan struct{}      // closed when missing is empty, or the ledger closes
}

func newWatches() *watches {
	return &watches{byJob: make(map[int64][]*watch), kept: make(map[int64]int)}
}

// Wait returns the jobs, in the order of ids, once all of them are terminal. It learns that from the commits and asks
// the disk but twice. A job that is not in the ledger is a *NotFoundError.
func (l *Ledger) Wait(ctx context.Context, ids []int64, r Reading) ([]Job, error) {
	l.watches.keep(ids, 1)
	defer l.watches.keep(ids, -1)
	for {
		if err := l.awaitEnd(ctx, ids); err != nil {
			return nil, err
		}
		if r.Begin != nil {
			if err := r.Begin(ctx); err != nil {
				return nil, err
			}
		}
		jobs, err := l.Outcomes(ctx, ids, r)
		if err != nil {
			return nil, err
		}
		// One that was retried between its end and this read has yet to end.
		if !slices.ContainsFunc(jobs, func(j Job) bool { return !j.State.Terminal() }) {
			return jobs, nil
		}
		if r.Begin != nil {
			r.Undo()
		}
	}
}

// awaitEnd waits until each of the jobs has been terminal.
func (l *Ledger) awaitEnd(ctx context.Context, ids []int64) error {
	w, ok := l.watches.add(ids)
	if !ok {
		return ErrClosed
	}
	defer l.watches.remove(w)
	// From here on no commit goes unnoticed; what ended before is found by reading.
	if err := l.markEnded(ctx, w, ids); err != nil {
		return err
	}
	select {
	case <-w.done:
	case <-ctx.Done():
		return ctx.Err()
	}
	if !l.watches.complete(w) {
		return ErrClosed
	}
	return nil
}

// keep has jobs be spared by prunes that do not name them, for one more who waits for them, or one less.
func (ws *watches) keep(ids []int64, n int) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	for _, id := range ids {
		if ws.kept[id] += n; ws.kept[id] == 0 {
			delete(ws.kept, id)
		}
	}
}

// watched says whether somebody waits for a job, perhaps along with others, and has yet to read how it ended.
func (ws *watches) watched(id int64) bool {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	return ws.kept[id] > 0
}

// markEnded tells the watch which of the jobs are terminal on disk.
func (l *Ledger) markEnded(ctx context.Context, w *watch, ids []int64) error {
	states, err := l.States(ctx, ids)
	if err != nil {
		return err
	}
	var ended []int64
	for _, id := range ids {
		state, ok := states[id]
		if !ok {
			return &NotFoundError{ID: id}
		}
		if state.Terminal() {
			ended = append(ended, id)
		}
	}
	l.watches.mark(w, ended)
	return nil
}

// chunks cuts ids into pieces of readChunk.
func chunks(ids []int64) func(yield func([]int64) bool) {
	return func(yield func([]int64) bool) {
		for len(ids) > 0 {
			n := min(len(ids), readChunk)
			if !yield(ids[:n]) {
				return
			}
			ids = ids[n:]
		}
	}
}

// add registers a wait. ok is false when the ledger is closed.
func (ws *watches) add(ids []int64) (w *watch, ok bool) {
	w = &watch{missing: make(map[int64]struct{}, len(ids)), done: make(chan struct{})}
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if ws.closed {
		return nil, false
	}
	for _, id := range ids {
		if _, ok := w.missing[id]; !ok {
			w.missing[id] = struct{}{}
			ws.byJob[id] = append(ws.byJob[id], w)
		}
	}
	if len(ids) == 0 {
		close(w.done)
	}
	return w, true
}

// remove forgets a wait, whether or not it is over.
func (ws *watches) remove(w *watch) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	for id := range w.missing {
		ws.drop(id, w)
	}
}

// mark takes jobs off a wait.
func (ws *watches) mark(w *watch, ids []int64) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	for _, id := range ids {
		if _, ok := w.missing[id]; ok {
			ws.drop(id, w)
			ws.settle(w, id)
		}
	}
}

// ended tells all waits of the jobs that a commit has ended.
func (ws *watches) ended(ids []int64) {
	if len(ids) == 0 {
		return
	}
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if len(ws.byJob) == 0 {
		return
	}
	for _, id := range ids {
		for _, w := range ws.byJob[id] {
			ws.settle(w, id)
		}
		delete(ws.byJob, id)
	}
}

// settle takes one job off a wait. The caller holds the lock.
func (ws *watches) settle(w *watch, id int64) {
	delete(w.missing, id)
	if len(w.missing) == 0 {
		close(w.done)
	}
}

// drop takes a wait off a job's list. The caller holds the lock.
func (ws *watches) drop(id int64, w *watch) {
	list := ws.byJob[id]
	for i, other := range list {
		if other == w {
			list[i] = list[len(list)-1]
			list[len(list)-1] = nil
			list = list[:len(list)-1]
			break
		}
	}
	if len(list) == 0 {
		delete(ws.byJob, id)
		return
	}
	ws.byJob[id] = list
}

// complete says whether all jobs of a wait have ended.
func (ws *watches) complete(w *watch) bool {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	return len(w.missing) == 0
}

// close ends all waits.
func (ws *watches) close() {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	ws.closed = true
	waiting := make(map[*watch]struct{})
	for _, list := range ws.byJob {
		for _, w := range list {
			waiting[w] = struct{}{}
		}
	}
	for w := range waiting {
		close(w.done)
	}
	clear(ws.byJob)
}
