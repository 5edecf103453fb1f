package jsonrpc

import "sync"

// calls are those of one connection that are not answered yet. The library could keep them too, but makes a channel and four more
// allocations for each.
type calls struct {
	mu   sync.Mutex
	byID map[uint64]func(*Response)
}

func (cs *calls) add(id uint64, done func(*Response)) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if cs.byID == nil {
		cs.byID = map[uint64]func(*Response){}
	}
	cs.byID[id] = done
}

// take gives the function that is to get the answer to a call, and lets go of the call; nil: there is no such call.
func (cs *calls) take(id uint64) (done func(*Response)) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	done = cs.byID[id]
	delete(cs.byID, id)
	return done
}
