package supervisor

import (
	"encoding/json"
	"strings"
	"sync"

	"github.com/whipper-sidecar/whipper/jsonrpc"
)

// Bounds of what waits for one subscriber.
const (
	maxEvents     = 4096
	maxEventBytes = 4 << 20 // about
	fewEvents     = 64
)

// Subscription is one subscriber's buffer of events. When it is full the oldest event makes room for the newest, and is counted.
type Subscription struct {
	bus   *Events
	set   eventSet      // guarded by the bus's lock, as is pool
	pool  string        // "": all
	ready chan struct{} // one token: there may be events

	mu      sync.Mutex
	entries []entry // a ring
	first   int     // the oldest
	count   int
	bytes   int
	lost    int64 // before the oldest
}

// entry is one event under one name.
type entry struct {
	name string
	*record
	bytes int
}

// Ready gives a token when there may be events to take.
func (s *Subscription) Ready() <-chan struct{} { return s.ready }

// Take gives the oldest events, at most n. Each says how many were lost before it.
func (s *Subscription) Take(n int) []jsonrpc.Event {
	entries, lost := s.take(n)
	events := make([]jsonrpc.Event, len(entries))
	for i, e := range entries {
		events[i] = e.wire()
		events[i].Type = e.name
	}
	if len(events) > 0 {
		events[0].Lost = lost
	}
	return events
}

// Close ends the subscription. What is buffered can still be taken.
func (s *Subscription) Close() { s.bus.leave(s) }

func (s *Subscription) take(n int) (entries []entry, lost int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n = min(n, s.count)
	if n == 0 {
		return nil, 0
	}
	entries = make([]entry, n)
	for i := range entries {
		entries[i] = s.shift()
	}
	switch {
	case s.count > 0:
		s.signal()
	case len(s.entries) > fewEvents:
		s.entries, s.first = nil, 0 // a burst's memory is given back
	}
	lost, s.lost = s.lost, 0
	return entries, lost
}

// add buffers an event. The bus's lock is held, which makes the order.
func (s *Subscription) add(e entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.count > 0 && (s.count == maxEvents || s.bytes+e.bytes > maxEventBytes) {
		s.shift()
		s.lost++
	}
	if s.count == len(s.entries) && s.count < maxEvents {
		s.grow()
	}
	s.entries[(s.first+s.count)%len(s.entries)] = e
	s.count++
	s.bytes += e.bytes
	s.signal()
}

// shift removes the oldest entry; mu is held.
func (s *Subscription) shift() entry {
	e := s.entries[s.first]
	s.entries[s.first] = entry{}
	s.first = (s.first + 1) % len(s.entries)
	s.count--
	s.bytes -= e.bytes
	return e
}

// grow doubles the ring; mu is held.
func (s *Subscription) grow() {
	entries := make([]entry, min(max(2*len(s.entries), fewEvents), maxEvents))
	n := copy(entries, s.entries[s.first:])
	copy(entries[n:], s.entries[:s.first])
	s.entries, s.first = entries, 0
}

func (s *Subscription) signal() {
	select {
	case s.ready <- struct{}{}:
	default:
	}
}

// record is an event as it is published, shared by its subscribers.
type record struct {
	event jsonrpc.Event // but for Type and Lost, which are a subscriber's, and for Job.Error, which is read from err
	err   []byte        // JSON error object of a job
}

// Bounds of what events quote.
const (
	maxEventError    = 64 << 10 // an error larger than this is not read
	maxEventMessage  = 1 << 10
	maxEventTail     = 4 << 10
	maxEventProgress = 4 << 10
)

// size is about what the event takes in memory.
func (r *record) size() int {
	n := 512 + len(r.err) + len(r.event.StderrTail) + len(r.event.Progress) + len(r.event.Reason) + len(r.event.Method)
	if r.event.Job != nil {
		n += 256 + len(r.event.Job.Method)
	}
	return n
}

// wire is the event as it is sent. Errors are read here, at the subscriber's cost.
func (r *record) wire() jsonrpc.Event {
	e := r.event
	if r.err == nil {
		return e
	}
	job := *e.Job
	var full jsonrpc.Error
	if json.Unmarshal(r.err, &full) == nil {
		job.Error = &jsonrpc.EventError{Code: full.Code, Type: cut(full.Type(), maxEventMessage), Message: cut(full.Message, maxEventMessage)}
	}
	e.Job = &job
	return e
}

// cut shortens text to n bytes or less.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	return strings.ToValidUTF8(text[:n-len("…")], "") + "…"
}

// cutFront keeps the end of text, in whole lines if it has some.
func cutFront(text string, n int) string {
	if len(text) <= n {
		return text
	}
	text = text[len(text)-n:]
	if _, rest, found := strings.Cut(text, "\n"); found {
		return rest
	}
	return strings.ToValidUTF8(text, "")
}
