package whipper

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

const (
	readyFD    = 3               // where the supervisor says that it is ready
	keptOutput = 4 << 10         // bytes of its output that an error shows
	lastOutput = time.Second     // that is waited for after its end: a process that a worker has left may hold the pipe
	stopAtMost = 2 * time.Minute // then it is killed; its own --drain-timeout is shorter, unless a flag says otherwise
)

// sidecar is a supervisor that this process starts, again if it has died.
type sidecar struct {
	binary    string
	args, env []string
	dir       string
	temporary bool // dir is this sidecar's own, to be removed
	stderr    io.Writer

	mu       sync.Mutex
	process  *process // the newest; nil: none yet
	starting *attempt // its successor; nil: none is on its way
	stopped  bool
}

// attempt is one start of the supervisor. It goes on when those who wait for it have given up: callers with little time would end
// each other's otherwise, and none would ever get ready.
type attempt struct {
	cancel context.CancelFunc
	done   chan struct{}
	target target // these are set before done is closed
	err    error
}

// process is one supervisor process.
type process struct {
	cmd    *exec.Cmd
	stdin  *os.File // its end is the supervisor's
	output *output
	target target
	exited chan struct{} // closed when it is reaped
	err    error         // how it ended; set before exited is closed
}

// locate gives the socket of the sidecar, and starts it if it does not run. That may be called by several at once, for one start.
func (s *sidecar) locate(ctx context.Context) (target, error) {
	a, t, err := s.attempt(ctx)
	if a == nil {
		return t, err
	}
	select {
	case <-a.done:
		return a.target, a.err
	case <-ctx.Done():
		return target{}, ctx.Err()
	}
}

// attempt gives the start that is under way, or begins one. Nil: none is needed, or wanted any more.
func (s *sidecar) attempt(ctx context.Context) (*attempt, target, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.stopped:
		return nil, target{}, ErrClosed
	case s.starting != nil:
		return s.starting, target{}, nil
	case s.process != nil && s.process.running():
		return nil, s.process.target, nil
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	a := &attempt{cancel: cancel, done: make(chan struct{})}
	s.starting = a
	go func() { // stop waits for it
		defer cancel()
		p, err := s.start(ctx)
		s.mu.Lock()
		defer s.mu.Unlock()
		switch s.starting = nil; {
		case err == nil:
			s.process, a.target = p, p.target
		case ctx.Err() != nil:
			a.err = ErrClosed
		default:
			a.err = err
		}
		close(a.done)
	}()
	return a, target{}, nil
}

// start starts the supervisor and waits until it is ready.
func (s *sidecar) start(ctx context.Context) (*process, error) {
	stdin, keep, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start a supervisor: %w", err)
	}
	ready, told, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start a supervisor: %w", errors.Join(err, stdin.Close(), keep.Close()))
	}
	defer ready.Close()
	p := &process{cmd: exec.Command(s.binary, s.args...), stdin: keep, output: &output{to: s.stderr}, exited: make(chan struct{})}
	p.cmd.Env, p.cmd.Stdin, p.cmd.Stderr, p.cmd.ExtraFiles = s.env, stdin, p.output, []*os.File{told}
	p.cmd.WaitDelay = lastOutput
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a terminal's Ctrl-C is the application's; what its sidecar does then is for it to say
	err = p.cmd.Start()
	_, _ = stdin.Close(), told.Close() // the supervisor has them
	if err != nil {
		return nil, fmt.Errorf("start a supervisor: %w", errors.Join(err, keep.Close()))
	}
	go func() { // ends with the process
		p.err = p.cmd.Wait()
		close(p.exited)
	}()
	stop := context.AfterFunc(ctx, func() { _ = ready.SetReadDeadline(time.Unix(1, 0)) })
	line, err := bufio.NewReader(ready).ReadBytes('\n')
	stop()
	var said struct{ Socket, State, Reason string }
	switch {
	case ctx.Err() != nil:
		_ = p.cmd.Process.Kill()
		return nil, errors.Join(ctx.Err(), p.end())
	case err != nil: // it ended
		_ = p.end() // the same
		return nil, &StartError{Err: p.failure(), Output: p.output.tail()}
	}
	if err := json.Unmarshal(line, &said); err != nil {
		return nil, &StartError{Err: errors.Join(err, p.end()), Output: p.output.tail()}
	}
	if said.State != "" {
		_ = p.cmd.Process.Kill() // it has nothing to drain
		_ = p.end()
		return nil, &StartError{Err: fmt.Errorf("pool %s: %s", said.State, said.Reason)}
	}
	p.target = target{dir: s.dir, socket: said.Socket, owner: uint32(os.Geteuid())}
	return p, nil
}

// stop ends the sidecar and removes its temporary folder, which it has done itself unless it was killed.
func (s *sidecar) stop() error {
	s.mu.Lock()
	s.stopped = true
	a := s.starting
	s.mu.Unlock()
	if a != nil {
		a.cancel()
		<-a.done
	}
	s.mu.Lock()
	p := s.process
	s.mu.Unlock()
	var err error
	if p != nil {
		err = p.end()
	}
	if s.temporary {
		err = errors.Join(err, os.RemoveAll(s.dir))
	}
	return err
}

func (p *process) running() bool {
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// end has the process drain, and waits for its end. A process that has ended already is no error.
func (p *process) end() error {
	_ = p.stdin.Close() // again, where it was closed before
	patience := time.NewTimer(stopAtMost)
	defer patience.Stop()
	select {
	case <-p.exited:
		return nil
	case <-patience.C:
	}
	err := p.cmd.Process.Kill()
	<-p.exited
	return errors.Join(fmt.Errorf("the supervisor did not end within %s: killed", stopAtMost), err)
}

// failure is how a process ended that should not have.
func (p *process) failure() error {
	if p.err == nil {
		return errors.New("it ended")
	}
	return p.err
}

// output passes on what a supervisor prints, and keeps the end of it.
type output struct {
	to io.Writer

	mu   sync.Mutex
	kept []byte
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	o.kept = append(o.kept, b...)
	if len(o.kept) > keptOutput {
		o.kept = append(o.kept[:0], o.kept[len(o.kept)-keptOutput:]...)
	}
	o.mu.Unlock()
	_, _ = o.to.Write(b) // the supervisor must not stop for a writer that fails
	return len(b), nil
}

func (o *output) tail() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(bytes.TrimSpace(o.kept))
}
