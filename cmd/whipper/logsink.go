package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/dustin/go-humanize"
)

const (
	// logBuffer is how many bytes of the log may wait while as many are being written.
	logBuffer = 1 << 20
	// logLine is what a waiting line takes besides its bytes: empty lines fill the buffer too.
	logLine = 32
	// logFlush bounds how long the end of the log may take.
	logFlush = time.Second
)

// logSink lets nobody who logs wait for whoever reads the log: one goroutine writes to out, and what does not fit into
// the buffer in front of it is dropped and counted. Each Write is one line.
type logSink struct {
	out   io.Writer
	limit int                      // bytes that may wait
	wake  chan struct{}            // holds one token when there is something to do
	done  chan struct{}            // closed when the goroutine has ended
	note  func(dropped int) []byte // what to write in the place of lines that were dropped; set before the first Write

	mu      sync.Mutex
	waiting [][]byte
	size    int // bytes that wait
	dropped int // lines since the goroutine last took what waited
	closed  bool
}

func newLogSink(out io.Writer, limit int) *logSink {
	s := &logSink{out: out, limit: limit, wake: make(chan struct{}, 1), done: make(chan struct{}), note: behindNote}
	go s.run()
	return s
}

// Write keeps a line or drops it, and never fails.
func (s *logSink) Write(line []byte) (int, error) {
	s.mu.Lock()
	// After the first one that is dropped all are, until there is room for many: the note about them stands in their place.
	if size := len(line) + logLine; s.dropped > 0 || s.size+size > s.limit {
		s.dropped++
	} else {
		s.waiting = append(s.waiting, append([]byte(nil), line...))
		s.size += size
	}
	s.mu.Unlock()
	s.signal()
	return len(line), nil
}

// close writes what waits, for at most patience, and says whether it was done. A goroutine that is still writing then ends with
// the process: a write cannot be called off.
func (s *logSink) close(patience time.Duration) bool {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.signal()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-s.done:
		return true
	case <-timer.C:
		return false
	}
}

func (s *logSink) signal() {
	select {
	case s.wake <- struct{}{}:
	default: // it will look anyway
	}
}

func (s *logSink) run() {
	defer close(s.done)
	for {
		lines, dropped, closed := s.take()
		if dropped > 0 {
			lines = append(lines, s.note(dropped))
		}
		for _, line := range lines {
			_, _ = s.out.Write(line) // there is nobody else to tell
		}
		switch {
		case len(lines) > 0:
		case closed:
			return
		default:
			<-s.wake
		}
	}
}

// take empties the buffer.
func (s *logSink) take() (lines [][]byte, dropped int, closed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	lines = s.waiting
	if s.dropped > 0 {
		dropped = s.dropped
	}
	s.waiting, s.size, s.dropped = nil, 0, 0
	return lines, dropped, s.closed
}

// behindNote is for lines that stderr did not take in time: it may be a pipe that nobody reads, or a file on a slow disk.
func behindNote(dropped int) []byte {
	return fmt.Appendf(nil, "whipper: %s dropped: stderr took them too slowly, or not at all\n", logLines(dropped))
}

func logLines(n int) string {
	if n == 1 {
		return "1 line of the log was"
	}
	return humanize.Comma(int64(n)) + " lines of the log were"
}
