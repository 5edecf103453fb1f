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
	degradedAfter  = 5 // processes in a row that never got ready
)

// boots remembers the processes that ended before they were ready.
type boots struct {
	failures int // in a row
	reason   string
	any      bool // a process has been started once
}

// delay is how long to wait before the next process: twice as long after each failure, spread by half.
func (b *boots) delay() time.Duration {
	d := maxBootDelay
	if b.failures < 10 {
		d = min(d, firstBootDelay<<(b.failures-1))
	}
	return d/2 + rand.N(d/2+1)
}

func (b *boots) degraded() bool { return b.failures >= degradedAfter }

// stateChanged keeps the pool's view of a worker.
func (p *Pool) stateChanged(w *worker, s State) {
	p.mu.Lock()
	defer p.mu.Unlock()
	w.seat.state = s
	if s != Processing {
		w.seat.slots = 0
	}
	if s == Flushing {
		p.handBackReserved(w)
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
}

// ready opens a worker's slots.
func (p *Pool) ready(w *worker, declared jsonrpc.InitializeResult) {
	p.mu.Lock()
	defer p.mu.Unlock()
	w.seat.slots = max(declared.Concurrency, 1)
	if p.opts.MaxConcurrentCalls > 0 {
		w.seat.slots = p.opts.MaxConcurrentCalls
	}
	p.slots = w.seat.slots
	p.methods = nil
	for _, m := range declared.Methods {
		p.methods = append(p.methods, m.Name)
	}
	if p.boots.degraded() {
		p.log.Info("pool has recovered")
	}
	p.boots.failures, p.boots.reason = 0, ""
	if p.phase == poolStarting {
		p.phase = poolServing
	}
	p.readyOnce.Do(func() { close(p.readyCh) })
	p.dispatch()
}

// exited notes that a worker has no process, and says whether it is to start another one, and after how long.
func (p *Pool) exited(w *worker, end processEnd) (again bool, delay time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.handBackReserved(w)
	w.seat.pid = 0
	if !p.boots.any && end.err != nil {
		var start *StartError
		if errors.As(end.err, &start) {
			select {
			case p.fatal <- end.err:
			default:
			}
			w.seat.retiring = true
		}
	}
	if w.seat.retiring || p.stopping {
		p.gone.add(w.seat.stats)
		p.seats = slices.DeleteFunc(p.seats, func(other *worker) bool { return other == w })
		p.dispatch()
		return false, 0
	}
	if !end.ready {
		p.boots.failures++
		p.boots.reason = end.reason()
		if p.boots.failures == degradedAfter {
			p.log.Error("pool is degraded: workers end before they are ready; its jobs are kept and it goes on trying", "reason", p.boots.reason)
		}
		delay = p.boots.delay()
	}
	return true, delay
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
