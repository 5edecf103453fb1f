package supervisor

import (
	"fmt"
	"os"
	"strconv"
	"syscall"
)

// CloseOnExec keeps the descriptors of this process from first on from the programs that it executes, unless they are handed over. A
// supervisor may have been started with files open that are its user's alone.
func CloseOnExec(first int) error {
	open, err := os.ReadDir(descriptorFolder)
	if err != nil {
		return fmt.Errorf("find the open descriptors: %w", err)
	}
	for _, entry := range open {
		if fd, err := strconv.Atoi(entry.Name()); err == nil && fd >= first {
			syscall.CloseOnExec(fd)
		}
	}
	return nil
}
