package supervisor

import (
	"os"
	"runtime"
)

// forker starts processes from one OS thread. On Linux a child can ask for a signal when its parent dies, but "parent" means
// the thread that forked it, so that thread must live as long as the supervisor.
type forker struct {
	requests chan forkRequest
	done     chan struct{}
}

type forkRequest struct {
	path   string
	argv   []string
	attr   *os.ProcAttr
	answer chan<- forkAnswer
}

type forkAnswer struct {
	process *os.Process
	err     error
}

func newForker() *forker {
	return &forker{requests: make(chan forkRequest), done: make(chan struct{})}
}

// run starts what is asked for, also before it runs, until stop.
func (f *forker) run() {
	defer close(f.done)
	runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
	for r := range f.requests {
		p, err := os.StartProcess(r.path, r.argv, r.attr)
		r.answer <- forkAnswer{p, err}
	}
}

// start is os.StartProcess on the forker's thread.
func (f *forker) start(path string, argv []string, attr *os.ProcAttr) (*os.Process, error) {
	answer := make(chan forkAnswer, 1)
	f.requests <- forkRequest{path, argv, attr, answer}
	a := <-answer
	return a.process, a.err
}

// stop ends the thread. No process that it started may be left: on Linux they would be killed.
func (f *forker) stop() {
	close(f.requests)
	<-f.done
}
