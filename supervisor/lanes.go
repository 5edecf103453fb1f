package supervisor

import (
	"strings"

	"github.com/whipper-sidecar/whipper/ledger"
)

// lanes are those of a pool. One that holds nothing back is not there.
type lanes struct {
	methods map[string]*lane
	keys    map[string]*lane
	kept    map[int64]*lane // of keys, by the job that each is kept for
	due     []*lane         // to be read, in the order in which that came up
	unsure  []*lane         // in which a job stands that somebody else has just now
	aside   []aside         // to be handed to the ledger
	known   bool            // those that stand on disk have been looked up; the claimer's
}

func newLanes() lanes {
	return lanes{methods: map[string]*lane{}, keys: map[string]*lane{}, kept: map[int64]*lane{}}
}

func (ls *lanes) method(name string) *lane {
	l := ls.methods[name]
	if l == nil {
		l = &lane{name: ledger.MethodLane(name)}
		ls.methods[name] = l
	}
	return l
}

func (ls *lanes) key(key string) *lane {
	l := ls.keys[key]
	if l == nil {
		l = &lane{name: ledger.KeyLane(key), most: 1}
		ls.keys[key] = l
	}
	return l
}

// named gives the lane of that name.
func (ls *lanes) named(name ledger.Lane) *lane {
	if key, ok := strings.CutPrefix(string(name), string(ledger.KeyLane(""))); ok {
		return ls.key(key)
	}
	return ls.method(strings.TrimPrefix(string(name), string(ledger.MethodLane(""))))
}

// tidy forgets a lane if nothing is lost by that.
func (ls *lanes) tidy(l *lane) {
	if !l.idle() {
		return
	}
	if key, ok := strings.CutPrefix(string(l.name), string(ledger.KeyLane(""))); ok {
		delete(ls.keys, key)
	} else if l.most == 0 {
		delete(ls.methods, strings.TrimPrefix(string(l.name), string(ledger.MethodLane(""))))
	}
}

// invokes counts the calls that wait for a method.
func (ls *lanes) invokes() (n int) {
	for _, l := range ls.methods {
		n += l.waiting.Len()
	}
	return n
}

// letIn says whether a call may go to a worker, as far as its method and its key go. One that may not has been put aside; mu is held.
//
// A job that comes next for its key and has to wait for its method keeps the key: or all others with the key would follow it there,
// and go back one by one. A paused method keeps no key.
func (p *Pool) letIn(c *call) bool {
	if c.letIn || len(p.lanes.methods) == 0 && c.job.ConcurrencyKey == "" {
		return true
	}
	method := p.lanes.methods[c.job.Method]
	var key *lane
	if c.job.ConcurrencyKey != "" {
		key = p.lanes.key(c.job.ConcurrencyKey)
	}
	switch {
	case method != nil && method.paused:
		p.unkeep(c.job.ID)
		p.standAside(c, method)
	case key != nil && !key.admits(c):
		p.standAside(c, key)
	case method != nil && !method.admits(c):
		if key != nil && key.parked {
			key.keptFor, key.keptBy = c.job.ID, method
			p.lanes.kept[c.job.ID] = key
		}
		p.standAside(c, method)
	default:
		c.letIn = true
		c.lanes = [...]*lane{method, key}
		for _, l := range c.lanes {
			if l != nil {
				l.running++
			}
		}
		p.unkeep(c.job.ID)
		return true
	}
	if key != nil {
		p.lanes.tidy(key)
	}
	return false
}

// unkeep has a key be kept for a job no longer; mu is held.
func (p *Pool) unkeep(id int64) {
	if l := p.lanes.kept[id]; l != nil {
		delete(p.lanes.kept, id)
		l.keptFor, l.keptBy = 0, nil
		p.stir(l)
	}
}

// bars says whether a call would have to wait for its method; mu is held.
func (p *Pool) bars(c *call) bool {
	l := p.lanes.methods[c.method]
	return l != nil && !l.admits(c)
}

// leaveLanes takes a call off its lanes once it is over and no worker is at it, and says whether that was so just now; mu is held.
func (p *Pool) leaveLanes(c *call) bool {
	if !c.letIn || !c.over || c.worker != nil && !c.slotFree {
		return false
	}
	p.letOut(c)
	return true
}

// letOut takes a call off the lanes that it was let into; mu is held.
func (p *Pool) letOut(c *call) {
	on := c.lanes
	c.letIn, c.lanes = false, [...]*lane{nil, nil}
	for _, l := range on {
		if l != nil {
			l.running--
			p.stir(l)
		}
	}
}

// stir has whoever waits for a lane be let in, as far as there is room; mu is held. Whoever stirs dispatches afterwards, or is within
// a dispatch.
func (p *Pool) stir(l *lane) {
	for l.room(1) > 0 && l.waiting.Len() > 0 && (l.turn || !l.parked || p.phase == poolDraining) {
		l.turn = false
		c := l.waiting.take()
		c.letIn, c.lanes = true, [...]*lane{l, nil}
		l.running++
		p.invokes.add(c)
	}
	if l.parked && l.keptFor == 0 && l.room(1) > 0 && !l.due {
		l.turn, l.due = true, true
		p.lanes.due = append(p.lanes.due, l)
		p.wakeClaimer()
	}
	p.lanes.tidy(l)
}
