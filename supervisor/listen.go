package supervisor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"slices"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// ListenError is a shared socket that cannot be opened.
type ListenError struct {
	Address string // as it was given
	Err     error
}

func (e *ListenError) Error() string { return fmt.Sprintf("listen on %s: %v", e.Address, e.Err) }

// Unwrap gives the system's reason, such as syscall.EADDRINUSE.
func (e *ListenError) Unwrap() error { return e.Err }

// sockets are the listening sockets that all workers of a pool share; they do not change. They are opened once: however workers come and go, who
// connects waits in their queue at worst. The supervisor never accepts on them, and is not woken by who connects.
type sockets struct {
	specs []string // as they were asked for
	names string   // for LISTEN_FDNAMES
	all   []*socket
}

// socket is one of them.
type socket struct {
	address string   // with the port that it really has
	file    *os.File // never in Go's poller; non-blocking, for several processes wait on it
	path    string   // of a Unix socket
	info    fs.FileInfo
}

// share has the sockets be those of o: it opens what is new, or nothing if one of them fails, and closes what is not wanted any more.
func (p *Pool) share(o *Options) error {
	p.sharing.Lock()
	defer p.sharing.Unlock()
	return p.shareLocked(o)
}

// shareLocked is share; sharing is held.
func (p *Pool) shareLocked(o *Options) error {
	old := p.sockets.Load()
	if slices.Equal(old.specs, o.Listen) {
		return nil
	}
	owner, err := o.Process.Account()
	if err != nil {
		return err
	}
	s, err := openSockets(o.Listen, owner, old)
	if err != nil {
		return err
	}
	p.sockets.Store(s)
	for i, spec := range old.specs {
		if !slices.Contains(s.specs, spec) {
			p.closeSocket(old.all[i])
		}
	}
	return nil
}

// launch starts a worker's process with the sockets that o wants. Where o has no command it finds that out.
func (p *Pool) launch(o *Options, env func() []string, print func(pid int, stream string, text []byte, cut int)) (*process, error) {
	if len(o.Command) == 0 {
		var err error
		if o.Command, err = o.Resolve(); err != nil {
			return nil, err
		}
		o.Listen = p.options().Listen // the pool may have been told of others meanwhile
	}
	p.sharing.Lock()
	defer p.sharing.Unlock()
	if err := p.shareLocked(o); err != nil {
		return nil, err
	}
	return startProcess(p.forker, o, env(), p.sockets.Load().files(), print)
}

// closeSockets closes the sockets, which no worker has any more.
func (p *Pool) closeSockets() {
	p.sharing.Lock()
	defer p.sharing.Unlock()
	for _, one := range p.sockets.Swap(&sockets{}).all {
		p.closeSocket(one)
	}
}

func (p *Pool) closeSocket(s *socket) {
	if err := s.close(); err != nil {
		p.log.Warn("shared socket is not closed as it should be", "error", err)
	}
}

// openSockets opens them all or none, but for those that old has already. A Unix socket becomes the owner's, if there is one.
func openSockets(specs []string, owner *Account, old *sockets) (*sockets, error) {
	s := &sockets{specs: slices.Clone(specs)}
	var addresses []listenAddress
	var opened []*socket
	for _, spec := range specs {
		a, err := parseListen(spec)
		var one *socket
		if i := slices.Index(old.specs, spec); i >= 0 {
			one = old.all[i]
		} else if err == nil {
			if one, err = openSocket(a, owner); err == nil {
				opened = append(opened, one)
			}
		}
		if err != nil {
			faults := []error{&ListenError{Address: spec, Err: err}}
			for _, one := range opened {
				faults = append(faults, one.close())
			}
			return nil, errors.Join(faults...)
		}
		addresses = append(addresses, a)
		s.all = append(s.all, one)
	}
	s.names = listenNames(addresses)
	return s, nil
}

// addresses are where one can connect.
func (s *sockets) addresses() []string {
	var list []string
	for _, one := range s.all {
		list = append(list, one.address)
	}
	return list
}

func (s *sockets) files() []*os.File {
	var files []*os.File
	for _, one := range s.all {
		files = append(files, one.file)
	}
	return files
}

// environ are the variables by which a worker knows the sockets; LISTEN_PID is set by the launcher.
func (s *sockets) environ() []string {
	if len(s.all) == 0 {
		return nil
	}
	return []string{envListenFDs + "=" + strconv.Itoa(len(s.all)), envListenNames + "=" + s.names}
}

func openSocket(a listenAddress, owner *Account) (*socket, error) {
	if a.network == "unix" {
		if err := removeStale(a.address); err != nil {
			return nil, err
		}
	}
	config := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		if a.network != "unix" {
			return nil
		}
		return raw.Control(func(fd uintptr) {
			_ = unix.Fchmod(int(fd), socketMode) // on Linux the file gets this mode; elsewhere it is set below
		})
	}}
	l, err := config.Listen(context.Background(), a.network, a.address)
	if err != nil {
		return nil, systemReason(err)
	}
	s := &socket{address: a.String()}
	if u, ok := l.(*net.UnixListener); ok {
		u.SetUnlinkOnClose(false) // close does it with more care
		s.path = a.address
		err = s.protect(owner)
	} else {
		s.address = a.network + "://" + l.Addr().String()
	}
	if err == nil {
		s.file, err = detach(l)
	}
	if err != nil {
		return nil, errors.Join(err, l.Close(), s.remove())
	}
	return s, nil
}

// socketMode is that of a Unix socket: its owner alone may connect.
const socketMode = 0o600

// protect gives a Unix socket its mode and its owner.
func (s *socket) protect(owner *Account) error {
	info, err := os.Lstat(s.path)
	if err == nil && info.Mode().Perm() != socketMode { // a chmod would follow a link that somebody has put in its place
		err = os.Chmod(s.path, socketMode)
	}
	if err != nil {
		return err
	}
	if owner != nil {
		if err := os.Lchown(s.path, int(owner.UID), int(owner.GID)); err != nil {
			return err
		}
	}
	s.info, err = os.Lstat(s.path)
	return err
}

// detach takes a listener's descriptor away from Go, which would wake up for each connection, and make the descriptor blocking
// for everybody when it is handed to a process.
func detach(l net.Listener) (*os.File, error) {
	raw, err := l.(syscall.Conn).SyscallConn()
	if err != nil {
		return nil, err
	}
	fd, fault := -1, error(nil)
	err = raw.Control(func(from uintptr) { fd, fault = unix.FcntlInt(from, unix.F_DUPFD_CLOEXEC, 3) })
	if err := errors.Join(err, fault); err != nil {
		return nil, fmt.Errorf("take over its descriptor: %w", err)
	}
	// os.NewFile leaves a blocking descriptor out of the poller, and what is made non-blocking later as it is.
	err = unix.SetNonblock(fd, false)
	file := os.NewFile(uintptr(fd), l.Addr().String())
	if err := errors.Join(err, l.Close(), unix.SetNonblock(fd, true)); err != nil {
		return nil, errors.Join(fmt.Errorf("take over its descriptor: %w", err), file.Close())
	}
	return file, nil
}

func (s *socket) close() error { return errors.Join(s.file.Close(), s.remove()) }

// remove removes a Unix socket's file, unless something else has taken its place.
func (s *socket) remove() error {
	if s.path == "" || s.info == nil {
		return nil
	}
	if info, err := os.Lstat(s.path); err != nil || !os.SameFile(info, s.info) {
		return nil //nolint:nilerr // it has gone already
	}
	return os.Remove(s.path)
}

// removeStale removes a socket's file that nobody listens on.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		return errors.New("something that is no socket is in its place")
	}
	c, err := net.Dial("unix", path)
	if err == nil {
		_ = c.Close() // it has told all it can
	}
	switch {
	case err == nil, errors.Is(err, syscall.EAGAIN): // its queue of connections is full
		return syscall.EADDRINUSE
	case !errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("see whether somebody listens there: %w", systemReason(err))
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("remove what a dead process left: %w", err)
	}
	return nil
}

// systemReason strips an error of the network and address that a ListenError names itself.
func systemReason(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	var call *os.SyscallError
	if errors.As(err, &call) {
		return call.Err
	}
	return err
}
