package jsonrpc

import (
	"syscall"
	"unsafe"
)

// readNow and writeNow are for descriptors that do not block. They do not tell the runtime that they enter the kernel: nothing is gained by
// that, for they soon return, and where all had been idle it wakes the runtime's monitor thread, which then looks every 20 µs
// at what goes on, on a processor that the peer may want.

func readNow(fd uintptr, b []byte) (int, syscall.Errno)  { return now(syscall.SYS_READ, fd, b) }
func writeNow(fd uintptr, b []byte) (int, syscall.Errno) { return now(syscall.SYS_WRITE, fd, b) }

func now(trap, fd uintptr, b []byte) (int, syscall.Errno) {
	n, _, errno := syscall.RawSyscall(trap, fd, uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
	return int(n), errno
}
