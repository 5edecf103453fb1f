// Package otlptest is an OpenTelemetry collector for tests: it takes traces, metrics and logs by real gRPC and real HTTP, and can be killed,
// started again at the same ports, and made to hang.
package otlptest

import (
	"net"
	"sync"
	"testing"
	"time"
)

// patience is how long Await waits. A test that passes never waits that long.
const patience = 30 * time.Second

// Collector is one that listens at two ports of 127.0.0.1. Its methods may be called from any goroutine but Start, Stop and Hang, which are the test's.
type Collector struct {
	t        testing.TB
	grpc     string // address
	http     string
	stop     func() // nil: it does not run
	mu       sync.Mutex
	received Received
	changed  chan struct{} // closed when something has come, and made anew
}

// New starts a collector, which ends with the test.
func New(t testing.TB) *Collector {
	t.Helper()
	c := &Collector{t: t, grpc: "127.0.0.1:0", http: "127.0.0.1:0", changed: make(chan struct{})}
	c.Start()
	t.Cleanup(c.Stop)
	return c
}

// GRPC is the URL for OTEL_EXPORTER_OTLP_ENDPOINT where the protocol is grpc.
func (c *Collector) GRPC() string { return "http://" + c.grpc }

// HTTP is the URL for OTEL_EXPORTER_OTLP_ENDPOINT where the protocol is http/protobuf.
func (c *Collector) HTTP() string { return "http://" + c.http }

// Start serves, at the same ports as before.
func (c *Collector) Start() {
	c.t.Helper()
	c.Stop()
	forGRPC, forHTTP := c.listen()
	stopGRPC, stopHTTP := c.serveGRPC(forGRPC), c.serveHTTP(forHTTP)
	c.stop = func() {
		stopGRPC()
		stopHTTP()
	}
}

// Stop ends it as a kill would: connections break, and nobody listens at the ports.
func (c *Collector) Stop() {
	if c.stop != nil {
		c.stop()
		c.stop = nil
	}
}

// Hang has it take connections at the same ports and never answer.
func (c *Collector) Hang() {
	c.t.Helper()
	c.Stop()
	forGRPC, forHTTP := c.listen()
	stopGRPC, stopHTTP := hold(forGRPC), hold(forHTTP)
	c.stop = func() {
		stopGRPC()
		stopHTTP()
	}
}

// Await waits until enough holds for what has come, and gives that.
func (c *Collector) Await(what string, enough func(Received) bool) Received {
	c.t.Helper()
	timeout := time.After(patience)
	for {
		c.mu.Lock()
		received, changed := c.received, c.changed
		c.mu.Unlock()
		if enough(received) {
			return received
		}
		select {
		case <-changed:
		case <-timeout:
			c.t.Fatalf("the collector waits for %s; %s has come", what, received)
		}
	}
}

// Received gives what has come by now.
func (c *Collector) Received() Received {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.received
}

// add takes note of what has come. Slices are only ever appended to, so that a Received that was given out stays as it is.
func (c *Collector) add(take func(*Received)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	take(&c.received)
	close(c.changed)
	c.changed = make(chan struct{})
}

// listen opens the ports, and keeps to them from then on.
func (c *Collector) listen() (forGRPC, forHTTP net.Listener) {
	c.t.Helper()
	listen := func(address *string) net.Listener {
		l, err := net.Listen("tcp", *address)
		if err != nil {
			c.t.Fatalf("listen: %v", err)
		}
		*address = l.Addr().String()
		return l
	}
	return listen(&c.grpc), listen(&c.http)
}

// hold takes connections and does nothing with them.
func hold(l net.Listener) (stop func()) {
	var done sync.WaitGroup
	done.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			defer conn.Close() // when it stops
		}
	})
	return func() {
		_ = l.Close()
		done.Wait()
	}
}
