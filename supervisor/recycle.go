package supervisor

import (
	"context"
	"log/slog"
	"time"
)

// Why a worker is to be replaced though nothing is wrong with it.
const (
	dueCalls  = "max-total-calls" // it has been given almost as many as a process may get
	dueAge    = "max-age"         // it has lived for as long as a process may
	dueMemory = "max-rss"         // its processes hold more than they should
)

// wornOut has a worker replaced: a new one is started beside it, and it goes on serving until that is ready.
func (p *Pool) wornOut(w *worker, why string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.recycle(w, why)
	p.dispatch()
}

// recycle has a worker replaced; mu is held. One that only waits for its last few calls, which may not come for a long time, waits no
// more when there is another reason.
func (p *Pool) recycle(w *worker, why string) {
	if w.seat.retiring || w.seat.due != "" && w.seat.due != dueCalls {
		return
	}
	w.seat.due = why
	level := slog.LevelDebug
	if why == dueMemory {
		level = slog.LevelInfo
	}
	p.log.Log(context.Background(), level, "worker is to be replaced", "worker", w.id, "pid", w.seat.pid, "reason", why)
	if next := w.seat.replacement; next != nil && next.seat.sound && next.seat.slots > 0 {
		p.succeed(next)
		return
	}
	p.roll()
}

// countCall ends a worker that has been given as many calls as a process may get, and has its successor start a little earlier,
// so that no slot is missing meanwhile; mu is held.
func (p *Pool) countCall(w *worker) {
	s := &w.seat
	s.given++
	most := p.opts.MaxTotalCalls
	if most == 0 || s.retiring {
		return
	}
	if s.given < most {
		if s.due == "" && s.given >= most-p.lead(s, most) {
			p.recycle(w, dueCalls)
		}
		return
	}
	followed := s.replacement != nil
	s.due = dueCalls
	p.retire(w, dueCalls)
	if !followed && !p.stopping && p.vacancies() > 0 {
		p.addWorker()
	}
	p.roll()
}

// lead is how many calls before its last one a worker's successor is started: as many as it takes at once, or as it is given while
// processes boot, one after the other, for all workers, which may be due together. mu is held.
func (p *Pool) lead(s *seat, most int) int {
	lead := s.slots
	if lived := time.Since(s.readyAt); lived > 0 {
		perBoot := float64(s.given) * p.bootTook.Seconds() / lived.Seconds()
		lead = max(lead, min(most/2, int(perBoot*float64(len(p.seats)+1))))
	}
	return lead
}

// roll starts the next replacement, one at a time, so that there is never more than one process above MaxWorkers, besides those
// that restarts have finish their last calls, of which there are never more than MaxWorkers; mu is held.
func (p *Pool) roll() {
	if p.ending() {
		return
	}
	var next, spare *worker
	for _, w := range p.seats {
		s := &w.seat
		switch {
		case s.retiring:
		case s.replaces != nil && s.slots == 0:
			return // it is starting
		case s.replaces != nil:
			spare = w
		case next == nil && s.replacement == nil && (s.due != "" || p.mustGo(w)):
			next = w
		}
	}
	if next == nil {
		return
	}
	if spare != nil { // it is ready, and only waits for its predecessor's last calls
		p.retire(spare.seat.replaces, dueCalls)
	}
	staying, beyond := p.crowd()
	if p.mustGo(next) {
		beyond, staying = len(p.seats)-staying-beyond, 1 // those that restarts have finish their last calls, and this one
	}
	if staying+beyond > p.opts.MaxWorkers {
		return // until one that finishes its last calls has gone
	}
	w := p.newSeat()
	w.seat.successor, w.seat.replaces, next.seat.replacement, next.seat.succeeded = true, next, w, true
}

// succeed has a replacement take over once it is ready; mu is held. One that may be given a few more calls goes on until then.
func (p *Pool) succeed(w *worker) {
	if old := w.seat.replaces; old != nil && (old.seat.due != dueCalls || p.mustGo(old)) {
		p.retire(old, old.seat.due)
	}
	p.roll()
}

// retire has a worker take no more calls and end when it has answered those that it has; mu is held. why is told with the event of
// its end; "" is a restart.
func (p *Pool) retire(w *worker, why string) {
	if why == "" {
		why = endRestart
	}
	p.leave(w)
	w.tell(command{kind: stop, why: why})
}

// leave notes that a worker is on its way out; mu is held. Its replacement is an ordinary worker from then on.
func (p *Pool) leave(w *worker) {
	s := &w.seat
	s.retiring = true
	p.recount(w)
	if c := s.reserved; c != nil {
		s.reserved = nil
		p.enqueue(c)
	}
	p.unlink(w)
	p.replaced(w)
}

// unlink parts a worker from the one that it replaces and from the one that replaces it; mu is held.
func (p *Pool) unlink(w *worker) {
	s := &w.seat
	if old := s.replaces; old != nil {
		old.seat.replacement, s.replaces = nil, nil
	}
	if next := s.replacement; next != nil {
		next.seat.replaces, s.replacement = nil, nil
	}
}

// crowd counts the workers that are not on their way out and will not take another's place, and those beyond that recycling has
// brought about: replacements, and worn-out ones that finish their last calls. These may take long, and their successors may be
// worn out meanwhile, so they count; those that a restart has told to end do not. mu is held.
func (p *Pool) crowd() (staying, beyond int) {
	for _, w := range p.seats {
		switch s := &w.seat; {
		case !s.retiring && s.replaces == nil:
			staying++
		case !s.retiring || s.due != "":
			beyond++
		}
	}
	return staying, beyond
}

func (p *Pool) staying() int {
	staying, _ := p.crowd()
	return staying
}

// vacancies is how many workers may be taken on: not more than MaxWorkers that stay, and not more than one beyond in all; mu is
// held.
func (p *Pool) vacancies() int {
	staying, beyond := p.crowd()
	return p.opts.MaxWorkers - staying - max(0, beyond-1)
}

// ending says whether no more workers are wanted but for callers who wait; mu is held.
func (p *Pool) ending() bool { return p.stopping || p.phase == poolDraining || p.boots.fatal }
