package supervisor

import (
	"context"
	"slices"

	"github.com/whipper-sidecar/whipper/jsonrpc"
)

// stats counts what the worker has done; the pool's lock is held.
func (w *worker) stats() jsonrpc.WorkerStats {
	s := jsonrpc.WorkerStats(w.seat.done)
	s.StrayLines = w.strays.Load()
	return s
}

// The working statuses of a worker.
const (
	idle       = "idle"
	busy       = "busy"
	atCapacity = "atCapacity"
)

func (s *seat) workingStatus() string {
	switch {
	case s.taken == 0:
		return idle
	case s.taken < s.slots && !s.alone:
		return busy
	}
	return atCapacity
}

// Workers describes the workers, oldest first, and measures what their processes use.
func (p *Pool) Workers() []jsonrpc.Worker {
	workers := p.workerRows()
	p.addUsage(workers)
	return workers
}

// workerRows describes the workers without measuring.
func (p *Pool) workerRows() []jsonrpc.Worker {
	p.mu.Lock()
	defer p.mu.Unlock()
	workers := make([]jsonrpc.Worker, 0, len(p.seats))
	for _, w := range p.seats {
		d := jsonrpc.Worker{
			ID: w.id, Pool: p.name, PID: w.seat.pid, State: string(w.seat.state),
			WorkingStatus: w.seat.workingStatus(), Calls: w.seat.taken, Stats: w.stats(), LastExit: w.seat.lastExit,
		}
		if w.seat.pid != 0 {
			d.StartedAt = &jsonrpc.Time{Time: w.seat.startedAt}
		}
		if w.seat.tailShown != nil {
			d.StderrTail = w.seat.tailShown.String()
		}
		workers = append(workers, d)
	}
	return workers
}

// Status describes the pool's condition. Jobs is nil while the ledger cannot be read.
func (p *Pool) Status() jsonrpc.Pool {
	counts, err := p.ledger.Counts(context.Background(), p.name)
	if err != nil {
		p.log.Error("jobs cannot be counted", "error", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	d := jsonrpc.Pool{
		Name: p.name, Command: append([]string{}, p.opts.Command...), // an array also where it is not known yet
		MinWorkers: p.opts.MinWorkers, MaxWorkers: p.opts.MaxWorkers,
		Program: p.program, Methods: slices.Clone(p.methods), Listen: p.sockets.Load().addresses(), Restrictions: p.restrictions(),
	}
	if err == nil {
		d.Jobs = map[string]int64{}
	}
	d.State, d.Reason = p.condition()
	for state, n := range counts {
		d.Jobs[string(state)] = n
	}
	return d
}

// Condition says how the pool is, in the words of Status, and why if it is degraded.
func (p *Pool) Condition() (state, reason string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.condition()
}

// Serving says whether a worker takes calls.
func (p *Pool) Serving() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.ContainsFunc(p.seats, func(w *worker) bool { return w.seat.slots > 0 })
}

// condition says how the pool is, and why if it is degraded; mu is held.
func (p *Pool) condition() (state, reason string) {
	switch {
	case p.phase == poolDraining:
		return "draining", ""
	case p.boots.degraded():
		return "degraded", p.boots.reason
	case p.paused:
		return "paused", ""
	case p.phase == poolStarting:
		return "starting", ""
	}
	return "available", ""
}
