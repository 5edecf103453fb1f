package supervisor

import (
	"errors"
	"time"

	"github.com/whipper-sidecar/whipper/ledger"
)

// aside is a job on its way from one lane, or from none, to another.
type aside struct {
	ledger.Parked
	from    ledger.Lane
	expires time.Time // zero: never
}

// standAside takes a call out of its queue until its lane has room; mu is held.
func (p *Pool) standAside(c *call, l *lane) {
	if c.queue != nil {
		c.queue.remove(c)
	}
	switch {
	case c.caller != nil:
		l.waiting.add(c)
	case p.phase == poolDraining:
		p.forget(c)
	case c.lane == l.name: // it stands there already
		p.forget(c)
	default:
		l.parked = true
		l.parking++
		delete(p.current, c.job.ID) // the claimer leaves it alone until that is on disk
		p.lanes.aside = append(p.lanes.aside, aside{ledger.Parked{Job: c.job.ID, Lane: l.name}, c.lane, c.job.ExpiresAt})
	}
}

// park hands those who were put aside to the ledger; mu is held.
func (p *Pool) park() {
	all := p.lanes.aside
	if len(all) == 0 {
		return
	}
	p.lanes.aside = nil
	parked := make([]ledger.Parked, len(all))
	for i := range all {
		parked[i] = all[i].Parked
	}
	p.ledger.Park(parked, func(err error) {
		if errors.Is(err, ledger.ErrClosed) {
			return // Run is over; and the lock is held
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.parked(all, err)
	})
}

// parked takes note that jobs stand in their lanes on disk, or could not be put there; mu is held.
func (p *Pool) parked(all []aside, err error) {
	for _, a := range all {
		p.letGo(a.Job)
		l := p.lanes.named(a.Lane)
		l.parking--
		l.landed = true
		p.stir(l)
		if err != nil {
			p.stands(a.from)
		}
		if !a.expires.IsZero() && time.Now().After(a.expires) { // the claimer, which was to see to that, had to leave it alone
			p.lookAgain(ledger.MaxPriority)
		}
	}
	if err != nil { // they are where they were
		p.log.Error("jobs that may not run yet could not be put aside", "error", err)
		p.lookAgain(ledger.MaxPriority)
	}
}

// stands takes note that a job is still in a lane from which it was read; mu is held.
func (p *Pool) stands(in ledger.Lane) {
	if in == "" {
		return
	}
	l := p.lanes.named(in)
	l.parked, l.landed = true, true
	p.stir(l)
}
