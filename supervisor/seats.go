package supervisor

import (
	"errors"
	"math/rand/v2"
	"slices"
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
	p.tellState(w, w.seat.state, s)
	w.seat.state = s
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
	w.seat.pid, w.seat.tailShown = proc.pid, &proc.tail
	if w.seat.stats.ForkCount > 0 {
		w.seat.stats.ResetCount++
	}
	w.seat.stats.ForkCount++
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
	p.slots = w.seat.slots
	p.tellStatus(w)
	p.tellAvailability()
	p.methods = nil
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
	p.dispatch()
}

// proved notes that a process was of use.
func (p *Pool) proved() {
	p.mu.Lock()
	defer p.mu.Unlock()
	degraded := p.boots.degraded()
	p.boots.brief = 0
	p.recovered(degraded)
}

// recovered says so if the pool was degraded and is not any more; mu is held.
func (p *Pool) recovered(degraded bool) {
	if degraded && !p.boots.degraded() {
		p.log.Info("pool has recovered")
	}
	if p.boots.failures() == 0 {
		p.boots.reason = ""
	}
}

// exited notes that a worker has no process, and says whether it is to start another one, and after how long.
func (p *Pool) exited(w *worker, end processEnd) (again bool, delay time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	w.seat.pid = 0
	var start *StartError
	if !p.boots.any && errors.As(end.err, &start) {
		p.boots.fatal = true
		select {
		case p.fatal <- start:
		default:
		}
		w.seat.retiring = true
	}
	if w.seat.retiring || p.stopping {
		p.gone.add(w.seat.stats)
		p.seats = slices.DeleteFunc(p.seats, func(other *worker) bool { return other == w })
		p.dispatch()
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
	if p.boots.failures() == degradedAfter {
		p.log.Error("pool is degraded: its workers end before they are of use; its jobs are kept and it goes on trying", "reason", p.boots.reason)
		p.settle()
	}
	if p.hopeless() {
		p.failWaiting(p.degradedError())
	}
	return true, p.boots.delay()
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
	if w.seat.taken > 0 || w.seat.reserved != nil || p.staying() <= p.opts.MinWorkers {
		return false
	}
	w.seat.retiring = true
	return true
}

// staying counts the workers that are not on their way out; mu is held.
func (p *Pool) staying() int {
	n := 0
	for _, w := range p.seats {
		if !w.seat.retiring {
			n++
		}
	}
	return n
}
