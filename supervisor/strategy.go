package supervisor

// Load strategies: which worker gets the next call.
const (
	LoadBasic      = "basic"       // the first idle one, else the first that has a free slot: one is filled before the next
	LoadRoundRobin = "round-robin" // the next one in turn that has a free slot
	LoadLeastBusy  = "least-busy"  // the one with the fewest calls
)

var loadStrategies = []string{LoadBasic, LoadRoundRobin, LoadLeastBusy}

// freeWorker gives the worker that the load strategy chooses among those that have a free slot, or nil; mu is held.
func (p *Pool) freeWorker() *worker {
	switch p.opts.LoadStrategy {
	case LoadRoundRobin:
		return p.nextInTurn()
	case LoadLeastBusy:
		return p.leastBusy()
	}
	var busy *worker
	for _, w := range p.seats {
		switch {
		case !w.seat.free():
		case w.seat.taken == 0:
			return w
		case busy == nil:
			busy = w
		}
	}
	return busy
}

// nextInTurn gives the first free worker behind the one that got the last call.
func (p *Pool) nextInTurn() *worker {
	var first *worker
	for _, w := range p.seats { // in the order of their numbers
		switch {
		case !w.seat.free():
		case w.number > p.lastTurn:
			p.lastTurn = w.number
			return w
		case first == nil:
			first = w
		}
	}
	if first != nil {
		p.lastTurn = first.number
	}
	return first
}

func (p *Pool) leastBusy() *worker {
	var best *worker
	for _, w := range p.seats {
		if w.seat.free() && (best == nil || w.seat.taken < best.seat.taken) {
			best = w
		}
	}
	return best
}

// free says whether the worker can be given a call that shares its process.
func (s *seat) free() bool {
	return s.open() && !s.alone && s.taken < s.slots
}

// coming says whether the worker is starting, and no call is to have it for itself.
func (s *seat) coming() bool {
	return !s.retiring && s.replaces == nil && s.replacement == nil && s.slots == 0 && s.reserved == nil &&
		(s.state == Created || s.state == Forking)
}

// open says whether the worker takes calls at all, and none is to have it for itself.
func (s *seat) open() bool {
	return !s.retiring && s.slots > 0 && s.reserved == nil
}
