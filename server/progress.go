package server

import (
	"encoding/json"
	"strconv"
	"sync"

	"github.com/whipper-sidecar/whipper/jsonrpc"
)

const (
	roomForNotes    = 64 << 10 // bytes that wait for a peer, beyond which it gets no more events and progress
	pendingProgress = 4 << 20  // bytes of values that wait for room, about
)

// progressOut is what the peer of a session is to be told about the progress of its requests. While the peer is slow the newest
// value of each job replaces the one before; what has no room even so is dropped, for another will follow.
type progressOut struct {
	mu      sync.Mutex
	pending map[progressKey]json.RawMessage
	order   []progressKey // of pending, but for some that are gone
	bytes   int           // of pending
}

type progressKey struct {
	request *request
	job     int64
}

// progress tells the sender of a request how far a job is. It never blocks.
func (r *request) progress(job int64, value json.RawMessage) {
	if r.Notification() {
		return
	}
	o := &r.session.progress
	key := progressKey{r, job}
	o.mu.Lock()
	defer o.mu.Unlock()
	before, waits := o.pending[key]
	size := len(value) + 64
	switch {
	case r.told:
	case len(o.pending) == 0 && r.conn.Room(roomForNotes) == nil:
		key.send(value)
	case waits:
		o.bytes += len(value) - len(before)
		o.pending[key] = value
	case o.bytes+size <= pendingProgress:
		if len(o.pending) == 0 {
			o.pending = map[progressKey]json.RawMessage{}
			r.session.pumps.Go(func() { o.pump(r.conn, r.session.ending) })
		}
		o.pending[key] = value
		o.order = append(o.order, key)
		o.bytes += size
	}
}

// pump sends what is pending as the peer takes it, and ends when nothing is or the session does.
func (o *progressOut) pump(c *jsonrpc.Conn, ending <-chan struct{}) {
	for {
		if room := c.Room(roomForNotes); room != nil {
			select {
			case <-room:
			case <-ending: // and nobody's request is left
				return
			case <-c.Done():
				return
			}
			continue
		}
		if !o.sendNext() {
			return
		}
	}
}

// sendNext sends the value that has waited longest. False: there is none.
func (o *progressOut) sendNext() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.order) > 0 {
		key := o.order[0]
		o.order = o.order[1:]
		if value, ok := o.pending[key]; ok {
			o.drop(key)
			key.send(value)
			return len(o.pending) > 0
		}
	}
	o.order = nil
	return false
}

// drop forgets a value; mu is held.
func (o *progressOut) drop(key progressKey) {
	o.bytes -= len(o.pending[key]) + 64
	delete(o.pending, key)
}

// end is called before a request is answered: after its answer nothing is told. What still waits is sent if there is room.
func (o *progressOut) end(r *request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	r.told = true
	for key, value := range o.pending {
		if key.request != r {
			continue
		}
		o.drop(key)
		if r.conn.Room(roomForNotes) == nil {
			key.send(value)
		}
	}
}

// send adds the notification to the connection's buffer.
func (k progressKey) send(value json.RawMessage) {
	b := make([]byte, 0, len(k.request.ID)+len(value)+48)
	b = append(b, `{"id":`...)
	b = append(b, k.request.ID...)
	b = append(b, `,"job":`...)
	b = strconv.AppendInt(b, k.job, 10)
	b = append(b, `,"value":`...)
	b = append(b, value...)
	_ = k.request.conn.Notify(jsonrpc.MethodProgress, append(b, '}')) // a failed one is a closed connection
}
