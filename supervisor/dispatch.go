package supervisor

import (
	"slices"
	"time"

	"github.com/whipper-sidecar/whipper/ledger"
)

// dispatch hands waiting calls to free slots, unless the disk is too far behind, and takes on workers for those that find none; mu is held.
func (p *Pool) dispatch() {
	now, crowded := time.Now(), false
	for !p.paused {
		from := p.nextQueue()
		if from == nil {
			break
		}
		c := from.first()
		if c.expired(now) {
			p.expire(from.take())
			continue
		}
		if crowded = p.crowded(); crowded {
			break
		}
		if !p.letIn(c) {
			continue
		}
		if c.job.Alone {
			if !p.placeAlone(from, c) {
				break
			}
			continue
		}
		w := p.freeWorker()
		if w == nil {
			break
		}
		from.take()
		p.turn = !p.turn
		p.assign(w, c)
	}
	p.park()
	if !crowded {
		p.grow()
	}
	if p.phase == poolDraining {
		if p.invokes.Len() == 0 && p.lanes.invokes() == 0 && !p.stopping {
			p.stopping = true
			for _, w := range p.seats {
				w.tell(command{kind: stop})
			}
		}
		return
	}
	size := p.windowSize()
	if !p.exhausted && p.window.Len() <= size/2 || len(p.lanes.due) > 0 && p.window.Len() < size {
		p.wakeClaimer()
	}
}

// nextQueue gives the queue whose first call is next: the higher priority's; in turn when both are equal, so that neither a
// backlog of jobs nor a flood of invokes starves the other.
func (p *Pool) nextQueue() *queue {
	i, w := p.invokes.first(), p.window.first()
	switch {
	case i == nil && w == nil:
		return nil
	case w == nil:
		return &p.invokes
	case i == nil:
		return &p.window
	case i.job.Priority > w.job.Priority:
		return &p.invokes
	case i.job.Priority < w.job.Priority || p.turn:
		return &p.window
	}
	return &p.invokes
}

// placeAlone gives a call that must share its process with no other to an idle worker, or reserves one for it: one that is starting or
// can be taken on, else the one with the fewest calls. Should another one be idle sooner, that gets it. False: every worker is taken or
// reserved already.
func (p *Pool) placeAlone(from *queue, c *call) bool {
	var best, coming *worker
	for _, w := range p.seats {
		s := &w.seat
		switch {
		case s.open() && !s.alone && (best == nil || s.taken < best.seat.taken):
			best = w
		case coming == nil && s.coming():
			coming = w
		}
	}
	if (best == nil || best.seat.taken > 0) && p.boots.failures() == 0 {
		switch {
		case coming != nil:
			best = coming
		case p.mayGrow() && p.vacancies() > 0:
			best = p.addWorker()
		}
	}
	if best == nil {
		return false
	}
	from.take()
	p.turn = !p.turn
	if best.seat.open() && best.seat.taken == 0 {
		p.assign(best, c)
	} else {
		best.seat.reserved = c
	}
	return true
}

// assign gives a call to a worker; mu is held.
func (p *Pool) assign(w *worker, c *call) {
	s := &w.seat
	s.taken++
	s.alone = c.job.Alone
	if p.dozing { // somebody has to look at its memory now
		p.dozing = false
		p.wakeMemory()
	}
	p.tellStatus(w)
	if s.taken > s.done.MaxSeenConcurrentCalls {
		p.count(w, tally{MaxSeenConcurrentCalls: s.taken})
	}
	c.worker = w
	w.hand(command{kind: take, call: c})
	p.countCall(w)
}

// release frees the slot of a worker that a call has had.
func (p *Pool) release(w *worker, c *call) {
	p.mu.Lock()
	defer p.mu.UnlockWith(w.cork)
	c.slotFree = true
	p.leaveLanes(c)
	p.vacate(w)
	p.dispatch()
}

func (p *Pool) vacate(w *worker) {
	s := &w.seat
	s.taken--
	if s.taken > 0 {
		p.tellStatus(w)
		return
	}
	s.alone = false
	p.tellStatus(w)
	p.seatReserved(w)
}

// seatReserved gives an empty worker the call that is to have it for itself, or one that waits for another worker; mu is held.
func (p *Pool) seatReserved(w *worker) {
	if p.paused || w.seat.retiring || w.seat.slots == 0 {
		return
	}
	from := w
	if from.seat.reserved == nil {
		i := slices.IndexFunc(p.seats, func(other *worker) bool { return other.seat.reserved != nil })
		if i < 0 {
			return
		}
		from = p.seats[i]
	}
	c := from.seat.reserved
	from.seat.reserved = nil
	if c.expired(time.Now()) {
		p.expire(c)
	} else {
		p.assign(w, c)
	}
}

// giveBack returns a call that a worker could not start. The worker gets no other until it has another process.
func (p *Pool) giveBack(w *worker, c *call) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.worker = nil
	p.letOut(c) // what may run may have changed meanwhile
	p.close(w)
	p.vacate(w)
	if c.cancelled {
		p.finishWaiting(c, ledger.Cancelled, cancelledError())
	} else {
		p.enqueue(c)
	}
	p.dispatch()
}

// enqueue puts a call in its queue; mu is held. A call that comes back keeps its place. While the pool drains, what is queued
// on disk is left there for the next start.
func (p *Pool) enqueue(c *call) {
	if p.phase == poolDraining && c.caller == nil {
		p.forget(c)
		return
	}
	if c.seq == 0 {
		p.lastSeq++
		c.seq = p.lastSeq
	}
	if c.caller != nil {
		p.invokes.add(c)
	} else {
		p.window.add(c)
	}
}

// mayGrow says whether workers are taken on for calls that wait; mu is held.
func (p *Pool) mayGrow() bool {
	return !p.paused && !p.boots.fatal && !p.boots.degraded() && !p.stopping && len(p.seats) > 0 // else the last one has gone: Run is about to end
}

// grow takes on workers for calls that find no slot, now or in the workers that are starting; mu is held.
func (p *Pool) grow() {
	if !p.mayGrow() {
		return
	}
	coming := 0
	for _, w := range p.seats {
		if w.seat.coming() {
			coming += p.slots
		}
	}
	vacancies := p.vacancies()
	for waiting := p.invokes.Len() + p.window.Len(); waiting > coming && vacancies > 0; coming += p.slots {
		p.addWorker()
		vacancies--
	}
}
