package jsonrpc

import "net"

// PeerUID is the user that the process at the other end of a local socket ran as when it connected. The kernel tells it; the
// peer cannot choose it.
func PeerUID(c *net.UnixConn) (uid uint32, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, err
	}
	if controlErr := raw.Control(func(fd uintptr) { uid, err = socketPeerUID(int(fd)) }); controlErr != nil {
		return 0, controlErr
	}
	return uid, err
}
