package monitor

import (
	"net"
	"net/http"
	"slices"
	"sync"
)

// mostConnections is how many connections there are at once, with a goroutine each.
const mostConnections = 64

// connections is a listener that bounds how many of its connections are served. Where one more comes the oldest is closed, so that those
// who are slow, or say nothing, keep nobody out.
type connections struct {
	net.Listener
	places  chan struct{} // a token for each that is served
	serving sync.WaitGroup

	mu   sync.Mutex
	open []net.Conn // oldest first
}

func bound(l net.Listener) *connections {
	return &connections{Listener: l, places: make(chan struct{}, mostConnections)}
}

// Accept implements net.Listener.
func (c *connections) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err != nil {
		return nil, err
	}
	select {
	case c.places <- struct{}{}:
	default:
		c.closeOldest()
		c.places <- struct{}{} // soon: its goroutine notices
	}
	c.serving.Add(1)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open = append(c.open, conn)
	return conn, nil
}

func (c *connections) closeOldest() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.open) > 0 { // else the last has just ended
		_ = c.open[0].Close()
		c.open = slices.Delete(c.open, 0, 1)
	}
}

// end closes all connections and waits until none is served any more. Nobody accepts then.
func (c *connections) end() {
	c.mu.Lock()
	for _, conn := range c.open {
		_ = conn.Close()
	}
	c.mu.Unlock()
	c.serving.Wait()
}

// changed is the http.Server's ConnState. A connection's goroutine ends with the state closed.
func (c *connections) changed(conn net.Conn, state http.ConnState) {
	if state != http.StateClosed {
		return
	}
	c.mu.Lock()
	c.open = slices.DeleteFunc(c.open, func(other net.Conn) bool { return other == conn })
	c.mu.Unlock()
	<-c.places
	c.serving.Done()
}
