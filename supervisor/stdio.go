package supervisor

import (
	"cmp"
	"io"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/whipper-sidecar/whipper/jsonrpc"
)

// lastWords is how long a process's pipes may stay open after it has ended before its calls get their outcome. They stay
// open when something that it started, and that left its group, still holds them.
const lastWords = 250 * time.Millisecond

const (
	moreThanAPipe = 2 << 20  // bytes; Linux lets a pipe have 1 MiB
	oneRead       = 64 << 10 // at most so many bytes are asked for at once
)

// stdio is the pair of pipes that carry the protocol, as the supervisor holds them.
type stdio struct {
	in  stdin
	out stdout
	eof atomic.Bool // the process is to see the end of its stdin
}

func newStdio(in, out *os.File) *stdio {
	return &stdio{
		in:  stdin{File: in, now: jsonrpc.NewNowWriter(in)},
		out: stdout{File: out, in: jsonrpc.NewPollReader(out)},
	}
}

func (s *stdio) Read(b []byte) (int, error)         { return s.out.Read(b) }
func (s *stdio) Write(b []byte) (int, error)        { return s.in.Write(b) }
func (s *stdio) WriteNow(b []byte) (int, error)     { return s.in.WriteNow(b) }
func (s *stdio) SetWriteDeadline(t time.Time) error { return s.in.SetWriteDeadline(t) }

// CloseWrite is called when nothing more will be written. Unless the process was to be told so, its stdin stays open until
// its end, to tell what it has not read.
func (s *stdio) CloseWrite() error {
	if s.eof.Load() {
		return s.in.Close()
	}
	return nil
}

// Close ends reading and writing.
func (s *stdio) Close() error {
	_ = s.in.SetWriteDeadline(time.Unix(1, 0)) // closed already after CloseWrite
	return s.out.Close()
}

// stdin is the writing end of a process's stdin. It remembers where the latest calls begin, so that once the process is gone
// one can tell which of them it never read.
type stdin struct {
	*os.File
	now jsonrpc.NowWriter // of the file

	mu      sync.Mutex // held while a write goes on
	written int64      // bytes

	callsMu  sync.Mutex // not mu: frames are noted while a write goes on
	framedAt int64      // bytes of all frames that have been or will be written
	latest   uint64     // of the calls that are forgotten, since no byte of theirs can be in the pipe
	calls    []callStart
}

// callStart is where a call's frame begins in what is written.
type callStart struct {
	at   int64
	call uint64 // id, which only rises
}

// framed takes note of a frame that is going to be written: see jsonrpc.Options.
func (s *stdin) framed(call uint64, size int) {
	s.callsMu.Lock()
	defer s.callsMu.Unlock()
	if call != 0 {
		s.calls = append(s.calls, callStart{s.framedAt, call})
	}
	s.framedAt += int64(size)
}

// Write writes b.
func (s *stdin) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.File.Write(b)
	s.wrote(n)
	return n, err
}

// WriteNow writes what the pipe has room for: see jsonrpc.NowWriter.
func (s *stdin) WriteNow(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.now.WriteNow(b)
	s.wrote(n)
	return n, err
}

// wrote counts, and forgets calls of which nothing can be in the pipe any more; mu is held.
func (s *stdin) wrote(n int) {
	s.written += int64(n)
	s.callsMu.Lock()
	defer s.callsMu.Unlock()
	if old := s.begunBefore(s.written - moreThanAPipe); old > len(s.calls)/2 {
		s.latest = s.calls[old-1].call
		s.calls = append(s.calls[:0], s.calls[old:]...)
	}
}

// begunBefore is how many of the calls begin before a byte; callsMu is held.
func (s *stdin) begunBefore(at int64) int {
	n, _ := slices.BinarySearchFunc(s.calls, at, func(c callStart, at int64) int { return cmp.Compare(c.at, at) })
	return n
}

// taken is the id of the latest call of which a byte has been read, or 0: a process may act on a frame before it has seen the end
// of it, and one that dies of reading a frame must not be given it for ever. A write under way is ended first: part of it may be
// in the pipe.
func (s *stdin) taken() uint64 {
	_ = s.SetWriteDeadline(time.Unix(1, 0)) // closed already after CloseWrite
	s.mu.Lock()
	defer s.mu.Unlock()
	read := s.written - int64(unread(s.File))
	s.callsMu.Lock()
	defer s.callsMu.Unlock()
	if n := s.begunBefore(read); n > 0 {
		return s.calls[n-1].call
	}
	return s.latest
}

// stdout is the reading end of a process's stdout or stderr. It counts, to tell when the last words have been read.
type stdout struct {
	*os.File
	in    io.Reader    // of the file
	count atomic.Int64 // bytes read
}

func (s *stdout) Read(b []byte) (int, error) {
	n, err := s.in.Read(b)
	s.count.Add(int64(n))
	return n, err
}

// finish waits until the pipe is closed by all who hold it, which done tells, or, from patience on, until what the dead
// process has written is read. Then it ends the reader, and waits for that.
func (s *stdout) finish(done <-chan struct{}, patience time.Time) {
	last := int64(unread(s.File)) + oneRead // some may have been read and not been counted yet
	last += s.count.Load()                  // what comes behind is another's, who holds the pipe
	timer := time.NewTimer(time.Until(patience))
	defer timer.Stop()
	for {
		select {
		case <-done:
			return
		case <-timer.C:
		}
		if unread(s.File) == 0 || s.count.Load() >= last {
			_ = s.SetReadDeadline(time.Unix(1, 0)) // what the reader has in its buffer it still hands on
			<-done
			return
		}
		timer.Reset(lastWords / 50)
	}
}

var (
	_ io.ReadWriteCloser = (*stdio)(nil)
	_ jsonrpc.NowWriter  = (*stdio)(nil)
)
