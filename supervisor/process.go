package supervisor

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// lastWords is how long a process's pipes may stay open after it has ended before its calls get their outcome. They stay
// open when something that it started, and that left its group, still holds them.
const lastWords = 250 * time.Millisecond

// StartError is a worker command that cannot be started at all.
type StartError struct {
	Path string
	Err  error
}

func (e *StartError) Error() string { return fmt.Sprintf("start worker %q: %v", e.Path, e.Err) }

// Unwrap gives the system's reason, such as fs.ErrNotExist or fs.ErrPermission.
func (e *StartError) Unwrap() error { return e.Err }

// process is one run of the worker's command.
type process struct {
	pid    int
	stdio  stdio
	stderr *os.File
	tail   tail

	mu     sync.Mutex // guards reaped: a signal must not reach a process that took over the id
	os     *os.Process
	reaped bool

	stderrDone chan struct{} // closed at the end of stderr
}

// exit is how a process ended.
type exit struct {
	code   *int   // nil when a signal ended it
	signal string // as SIGKILL
}

func (e exit) String() string {
	if e.code != nil {
		return fmt.Sprintf("exit code %d", *e.code)
	}
	return "signal " + e.signal
}

// stdio is the pair of pipes that carry the protocol.
type stdio struct{ in, out *os.File }

func (s stdio) Read(b []byte) (int, error)         { return s.out.Read(b) }
func (s stdio) Write(b []byte) (int, error)        { return s.in.Write(b) }
func (s stdio) SetWriteDeadline(t time.Time) error { return s.in.SetWriteDeadline(t) }
func (s stdio) CloseWrite() error                  { return s.in.Close() }

func (s stdio) Close() error {
	_ = s.in.Close() // closed already after CloseWrite
	return s.out.Close()
}

// startProcess starts the command with three pipes. print gets each line of stderr.
func startProcess(f *forker, o *Options, env []string, print func(pid int, line []byte)) (*process, error) {
	path, err := exec.LookPath(o.Command[0])
	if err != nil && !errors.Is(err, exec.ErrDot) {
		return nil, &StartError{Path: o.Command[0], Err: errors.Unwrap(err)}
	}
	var pipes [3][2]*os.File // stdin, stdout, stderr: reading end, writing end
	closeAll := func(ends ...int) {
		for _, pipe := range pipes {
			for _, end := range ends {
				if pipe[end] != nil {
					_ = pipe[end].Close()
				}
			}
		}
	}
	for i := range pipes {
		r, w, err := os.Pipe()
		if err != nil {
			closeAll(0, 1)
			return nil, fmt.Errorf("open a pipe for worker %q: %w", o.Command[0], err)
		}
		pipes[i] = [2]*os.File{r, w}
	}
	childEnds := []*os.File{pipes[0][0], pipes[1][1], pipes[2][1]}
	proc, err := f.start(path, o.Command, &os.ProcAttr{Dir: o.Dir, Env: env, Files: childEnds, Sys: ownGroup()})
	if err != nil {
		closeAll(0, 1)
		return nil, &StartError{Path: path, Err: err}
	}
	for _, end := range childEnds {
		_ = end.Close()
	}
	p := &process{
		pid:        proc.Pid,
		stdio:      stdio{in: pipes[0][1], out: pipes[1][0]},
		stderr:     pipes[2][0],
		os:         proc,
		stderrDone: make(chan struct{}),
	}
	go p.copyStderr(print)
	return p, nil
}

// copyStderr hands on what the process prints until nobody holds the pipe any more, or it is closed.
func (p *process) copyStderr(print func(pid int, line []byte)) {
	defer close(p.stderrDone)
	r := bufio.NewReaderSize(p.stderr, 16<<10)
	for {
		line, err := r.ReadSlice('\n') // a longer line comes in pieces
		if len(line) > 0 {
			p.tail.add(line)
			print(p.pid, line)
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return // io.EOF, or the pipe was closed under it
		}
	}
}

// wait blocks until the process has ended, kills what is left of its group, reaps it, and waits a moment for the last
// words in its pipes; readDone tells that stdout has been read to its end.
func (p *process) wait(readDone <-chan struct{}) exit {
	unreaped := awaitExit(p.pid)
	if unreaped {
		p.signal(unix.SIGKILL)
		p.mu.Lock()
		p.reaped = true
		p.mu.Unlock()
	}
	state, err := p.os.Wait()
	if !unreaped {
		p.signal(unix.SIGKILL)
		p.mu.Lock()
		p.reaped = true
		p.mu.Unlock()
	}
	e := exit{signal: "unknown"}
	if err == nil {
		if ws := state.Sys().(syscall.WaitStatus); ws.Signaled() {
			e.signal = unix.SignalName(ws.Signal())
		} else {
			code := ws.ExitStatus()
			e = exit{code: &code}
		}
	}
	patience := time.NewTimer(lastWords)
	defer patience.Stop()
	for _, done := range []<-chan struct{}{readDone, p.stderrDone} {
		for open := true; open; {
			select {
			case <-done:
				open = false
			case <-patience.C:
				// What the process itself has written is in the pipe: it is read before anybody is told.
				open = done == readDone && unread(p.stdio.out) > 0
				patience.Reset(lastWords / 10)
			}
		}
	}
	_ = p.stderr.Close()
	<-p.stderrDone
	return e
}

// signal sends a signal to the process group.
func (p *process) signal(s unix.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.reaped {
		_ = unix.Kill(-p.pid, s) // a group that is gone needs no signal
	}
}

var _ io.ReadWriteCloser = stdio{}
