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

// start starts a program with the first of its descriptors, its pipes, made for it. It takes the launcher only where that is
// needed.
func (o ProcessOptions) start(f *forker, path string, argv []string, attr *os.ProcAttr) (*os.Process, error) {
	if o == (ProcessOptions{}) {
		return f.start(path, argv, attr)
	}
	account, err := o.account()
	if err != nil {
		return nil, fmt.Errorf("set --user: %w", err)
	}
	if account != nil {
		if err := own(attr.Files, account); err != nil {
			return nil, fmt.Errorf("make the pipes those of --user %s: %w", o.User, reason(err))
		}
	}
	order := launchOrder{Account: account, NoFile: uint64(o.LimitNoFile), AS: uint64(o.LimitAS), Nice: o.Nice}
	return f.launch(order, path, argv, attr)
}

// account is the user to become; nil where that is no change.
func (o ProcessOptions) account() (*Account, error) {
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
	if _, err := o.account(); err != nil {
		bad("User", fmt.Sprintf("%q", o.User), fmt.Sprintf("another user (%v)", err))
	}
	if o.LimitNoFile < 0 || o.LimitNoFile > 0 && o.LimitNoFile < leastNoFile {
		bad("LimitNoFile", o.LimitNoFile, fmt.Sprintf("at least %d", leastNoFile))
	}
	if o.LimitAS < 0 || o.LimitAS > 0 && o.LimitAS < leastAS {
		bad("LimitAS", o.LimitAS, fmt.Sprintf("at least %d bytes", leastAS))
	}
	if o.Nice < -20 || o.Nice > 19 {
		bad("Nice", o.Nice, "a number from -20 to 19")
	}
}

// With less a process cannot even be loaded, and would be killed without a word.
const (
	leastNoFile = 16
	leastAS     = 16 << 20
)

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
