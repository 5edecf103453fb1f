package supervisor

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/whipper-sidecar/whipper/jsonrpc"
)

const (
	firstBootDelay = 100 * time.Millisecond
	maxBootDelay   = 30 * time.Second
	degradedAfter  = 5    // processes in a row that were of no use
	maxDeclared    = 1000 // calls at once: what a worker may declare
)

// boots remembers the processes that were of no use.
type boots struct {
	unready int // in a row that ended before they were ready
	brief   int // in a row that ended right after
	reason  string
	any     bool // a process has been started once
	fatal   bool // the command cannot be started at all
}

func (b *boots) failures() int { return max(b.unready, b.brief) }

// delay is how long to wait before the next process: twice as long after each failure, spread by half.
func (b *boots) delay() time.Duration {
	d := maxBootDelay
	if n := b.failures(); n < 10 {
		d = min(d, firstBootDelay<<(n-1))
	}
	return d/2 + rand.N(d/2+1)
}

func (b *boots) degraded() bool { return b.failures() >= degradedAfter }

// stateChanged keeps the pool's view of a worker.
func (p *Pool) stateChanged(w *worker, s State) {
	p.mu.Lock()
	defer p.mu.Unlock()
	from := w.seat.state
	w.seat.state = s
	p.tellState(w, from, s)
	if s != Processing {
		p.close(w)
	}
}

// closeSlots has a worker get no more calls until it has another process.
func (p *Pool) closeSlots(w *worker) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.close(w)
}

// close closes a worker's slots; mu is held. A call that was to have the worker for itself goes back into its queue.
func (p *Pool) close(w *worker) {
	w.seat.slots = 0
	p.tellStatus(w)
	p.tellAvailability()
	if c := w.seat.reserved; c != nil {
		w.seat.reserved = nil
		p.enqueue(c)
		p.dispatch()
	}
}

// started notes a new process.
func (p *Pool) started(w *worker, proc *process) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.boots.any = true
	s := &w.seat
	s.pid, s.tailShown = proc.pid, &proc.tail
	s.given, s.sound = 0, false
	s.startedAt = time.Now()
	s.cpu = cpuSample{at: s.startedAt}
	forked := tally{ForkCount: 1}
	if s.done.ForkCount > 0 || s.successor {
		forked.ResetCount = 1
	}
	p.count(w, forked)
	p.metrics.Forked()
	if forked.ResetCount > 0 {
		p.metrics.Reset()
	}
	p.recount(w)
	p.workerEvent(processCreated, w, proc.pid, jsonrpc.Event{})
}

// ready opens a worker's slots.
func (p *Pool) ready(w *worker, declared jsonrpc.InitializeResult) {
	p.mu.Lock()
	defer p.mu.Unlock()
	w.seat.slots = min(max(declared.Concurrency, 1), maxDeclared)
	if n := w.opts.MaxConcurrentCalls; n > 0 {
		w.seat.slots = n
	}
	if n := p.opts.MaxTotalCalls; n > 0 {
		w.seat.slots = min(w.seat.slots, n)
	}
	p.slots, p.slotsKnown = w.seat.slots, true
	w.seat.readyAt = time.Now()
	p.bootTook = w.seat.readyAt.Sub(w.seat.startedAt)
	p.tellStatus(w)
	p.tellAvailability()
	p.program, p.methods = nil, nil
	if declared.Name != "" {
		p.program = &jsonrpc.Program{Name: brief(declared.Name), Version: brief(declared.Version)}
	}
	for _, m := range declared.Methods {
		p.methods = append(p.methods, m.Name)
	}
	degraded := p.boots.degraded()
	p.boots.unready = 0
	p.recovered(degraded)
	if p.phase == poolStarting {
		p.phase = poolServing
	}
	p.readyOnce.Do(func() { close(p.readyCh) })
	p.settle()
	if w.opts.Handshake != HandshakeNone { // else it has not said anything yet
		p.cameUp(w)
	}
	if w.seat.taken == 0 {
		p.seatReserved(w)
	}
	p.dispatch()
}

// proved notes that a process was of use.
func (p *Pool) proved(w *worker) {
	p.mu.Lock()
	defer p.mu.Unlock()
	degraded := p.boots.degraded()
	p.boots.brief = 0
	p.recovered(degraded)
	if !w.seat.sound {
		p.cameUp(w)
		p.dispatch()
	}
}

// cameUp notes that a worker's process is sound, so that another one may go for it; mu is held.
func (p *Pool) cameUp(w *worker) {
	w.seat.sound = true
	p.gotReady(w)
	p.succeed(w)
}

// recovered says so if the pool was degraded and is not any more; mu is held.
func (p *Pool) recovered(degraded bool) {
	if degraded && !p.boots.degraded() {
		p.log.Info("pool has recovered")
		for _, w := range p.seats { // whatever kept them from starting is over
			w.tell(command{kind: forkNow})
		}
	}
	if p.boots.failures() == 0 {
		p.boots.reason = ""
	}
}

// exited notes that a worker has no process, and says whether it is to start another one, and after how long.
func (p *Pool) exited(w *worker, end processEnd) (again bool, delay time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.noteExit(w)
	w.seat.pid = 0
	p.recount(w)
	var start *StartError
	if !p.boots.any && !p.opts.KeepTrying && errors.As(end.err, &start) {
		p.boots.fatal = true
		select {
		case p.fatal <- start:
		default:
		}
		w.seat.retiring = true
	}
	if w.seat.retiring || p.stopping || p.makesRoom(w, end) {
		p.remove(w)
		return false, 0
	}
	switch {
	case end.proven:
		return true, 0
	case end.ready:
		p.boots.brief++
	default:
		p.boots.unready++
	}
	p.boots.reason = end.reason()
	degraded := p.boots.failures() == degradedAfter
	if end.err != nil && p.opts.KeepTrying && p.boots.unready < degradedAfter { // no use in trying at once
		p.boots.unready, degraded = degradedAfter, true
	}
	if degraded {
		p.log.Error("pool is degraded: its workers end before they are of use; its jobs are kept and it goes on trying", "reason", p.boots.reason)
		p.settle()
	}
	if p.hopeless() {
		p.failWaiting(p.degradedError())
	}
	return true, p.boots.delay()
}

// makesRoom says whether a worker whose process has ended is to go for good: its replacement is on the way, or it was itself
// started to replace another one, has not come up, and nothing but a restart wanted it; mu is held.
func (p *Pool) makesRoom(w *worker, end processEnd) bool {
	s := &w.seat
	sound := s.sound
	s.due, s.sound = "", false
	if next := s.replacement; next != nil {
		p.endedByItself(w, next)
		return true
	}
	if !sound {
		if p.giveUp(w, end.reason()) {
			p.log.Error("restart is given up, the workers that are left go on serving", "worker", w.id, "reason", end.reason())
		}
		if old := s.replaces; old != nil && old.seat.due == "" {
			return true
		}
	}
	p.endedByItself(w, w)
	return false
}

// remove lets go of a worker for good; mu is held.
func (p *Pool) remove(w *worker) {
	p.leave(w)
	w.seat.left = true
	p.recount(w)
	p.seats = slices.DeleteFunc(p.seats, func(other *worker) bool { return other == w })
	if w.seat.due != "" && !w.seat.succeeded {
		p.owed++
	}
	for !p.ending() && p.staying() < p.opts.MinWorkers && p.vacancies() > 0 {
		p.addWorker() // there was no room for it before
	}
	p.roll()
	p.dispatch()
}

// hopeless says whether the pool is degraded and no worker serves: calls would wait for nobody knows how long. While others
// serve, one that cannot get ready, as for lack of memory, is no reason to refuse calls; mu is held.
func (p *Pool) hopeless() bool {
	return p.boots.degraded() && !slices.ContainsFunc(p.seats, func(w *worker) bool { return w.seat.slots > 0 })
}

// degradedError is what callers hear while no worker gets ready; mu is held. Submitted jobs are kept for better times.
func (p *Pool) degradedError() *jsonrpc.Error {
	return jsonrpc.Errorf(jsonrpc.CodeWorkerCrashed, "pool %q is degraded, its workers end before they are of use: %s", p.name, p.boots.reason)
}

// mayShrink says whether an idle worker may end, and retires it then.
func (p *Pool) mayShrink(w *worker) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := &w.seat
	if s.taken > 0 || s.reserved != nil || s.replacement != nil || s.replaces != nil || p.staying() <= p.opts.MinWorkers {
		return false
	}
	p.leave(w)
	return true
}

// brief keeps what a worker says of itself short.
func brief(s string) string {
	const most = 200 // bytes
	return strings.ToValidUTF8(s[:min(len(s), most)], "")
}
