package supervisor

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
)

// lanes are those of a pool. One that holds nothing back is not there.
type lanes struct {
	methods map[string]*lane
	keys    map[string]*lane
	kept    map[int64]*lane // of keys, by the job that each is kept for
	due     []*lane         // to be read, in the order in which that came up
	unsure  []*lane         // in which a job stands that somebody else has just now
	aside   []ledger.Parked // to be handed to the ledger
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

// standAside takes a call out of its queue until its lane has room; mu is held.
func (p *Pool) standAside(c *call, l *lane) {
	if c.queue != nil {
		c.queue.remove(c)
	}
	switch {
	case c.reply != nil:
		l.waiting.add(c)
	case p.phase == poolDraining:
		p.forget(c)
	case c.lane == l.name: // it stands there already
		l.parked = true
		p.forget(c)
	default:
		l.parked = true
		l.parking++
		delete(p.current, c.job.ID) // the claimer leaves it alone until that is on disk
		p.lanes.aside = append(p.lanes.aside, ledger.Parked{Job: c.job.ID, Lane: l.name})
	}
}

// park hands those who were put aside to the ledger; mu is held.
func (p *Pool) park() {
	aside := p.lanes.aside
	if len(aside) == 0 {
		return
	}
	p.lanes.aside = nil
	p.ledger.Park(aside, func(err error) {
		if errors.Is(err, ledger.ErrClosed) {
			return // Run is over; and the lock is held
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, parked := range aside {
			p.letGo(parked.Job)
			l := p.lanes.named(parked.Lane)
			l.parking--
			p.stir(l)
		}
		if err != nil { // they are where they were
			p.log.Error("jobs that may not run yet could not be put aside", "error", err)
			p.lookAgain(ledger.MaxPriority)
		}
	})
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
	c.letIn = false
	for _, l := range c.lanes {
		if l != nil {
			l.running--
			p.stir(l)
		}
	}
	return true
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

// stirUnsure has lanes be read again in which a job stood that somebody else had, who may have let go of it; mu is held.
func (p *Pool) stirUnsure() {
	unsure := p.lanes.unsure
	p.lanes.unsure = nil
	for _, l := range unsure {
		p.stir(l)
	}
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

// laneRead is a lane that is being read.
type laneRead struct {
	*lane
	limit   int
	parking bool // jobs were on their way there when the read began
	jobs    []ledger.Job
	skipped []int64
	more    bool
}

// lanesToRead gives the lanes that are due, with room for so many jobs in all; mu is held.
func (p *Pool) lanesToRead(room int) (reads []laneRead) {
	for room > 0 && len(p.lanes.due) > 0 {
		l := p.lanes.due[0]
		p.lanes.due = p.lanes.due[1:]
		l.due = false
		if n := l.room(room); n > 0 && l.keptFor == 0 {
			reads = append(reads, laneRead{lane: l, limit: n, parking: l.parking > 0})
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
	again, unsure := r.more || r.parking || l.parking > 0, false
	left := func(id int64) { // in the lane, or not for long
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
	l.parked = again || unsure
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
	p.stir(l)
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
		p.stir(l)
	}
}

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
	record := p.ledger.PauseMethod
	if !paused {
		record = p.ledger.ResumeMethod
	}
	if err := record(ctx, p.name, method); err != nil {
		return err
	}
	p.log.Info("pause of a method is set", "method", method, "paused", paused)
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.lanes.method(method)
	l.paused = paused
	if paused {
		p.freeKeys(l)
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
