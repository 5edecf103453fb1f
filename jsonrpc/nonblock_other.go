//go:build !linux

package jsonrpc

import (
	"syscall"

	"golang.org/x/sys/unix"
)

func readNow(fd uintptr, b []byte) (int, syscall.Errno)  { return errnoOf(unix.Read(int(fd), b)) }
func writeNow(fd uintptr, b []byte) (int, syscall.Errno) { return errnoOf(unix.Write(int(fd), b)) }

// errnoOf gives a system call's error as what it always is.
func errnoOf(n int, err error) (int, syscall.Errno) {
	errno, _ := err.(syscall.Errno) //nolint:errorlint // the system call's own, which nobody wraps
	return n, errno
}
