package supervisor

import (
	"context"

	"github.com/whipper-sidecar/whipper/ledger"
)

// laneRead is a lane that is being read.
type laneRead struct {
	*lane
	limit   int
	jobs    []ledger.Job
	skipped []int64
	more    bool
}

// lookUpLanes learns, once, in which lanes jobs stand that an earlier supervisor has left there. It is for the claimer.
func (p *Pool) lookUpLanes(ctx context.Context) error {
	if p.lanes.known {
		return nil
	}
	names, err := p.ledger.Lanes(ctx, p.name)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, name := range names {
		l := p.lanes.named(name)
		l.parked = true
		p.stir(l)
	}
	p.lanes.known = true
	return nil
}

// lanesToRead gives the lanes that are due, with room for so many jobs in all; mu is held.
func (p *Pool) lanesToRead(room int) (reads []laneRead) {
	for room > 0 && len(p.lanes.due) > 0 {
		l := p.lanes.due[0]
		p.lanes.due = p.lanes.due[1:]
		l.due = false
		if n := l.room(room); n > 0 && l.keptFor == 0 {
			l.landed = false
			reads = append(reads, laneRead{lane: l, limit: n})
			room -= n
		}
	}
	return reads
}

// fromLane takes in what a read of a lane has found, or that it failed; mu is held.
func (p *Pool) fromLane(r *laneRead, err error) {
	l := r.lane
	if err != nil {
		l.due = true
		p.lanes.due = append(p.lanes.due, l)
		return
	}
	again, unsure := r.more || l.landed, false // those who are on their way still stir the lane when they are there
	left := func(id int64) {                   // in the lane, or not for long
		if _, held := p.held[id]; held {
			unsure = true
		} else {
			again = true
		}
	}
	for _, id := range r.skipped {
		if c := p.current[id]; c == nil || !c.letIn {
			left(id)
		}
	}
	l.parked = again || unsure || l.parking > 0
	for i := range r.jobs {
		c := p.adopt(r.jobs[i])
		if c == nil {
			left(r.jobs[i].ID)
			l.parked = true
			continue
		}
		c.lane = l.name
		if p.letIn(c) {
			p.enqueue(c)
		}
	}
	if unsure && !again {
		p.lanes.unsure = append(p.lanes.unsure, l)
		return
	}
	if again || l.parking == 0 {
		p.stir(l)
	}
}

// stirUnsure has lanes be read again in which a job stood that somebody else had, who may have let go of it; mu is held.
func (p *Pool) stirUnsure() {
	unsure := p.lanes.unsure
	p.lanes.unsure = nil
	for _, l := range unsure {
		p.stir(l)
	}
}
