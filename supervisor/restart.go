package supervisor

import (
	"context"
	"fmt"
	"slices"
)

// RestartError is a rolling restart that was given up because a new process did not get ready.
type RestartError struct {
	Pool     string
	Replaced int    // workers that had been replaced by then
	Reason   string // why, with the last lines that the process printed
}

func (e *RestartError) Error() string {
	return fmt.Sprintf("restart of pool %q was given up, the workers that it had go on serving: %s", e.Pool, e.Reason)
}

// rollout is one rolling restart under way.
type rollout struct {
	left     map[*worker]task // that are not done
	replaced int
	failure  string
	drained  bool          // the pool's end has put an end to it
	done     chan struct{} // closed when left is empty, or with a failure
}

// task is what a rollout wants of a worker.
type task int

const (
	beReplaced task = iota // its process is of before
	getReady               // its process is a new one
)

// Restart replaces every process that the pool has now, one after the other, each only once its replacement is ready, and returns
// how many workers were replaced. No call is failed for it: a process that is replaced finishes those that it has. Workers that
// wait for their next try to start try at once.
//
// A replacement that does not get ready ends it with a *RestartError: the workers that are left go on serving, and those that were
// replaced stay replaced. A drain ends it with an error that says so. When ctx ends first, the restart goes on without being waited for.
func (p *Pool) Restart(ctx context.Context) (replaced int, err error) {
	r := &rollout{left: map[*worker]task{}, done: make(chan struct{})}
	p.mu.Lock()
	if p.stopping || p.phase == poolDraining {
		p.mu.Unlock()
		return 0, shuttingDown(p.name)
	}
	p.boots.unready, p.boots.brief, p.boots.reason = 0, 0, "" // whoever restarts has changed something
	for _, w := range p.seats {
		switch {
		case w.seat.retiring:
		case w.seat.state == Created:
			r.left[w] = getReady
			w.tell(command{kind: forkNow})
		default:
			r.left[w] = beReplaced
		}
	}
	if len(r.left) > 0 {
		p.rollouts = append(p.rollouts, r)
		for w := range r.left {
			if n := w.seat.replacement; n != nil && n.seat.slots > 0 {
				p.retire(w, endRestart) // its successor is of before as well, and next
			}
		}
		p.roll()
	} else {
		close(r.done)
	}
	p.dispatch() // a call may have lost the worker that it was to have for itself
	p.mu.Unlock()
	select {
	case <-r.done:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	if r.drained {
		return r.replaced, shuttingDown(p.name)
	}
	if r.failure != "" {
		return r.replaced, &RestartError{Pool: p.name, Replaced: r.replaced, Reason: r.failure}
	}
	return r.replaced, nil
}

// mustGo says whether a rollout wants the worker's process replaced; mu is held.
func (p *Pool) mustGo(w *worker) bool {
	return slices.ContainsFunc(p.rollouts, func(r *rollout) bool {
		t, there := r.left[w]
		return there && t == beReplaced
	})
}

// replaced notes in the rollouts that another worker serves in this one's place; mu is held.
func (p *Pool) replaced(w *worker) {
	p.advance(func(r *rollout) {
		if _, there := r.left[w]; there {
			delete(r.left, w)
			r.replaced++
		}
	})
}

// gotReady notes in the rollouts that a worker's new process serves; mu is held.
func (p *Pool) gotReady(w *worker) {
	p.advance(func(r *rollout) {
		if t, there := r.left[w]; there && t == getReady {
			delete(r.left, w)
			r.replaced++
		}
	})
}

// endedByItself notes in the rollouts that a worker's process is gone: what is to get ready is its next one, which heir will have;
// mu is held.
func (p *Pool) endedByItself(w, heir *worker) {
	for _, r := range p.rollouts {
		if _, there := r.left[w]; there {
			delete(r.left, w)
			r.left[heir] = getReady
		}
	}
}

// advance changes the rollouts and lets go of those that are done; mu is held.
func (p *Pool) advance(change func(*rollout)) {
	p.rollouts = slices.DeleteFunc(p.rollouts, func(r *rollout) bool {
		change(r)
		if len(r.left) == 0 {
			close(r.done)
		}
		return len(r.left) == 0
	})
}

// giveUp ends all rollouts that a worker is part of, itself or as a replacement; mu is held.
func (p *Pool) giveUp(w *worker, why string) (gaveUp bool) {
	p.rollouts = slices.DeleteFunc(p.rollouts, func(r *rollout) bool {
		t, there := r.left[w]
		if old := w.seat.replaces; !there && old != nil {
			_, there = r.left[old]
			t = getReady
		}
		if !there || t == beReplaced {
			return false
		}
		r.failure = why
		close(r.done)
		gaveUp = true
		return true
	})
	return gaveUp
}

// endRollouts ends all rollouts because the pool does; mu is held.
func (p *Pool) endRollouts() {
	for _, r := range p.rollouts {
		r.drained = true
		close(r.done)
	}
	p.rollouts = nil
}
