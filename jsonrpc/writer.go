package jsonrpc

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"time"
)

// ErrStalled is why a connection ends whose peer took no bytes for the stall timeout.
var ErrStalled = errors.New("peer does not read")

const (
	writeChunk  = 256 << 10 // a stall is a chunk of which no byte was taken in time
	keepBuffer  = 256 << 10 // a buffer that grew beyond this is given back
	flushAtMost = time.Second
)

// inlineRounds is how often whoever appends a frame goes on to write those that others have appended meanwhile. The rest is the
// goroutine's.
const inlineRounds = 4

// writer gathers frames and writes them. Appending never blocks; flush writes from the goroutine of whoever appends, as far as the peer takes
// it at once, and what the peer does not take is written by a goroutine of the writer's own. All that came in during one write go out in the
// next. Whoever produces frames for a slow peer looks at waitBelow first.
// Large payloads are kept, not copied, until they are written: they must not change.
type writer struct {
	w       io.Writer
	now     NowWriter // nil: only the goroutine writes
	framing Framing
	stall   time.Duration               // 0: none
	limit   int                         // bytes of a message
	framed  func(call uint64, size int) // may be nil

	mu      sync.Mutex
	below   sync.Cond     // answers shrank, or the writer ended
	buf     pieces        // to be written
	spare   pieces        // takes buf's place
	busy    bool          // somebody is writing; the fields that follow are of what is being written
	handed  bool          // that is the goroutine from now on
	taken   pieces        // all of it
	rest    [][]byte      // what is left to be written
	writing int           // bytes of answers
	answers int           // bytes of answers in buf
	room    chan struct{} // closed when what was being written has been, or nothing can be written any more; nil: nobody waits
	closing bool          // write what there is, then end
	err     error         // why nothing can be written any more

	wake chan struct{} // one token: the goroutine is to look
	done chan struct{} // closed when the goroutine has ended
}

func newWriter(w io.Writer, o Options) *writer {
	out := &writer{
		w: w, now: nowWriterOf(w), framing: o.Framing, stall: o.StallTimeout, limit: o.MaxMessageSize, framed: o.Framed,
		wake: make(chan struct{}, 1), done: make(chan struct{}),
	}
	out.below.L = &out.mu
	return out
}

// overLimit is a message that is too large to be sent.
type overLimit struct{ size, limit int }

func (e *overLimit) Error() string {
	return fmt.Sprintf("a message of %d bytes is over the limit of %d", e.size, e.limit)
}

// append adds a message to the buffer, and makes it a frame there. One over the limit is taken back: the error is an *overLimit.
func (w *writer) append(m *outgoing) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.err != nil:
		return fmt.Errorf("%w: %w", ErrClosed, w.err)
	case w.closing:
		return ErrClosed
	}
	before, room := w.buf.size(), m.size()
	if room > w.limit { // perhaps: the buffer must not grow for it
		if size := len(m.appendTo(nil)); size > w.limit {
			return &overLimit{size, w.limit}
		}
	}
	w.add(m, room)
	size := w.buf.size() - before
	if w.framed != nil {
		w.framed(m.id, size)
	}
	if m.answer {
		w.answers += size
	}
	return nil
}

// add makes a message of about size bytes a frame in the buffer; mu is held.
func (w *writer) add(m *outgoing, size int) {
	buf, payload := w.buf.buf, m.payload()
	if len(payload) < ownPiece || w.framing == ContentLength || hasLineEnd(payload) {
		if size > cap(buf)-len(buf) && size > readBuffer { // at once, not in steps
			buf = slices.Grow(buf, size)
		}
		w.buf.buf = w.framing.finish(m.appendTo(buf), len(buf))
		return
	}
	w.buf.buf = m.appendHead(buf)
	w.buf.put(payload)
	w.buf.buf = w.framing.finish(m.appendTail(w.buf.buf), len(w.buf.buf))
}

// flush has what is buffered written: here and now as far as the peer takes it, the rest by the goroutine. It never blocks.
func (w *writer) flush() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.busy || w.buf.size() == 0 || w.err != nil {
		return // whoever writes comes to it
	}
	if w.now == nil {
		w.signal()
		return
	}
	w.busy = true
	for range inlineRounds {
		w.take()
		out := w.rest
		w.mu.Unlock()
		out, err := w.writeNow(out)
		w.mu.Lock()
		if w.rest = out; len(out) > 0 && err == nil {
			break
		}
		w.written(err)
		if w.buf.size() == 0 {
			w.busy = false
			if w.closing || w.err != nil { // the goroutine may have looked meanwhile
				w.signal()
			}
			return
		}
	}
	w.handed = true
	w.signal()
}

// unread is how many bytes of answers wait to be written.
func (w *writer) unread() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.answers + w.writing
}

// waitBelow blocks while more than limit bytes of answers wait to be written and the writer lives, and says whether it did.
// Only answers count: two peers that wait for each other to take calls before they read answers would wait for ever.
func (w *writer) waitBelow(limit int) (waited bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.answers+w.writing > limit && w.err == nil && !w.closing {
		w.below.Wait()
		waited = true
	}
	return waited
}

// roomBelow gives nil if fewer than limit bytes of any kind wait to be written, or the writer has ended, and else a channel that is
// closed when it is worth asking again.
func (w *writer) roomBelow(limit int) <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.buf.size()+w.taken.size() < limit || w.err != nil || w.closing {
		return nil
	}
	if w.room == nil {
		w.room = make(chan struct{})
	}
	return w.room
}

// makeRoom wakes those who wait for room; mu is held.
func (w *writer) makeRoom() {
	if w.room != nil {
		close(w.room)
		w.room = nil
	}
}

// run is the goroutine. It writes until it is told to close or a write fails, and gives the failure.
func (w *writer) run() error {
	defer close(w.done)
	for range w.wake {
		if ended, err := w.drain(); ended {
			return err
		}
	}
	return nil
}

// drain writes all that is buffered, unless somebody else is about it, and says whether there will be nothing any more.
func (w *writer) drain() (ended bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.busy && !w.handed {
		return false, nil
	}
	w.busy, w.handed = true, false
	for w.err == nil && len(w.rest)+w.buf.size() > 0 {
		if len(w.rest) == 0 {
			w.take()
		}
		out := w.rest
		w.mu.Unlock()
		err := w.write(out)
		w.mu.Lock()
		w.written(err)
	}
	w.busy = false
	return w.closing || w.err != nil, w.err
}

// take makes what is buffered the rest that is to be written; mu is held.
func (w *writer) take() {
	w.taken, w.buf, w.spare = w.buf, w.spare, pieces{}
	w.rest = w.taken.all()
	w.writing, w.answers = w.answers, 0
}

// written notes that the rest has been written, or cannot be; mu is held.
func (w *writer) written(err error) {
	w.spare = w.taken.again()
	w.taken, w.rest, w.writing = pieces{}, nil, 0
	w.makeRoom()
	if err != nil {
		w.err, w.buf, w.answers = err, pieces{}, 0
	}
	w.below.Broadcast()
}

// writeNow writes what the peer takes at once, and gives the rest.
func (w *writer) writeNow(out [][]byte) (rest [][]byte, err error) {
	for len(out) > 0 {
		n, err := w.now.WriteNow(out[0])
		if out[0] = out[0][n:]; len(out[0]) > 0 || err != nil {
			return out, err
		}
		out = out[1:]
	}
	return nil, nil
}

// write writes all, and waits for the peer to take it.
func (w *writer) write(out [][]byte) error {
	for len(out) > 0 {
		if len(out[0]) == 0 {
			out = out[1:]
			continue
		}
		if err := w.deadline(time.Now().Add(w.stall)); err != nil {
			return err
		}
		n, err := w.w.Write(out[0][:min(len(out[0]), writeChunk)])
		out[0] = out[0][n:]
		if errors.Is(err, os.ErrDeadlineExceeded) {
			if n > 0 {
				continue
			}
			return fmt.Errorf("%w: %d bytes wait", ErrStalled, sizeOf(out))
		}
		if err != nil {
			return err
		}
	}
	if w.now != nil {
		return w.deadline(time.Time{}) // what is written at once must not fail for it
	}
	return nil
}

// deadline says until when the peer is to take something, if there is a stall timeout and what is written to can be told.
func (w *writer) deadline(t time.Time) error {
	d, ok := w.w.(interface{ SetWriteDeadline(time.Time) error })
	if w.stall == 0 || !ok {
		return nil
	}
	if err := d.SetWriteDeadline(t); err != nil && !errors.Is(err, os.ErrNoDeadline) {
		return err
	}
	return nil
}

// finish has the goroutine write what is buffered and end. Nothing can be added any more.
func (w *writer) finish() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closing = true
	w.makeRoom()
	w.below.Broadcast()
	w.signal()
}

// signal leaves the token; mu is held.
func (w *writer) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}
