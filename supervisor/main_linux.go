package supervisor

import (
	"errors"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
)

// Main calls run and returns what it returns. In the meantime it reaps the processes that the kernel hands over to this one
// because their parents have ended: as the first process of a container it gets those of everybody, with Options.KillTree
// those of its workers. Nobody else waits for them, and they would stay zombies.
//
// The kernel hands them to the main thread, and a thread can wait for its own children alone. So this one reaps them all
// without ever taking the exit status of a process that whoever started it waits for, as long as it starts none itself.
// Hence run gets a goroutine of its own, and main must stay on the main thread:
//
//	func init() { runtime.LockOSThread() }
//
//	func main() { os.Exit(supervisor.Main(run)) }
func Main(run func() int) int {
	if unix.Gettid() != os.Getpid() {
		panic("supervisor.Main is called on another thread than the main one: call runtime.LockOSThread in an init function")
	}
	result := make(chan int, 1)
	go func() { result <- run() }()
	children := make(chan os.Signal, 1)
	signal.Notify(children, unix.SIGCHLD)
	defer signal.Stop(children)
	for {
		reapAdopted()
		select {
		case <-children:
		case code := <-result:
			return code
		}
	}
}

// reapAdopted reaps this thread's children that have ended.
func reapAdopted() {
	for {
		pid, err := unix.Wait4(-1, nil, unix.WNOHANG|unix.WNOTHREAD|unix.WALL, nil)
		if pid <= 0 && !errors.Is(err, unix.EINTR) {
			return // none has ended, or there is none
		}
	}
}
