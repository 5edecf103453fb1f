package supervisor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// StartError is a worker command that cannot be started at all.
type StartError struct {
	Path string
	Err  error
}

func (e *StartError) Error() string { return fmt.Sprintf("start worker %q: %v", e.Path, e.Err) }

// Unwrap gives the system's reason, such as fs.ErrPermission or exec.ErrNotFound.
func (e *StartError) Unwrap() error { return e.Err }

// Is has a program that is not in PATH match fs.ErrNotExist too.
func (e *StartError) Is(target error) bool {
	return target == fs.ErrNotExist && errors.Is(e.Err, exec.ErrNotFound)
}

// RefusedError is what the system does not let a worker's process have or be, whatever its program is.
type RefusedError struct {
	Doing string // as "set --nice -5", with the flag and its value
	Err   error
}

func (e *RefusedError) Error() string { return fmt.Sprintf("%s: %v", e.Doing, e.Err) }

// Unwrap gives the system's reason.
func (e *RefusedError) Unwrap() error { return e.Err }

// process is one run of the worker's command.
type process struct {
	pid    int
	stdio  *stdio
	stderr *stdout
	tail   tail

	mu     sync.Mutex // guards reaped: a signal must not reach a process that took over the id
	os     *os.Process
	reaped bool

	stderrDone chan struct{} // closed at the end of stderr
	tree       *tree         // what it leaves behind is killed; nil: not, but for its group
}

// exit is how a process ended.
type exit struct {
	code   *int   // nil when a signal ended it
	signal string // as SIGKILL
	left   error  // why something that it started could not be killed
	taken  uint64 // id of the last call that it had read, be it in part
}

func (e exit) String() string {
	if e.code != nil {
		return fmt.Sprintf("exit code %d", *e.code)
	}
	return "signal " + e.signal
}

// startProcess starts the command with three pipes, and the sockets behind them. print gets each line of stderr.
func startProcess(f *forker, o *Options, env []string, sockets []*os.File, print func(pid int, stream string, text []byte, cut int)) (*process, error) {
	path, err := findProgram(o)
	if err != nil {
		return nil, err
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
	attr := &os.ProcAttr{Dir: o.Dir, Env: env, Files: slices.Concat(childEnds, sockets), Sys: ownGroup()}
	proc, err := o.Process.start(f, path, o.Command, attr, len(sockets))
	if err != nil {
		closeAll(0, 1)
		return nil, &StartError{Path: path, Err: reason(err)}
	}
	for _, end := range childEnds {
		_ = end.Close()
	}
	p := &process{
		pid:        proc.Pid,
		stdio:      newStdio(pipes[0][1], pipes[1][0]),
		stderr:     &stdout{File: pipes[2][0], in: pipes[2][0]},
		os:         proc,
		stderrDone: make(chan struct{}),
	}
	go p.copyStderr(print)
	return p, nil
}

// findProgram gives the program's absolute path, and sees to what an exec would blame on the program.
func findProgram(o *Options) (string, error) {
	path, err := exec.LookPath(o.Command[0])
	if err != nil && !errors.Is(err, exec.ErrDot) {
		return "", &StartError{Path: o.Command[0], Err: reason(err)}
	}
	if path, err = filepath.Abs(path); err != nil { // it must not depend on Dir
		return "", &StartError{Path: o.Command[0], Err: err}
	}
	if o.Dir != "" {
		if err := enterable(o.Dir); err != nil {
			return "", &StartError{Path: path, Err: &RefusedError{Doing: settingDir(o.Dir), Err: err}}
		}
	}
	return path, nil
}

// settingDir is what is done when a worker gets its working folder.
func settingDir(dir string) string { return fmt.Sprintf("set --cwd %q", dir) }

// enterable says why a folder cannot be the working folder of one of this user's processes.
func enterable(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case err != nil:
		return reason(err)
	case !info.IsDir():
		return syscall.ENOTDIR
	}
	return unix.Faccessat(unix.AT_FDCWD, dir, unix.X_OK, unix.AT_EACCESS)
}

// reason strips an error of the path that a StartError names itself.
func reason(err error) error {
	if e := (*exec.Error)(nil); errors.As(err, &e) {
		err = e.Err
	}
	if e := (*fs.PathError)(nil); errors.As(err, &e) {
		err = e.Err
	}
	return err
}

// wait blocks until the process has ended, kills what is left of its group, reaps it, and waits a moment for the last
// words in its pipes; readDone tells that stdout has been read to its end.
func (p *process) wait(readDone <-chan struct{}) exit {
	if awaitExit(p.pid) {
		p.bury()
	}
	var left error
	if p.tree != nil {
		left = p.tree.kill(context.Background())
	}
	state, err := p.os.Wait()
	p.bury()
	e := exit{signal: "unknown"}
	if err == nil {
		if ws := state.Sys().(syscall.WaitStatus); ws.Signaled() {
			e.signal = unix.SignalName(ws.Signal())
		} else {
			code := ws.ExitStatus()
			e = exit{code: &code}
		}
	}
	e.left = left
	e.taken = p.stdio.in.taken()
	_ = p.stdio.in.Close() // a writer that is stuck ends now; closed already after CloseWrite
	patience := time.Now().Add(lastWords)
	p.stdio.out.finish(readDone, patience)
	p.stderr.finish(p.stderrDone, patience)
	_ = p.stderr.Close()
	return e
}

// bury kills what is left of the process's group, and lets no signal go there from then on. Where the process can be left
// unreaped until then, its number cannot be another group's yet.
func (p *process) bury() {
	p.signal(unix.SIGKILL)
	p.mu.Lock()
	p.reaped = true
	p.mu.Unlock()
}

// remember notes what the process has started, where its tree is to be killed: once it has ended that could not be told.
func (p *process) remember() {
	if p.tree != nil {
		p.tree.remember(p.pid)
	}
}

// signal sends a signal to the process group.
func (p *process) signal(s unix.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.reaped {
		_ = unix.Kill(-p.pid, s) // a group that is gone needs no signal
	}
}
