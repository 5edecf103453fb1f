package supervisor

import (
	"fmt"
	"net"
	"os"
)

// tellGate tells the test's gate that something happened.
func tellGate(name string) {
	if c := dialGate(name); c != nil {
		c.Close()
	}
}

// visit tells the gate, and waits until the test lets it go on.
func visit(name string) {
	if c := dialGate(name); c != nil {
		_, _ = c.Read(make([]byte, 1))
		c.Close()
	}
}

func dialGate(name string) net.Conn {
	c, err := net.Dial("unix", os.Getenv(envGate))
	if err != nil {
		return nil // the test is over, or wants to know nothing
	}
	fmt.Fprintf(c, "%s %d\n", name, os.Getpid())
	return c
}
