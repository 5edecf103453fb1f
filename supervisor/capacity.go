package supervisor

import (
	"encoding/json"
	"time"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
)

// What becomes of an invoke while all slots are taken. Submitted jobs wait in the ledger whatever is chosen.
const (
	AtCapacityQueue = "queue" // it waits, with at most MaxQueueSize others
	AtCapacityDrop  = "drop"  // its caller gets null, and the ledger says dropped
	AtCapacityError = "error" // its caller gets an AtCapacityError
)

var atCapacityStrategies = []string{AtCapacityQueue, AtCapacityDrop, AtCapacityError}

// startingQueue is how many invokes may wait, at least, while no worker has said yet how many calls it takes at once.
const startingQueue = 10_000

// room counts the slots of all workers that live, are starting or may still be forked, and the calls that have been admitted to
// them: those that workers have and the invokes that wait; mu is held.
func (p *Pool) room() (slots, admitted int) {
	slots = max(0, p.vacancies()) * p.slots
	admitted = p.invokes.Len()
	for _, w := range p.seats {
		s := &w.seat
		if s.retiring || s.replaces != nil {
			continue
		}
		n := s.slots
		if n == 0 {
			n = p.slots // it is starting
		}
		slots += n
		if s.alone || s.reserved != nil {
			admitted += n
		} else {
			admitted += s.taken
		}
	}
	return slots, admitted
}

// refuse says what becomes of an invoke that would have to wait: it is dropped, refused, or (false, nil) may wait; mu is held.
func (p *Pool) refuse(k *call) (dropped bool, err error) {
	most, allowed := p.opts.MaxQueueSize, "as many as --max-queue-size allows"
	if !p.slotsKnown { // nobody can tell whether there is room
		most, allowed = max(most, startingQueue), "as many as a pool takes that is only starting"
	}
	barred := p.paused || p.bars(k) // free slots are of no use to it
	over := p.invokes.Len() + p.lanes.invokes() - most
	switch {
	case over < 0 && (p.opts.AtCapacity == AtCapacityQueue || barred || !p.slotsKnown):
		return false, nil
	case barred || !p.slotsKnown:
	default:
		slots, admitted := p.room()
		if admitted < slots {
			return false, nil
		}
		if p.opts.AtCapacity == AtCapacityError {
			p.atCapacity("error", k.job.Method)
			return false, jsonrpc.Errorf(jsonrpc.CodeAtCapacity, "all slots of pool %q are taken: %d", p.name, slots)
		}
		over = admitted - slots - most
	}
	switch {
	case p.opts.AtCapacity == AtCapacityDrop:
		p.drop(k)
		return true, nil
	case over < 0:
		return false, nil
	}
	return false, jsonrpc.Errorf(jsonrpc.CodeQueueFull, "%d calls wait already, %s", most, allowed)
}

// drop answers an invoke with null and puts it on record; mu is held.
func (p *Pool) drop(k *call) {
	k.job.State, k.job.FinishedAt = ledger.Dropped, time.Now()
	k.onRecord = true
	p.held[k.job.ID] = struct{}{} // until it is on disk
	p.ledger.Insert(k.job, p.finished(k.job, ""))
	p.atCapacity("dropped", k.job.Method)
	p.reply(k, Reply{Result: json.RawMessage("null"), Job: k.job.ID, Dropped: true})
}
