package jsonrpc

import (
	"errors"
	"fmt"
	"io"
	"os"
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

// writer gathers frames and writes them from one goroutine: all that came in during one write go out in the next.
// Appending never blocks; whoever produces frames for a slow peer looks at waitBelow first.
type writer struct {
	w       io.Writer
	framing Framing
	stall   time.Duration               // 0: none
	limit   int                         // bytes of a message
	framed  func(call uint64, size int) // may be nil

	mu      sync.Mutex
	below   sync.Cond     // answers shrank, or the writer ended
	buf     []byte        // to be written
	answers int           // bytes of answers in buf
	writing int           // bytes of answers being written
	taken   int           // bytes being written
	room    chan struct{} // closed when they have been, or nothing can be written any more; nil: nobody waits
	closing bool          // write what there is, then end
	err     error         // why nothing can be written any more

	wake chan struct{} // one token: buf or closing changed
	done chan struct{} // closed when the goroutine has ended
}

func newWriter(w io.Writer, o Options) *writer {
	out := &writer{
		w: w, framing: o.Framing, stall: o.StallTimeout, limit: o.MaxMessageSize, framed: o.Framed,
		wake: make(chan struct{}, 1), done: make(chan struct{}),
	}
	out.below.L = &out.mu
	return out
}

// append lets build add one message to the buffer, which becomes a frame there; call is its id if it is a call of ours. A message
// over the limit is taken back.
func (w *writer) append(call uint64, answer bool, build func(buf []byte) []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.err != nil:
		return fmt.Errorf("%w: %w", ErrClosed, w.err)
	case w.closing:
		return ErrClosed
	}
	before := len(w.buf)
	buf := build(w.buf)
	if size := len(buf) - before; size > w.limit {
		return Errorf(CodeMessageTooLarge, "a message of %d bytes is over the limit of %d", size, w.limit)
	}
	w.buf = w.framing.finish(buf, before)
	size := len(w.buf) - before
	if w.framed != nil {
		w.framed(call, size)
	}
	if answer {
		w.answers += size
	}
	w.signal()
	return nil
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
	if len(w.buf)+w.taken < limit || w.err != nil || w.closing {
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

// run writes until it is told to close or a write fails, and gives the failure.
func (w *writer) run() error {
	defer close(w.done)
	var spare []byte
	for range w.wake {
		for {
			out, more := w.take(spare)
			if !more {
				return nil
			}
			if len(out) == 0 {
				break
			}
			err := w.write(out)
			w.written(err)
			if err != nil {
				return err
			}
			if spare = out; cap(spare) > keepBuffer {
				spare = nil
			}
		}
	}
	return nil
}

// take gives what is to be written now and leaves spare in its place; more is false once there will be nothing any more.
func (w *writer) take(spare []byte) (out []byte, more bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.buf) == 0 {
		return nil, !w.closing
	}
	out, w.buf = w.buf, spare[:0]
	w.writing, w.answers = w.answers, 0
	w.taken = len(out)
	return out, true
}

func (w *writer) written(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.writing, w.taken = 0, 0
	w.makeRoom()
	if err != nil {
		w.err, w.buf, w.answers = err, nil, 0
	}
	w.below.Broadcast()
}

func (w *writer) write(b []byte) error {
	for len(b) > 0 {
		if err := w.extend(); err != nil {
			return err
		}
		n, err := w.w.Write(b[:min(len(b), writeChunk)])
		b = b[n:]
		if errors.Is(err, os.ErrDeadlineExceeded) {
			if n > 0 {
				continue
			}
			return fmt.Errorf("%w: %d bytes wait", ErrStalled, len(b))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// extend gives the peer until the stall timeout to take something, if what is written to can be told.
func (w *writer) extend() error {
	d, ok := w.w.(interface{ SetWriteDeadline(time.Time) error })
	if w.stall == 0 || !ok {
		return nil
	}
	if err := d.SetWriteDeadline(time.Now().Add(w.stall)); err != nil && !errors.Is(err, os.ErrNoDeadline) {
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
