package supervisor

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// ProcessOptions are what the system is told about a worker's process before its program runs. A zero value leaves a thing as
// the supervisor has it.
type ProcessOptions struct {
	User        string // NAME, NAME:GROUP, UID or UID:GID; another one than the supervisor's own needs root
	LimitNoFile int    // most open file descriptors, soft and hard limit
	LimitAS     int    // most bytes of address space, soft and hard limit
	Nice        int    // from -20, the most urgent, to 19; less than the supervisor's own needs a privilege
}

// start starts a program whose descriptors are its pipes and then so many sockets. It takes the launcher only where that is
// needed.
func (o ProcessOptions) start(f *forker, path string, argv []string, attr *os.ProcAttr, sockets int) (*os.Process, error) {
	if o == (ProcessOptions{}) && sockets == 0 {
		return f.start(path, argv, attr)
	}
	account, err := o.Account()
	if err != nil {
		return nil, fmt.Errorf("set --user: %w", err)
	}
	if account != nil {
		if err := own(attr.Files[:3], account); err != nil {
			return nil, fmt.Errorf("give the pipes to --user %s: %w", o.User, reason(err))
		}
	}
	order := launchOrder{Account: account, NoFile: uint64(o.LimitNoFile), AS: uint64(o.LimitAS), Nice: o.Nice, Sockets: sockets}
	return f.launch(order, path, argv, attr)
}

// Account is the user that workers are to become; nil where that is no change. It is an error if this process may not do that.
func (o ProcessOptions) Account() (*Account, error) {
	if o.User == "" {
		return nil, nil
	}
	a, err := FindAccount(o.User)
	if err == nil {
		err = a.permitted()
	}
	if err != nil || a.own() {
		return nil, err
	}
	return a, nil
}

// problems reports what cannot work, with the names of the flags.
func (o ProcessOptions) problems(bad func(field string, value any, want string)) {
	if _, err := o.Account(); err != nil {
		bad("User", fmt.Sprintf("%q", o.User), fmt.Sprintf("a user of this machine (%v)", err))
	}
	if o.LimitNoFile < 0 || o.LimitNoFile > 0 && o.LimitNoFile < LeastNoFile {
		bad("LimitNoFile", o.LimitNoFile, fmt.Sprintf("at least %d", LeastNoFile))
	}
	if o.LimitAS < 0 || o.LimitAS > 0 && o.LimitAS < leastAS {
		bad("LimitAS", o.LimitAS, fmt.Sprintf("at least %d bytes", leastAS))
	}
	if o.Nice < -20 || o.Nice > 19 {
		bad("Nice", o.Nice, "a number from -20 to 19")
	}
}

// LeastNoFile is the least LimitNoFile: with fewer descriptors hardly a program can be loaded.
const LeastNoFile = 16

// leastAS is the least LimitAS: with less the kernel kills a program while it is loaded, without a word.
const leastAS = 16 << 20

// raise is a limit that a privileged process may raise before it gives up its privileges.
func raise(resource int, value uint64) error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(resource, &limit); err != nil {
		return err
	}
	if value <= limit.Max {
		return nil
	}
	limit.Max = value
	return unix.Setrlimit(resource, &limit)
}
