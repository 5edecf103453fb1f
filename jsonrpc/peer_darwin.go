package jsonrpc

import (
	"fmt"

	"golang.org/x/sys/unix"
)

func socketPeerUID(fd int) (uint32, error) {
	cred, err := unix.GetsockoptXucred(fd, unix.SOL_LOCAL, unix.LOCAL_PEERCRED)
	if err != nil {
		return 0, fmt.Errorf("read LOCAL_PEERCRED: %w", err)
	}
	return cred.Uid, nil
}
