package peers

import "syscall"

// ownGroup gives a process a group of its own, and has it told to end when this process is killed, and can tell it no more.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
