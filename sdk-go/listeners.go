package whipper

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"syscall"
)

// firstListener is the descriptor of the first socket, as systemd has it.
const firstListener = 3

// Listeners gives the sockets of "whipper exec --listen", in its order, which all workers of the pool share: each connection
// is accepted by one of them. There are none in a process that was given none. Closing a listener leaves the socket open for
// the other workers. They are the same listeners each time, and are not inherited by programs that the process executes.
//
// A worker that ends in good order closes them when it is told $/shutdown and finishes what it has accepted, as
// [net/http.Server.Shutdown] does: then nobody is refused while a pool is restarted.
func Listeners() ([]net.Listener, error) { return openListeners() }

var openListeners = sync.OnceValues(func() ([]net.Listener, error) {
	if os.Getenv("LISTEN_PID") != strconv.Itoa(os.Getpid()) {
		return nil, nil // they are another process's
	}
	count, err := strconv.Atoi(os.Getenv("LISTEN_FDS"))
	if err != nil {
		return nil, fmt.Errorf("read LISTEN_FDS: %w", err)
	}
	var listeners []net.Listener
	for fd := firstListener; fd < firstListener+count; fd++ {
		syscall.CloseOnExec(fd)
		file := os.NewFile(uintptr(fd), "LISTEN_FD_"+strconv.Itoa(fd))
		l, err := net.FileListener(file) // a copy of the descriptor
		if err != nil {
			return nil, fmt.Errorf("listen on descriptor %d: %w", fd, errors.Join(err, file.Close()))
		}
		if err := file.Close(); err != nil {
			return nil, fmt.Errorf("close descriptor %d: %w", fd, err)
		}
		listeners = append(listeners, l)
	}
	return listeners, nil
})
