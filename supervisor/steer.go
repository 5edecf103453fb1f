package supervisor

import (
	"github.com/whipper-sidecar/whipper/jsonrpc"
)

// Pause has no call or job handed to a worker until Resume. Calls that workers have go on, intake goes on, and what comes in
// waits. A drain ends it, and does not let it begin.
func (p *Pool) Pause() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.paused && p.phase != poolDraining {
		p.paused = true
		p.log.Info("pool is paused")
	}
}

// Resume ends a Pause.
func (p *Pool) Resume() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.paused {
		return
	}
	p.paused = false
	p.log.Info("pool is resumed")
	for _, w := range p.seats {
		if w.seat.taken == 0 {
			p.seatReserved(w)
		}
	}
	p.dispatch()
}

// Resize changes how many workers there are at least and at most, until the supervisor's end. Workers that are too many finish
// their calls first. The error is a *jsonrpc.Error.
func (p *Pool) Resize(least, most int) error {
	if least < 1 || most < least {
		return jsonrpc.Errorf(jsonrpc.CodeInvalidArgument,
			"pool %q cannot have %d to %d workers: the least must be 1 or more, and not more than the most", p.name, least, most)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopping || p.phase == poolDraining {
		return shuttingDown(p.name)
	}
	p.log.Info("pool is resized", "min", least, "max", most)
	p.opts.MinWorkers, p.opts.MaxWorkers = least, most
	p.fit()
	p.dispatch()
	return nil
}

// fit brings the number of workers within its bounds; mu is held.
func (p *Pool) fit() {
	for p.staying() > p.opts.MaxWorkers {
		p.retire(p.mostDispensable(), endResize)
	}
	for p.staying() < p.opts.MinWorkers {
		p.addWorker()
	}
	p.roll()
}

// mostDispensable gives the worker with the fewest calls, of those the newest; mu is held.
func (p *Pool) mostDispensable() *worker {
	var best *worker
	for _, w := range p.seats {
		if w.seat.retiring || w.seat.replaces != nil {
			continue
		}
		if best == nil || w.seat.taken <= best.seat.taken {
			best = w
		}
	}
	return best
}
