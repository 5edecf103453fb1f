package supervisor

import (
	"context"
	"maps"
	"slices"

	"github.com/whipper-sidecar/whipper/jsonrpc"
)

// PauseMethod has no call or job of a method handed to a worker until ResumeMethod, which may be a later supervisor's. Those that
// workers have go on, and what comes in waits. It returns once that is on disk.
func (p *Pool) PauseMethod(ctx context.Context, method string) error {
	return p.setPause(ctx, method, true)
}

// ResumeMethod ends a PauseMethod.
func (p *Pool) ResumeMethod(ctx context.Context, method string) error {
	return p.setPause(ctx, method, false)
}

func (p *Pool) setPause(ctx context.Context, method string, paused bool) error {
	p.pausing.Lock()
	defer p.pausing.Unlock()
	if err := p.open(); err != nil {
		return err
	}
	record := p.ledger.ResumeMethod
	if paused {
		record = p.ledger.PauseMethod
	}
	if err := record(ctx, p.name, method); err != nil {
		return err
	}
	if paused {
		p.log.Info("method is paused", "method", method)
	} else {
		p.log.Info("method is resumed", "method", method)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.lanes.method(method)
	l.paused = paused
	if paused {
		p.letInAnew()
		p.freeKeys(l)
		if p.phase == poolDraining { // since it was asked
			p.failPaused()
		}
	}
	p.stir(l)
	p.dispatch()
	return nil
}

// freeKeys has no key be kept for a job that waits for this method; mu is held.
func (p *Pool) freeKeys(method *lane) {
	for id, key := range p.lanes.kept {
		if key.keptBy == method {
			p.unkeep(id)
		}
	}
}

// restrictions are the methods of which not all calls may run; mu is held.
func (p *Pool) restrictions() (all []jsonrpc.Restriction) {
	for _, method := range slices.Sorted(maps.Keys(p.lanes.methods)) {
		if l := p.lanes.methods[method]; l.most > 0 || l.paused {
			all = append(all, jsonrpc.Restriction{Method: method, Limit: l.most, Paused: l.paused, Running: l.running})
		}
	}
	return all
}

// limit sets how many calls of which methods may run at once; mu is held. Those that run already count.
func (p *Pool) limit(most map[string]int) {
	for method := range most {
		p.lanes.method(method)
	}
	for _, c := range p.current {
		if l := p.lanes.methods[c.method]; l != nil && c.worker != nil && c.lanes[0] == nil {
			c.letIn, c.lanes[0] = true, l
			l.running++
		}
	}
	for method, l := range p.lanes.methods {
		l.most = most[method]
	}
	p.letInAnew()
	for _, l := range p.lanes.methods {
		p.stir(l)
	}
}

// letInAnew has the calls that were let in and that no worker has yet be looked at again: what may run has changed since; mu is held.
func (p *Pool) letInAnew() {
	for _, w := range p.seats {
		if c := w.seat.reserved; c != nil {
			w.seat.reserved = nil
			p.enqueue(c)
		}
	}
	for _, c := range p.current {
		if c.letIn && c.worker == nil {
			p.letOut(c)
		}
	}
}
