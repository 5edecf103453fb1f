package supervisor

import (
	"bufio"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"
)

// gate is where worker programs say how far they are, and wait to be let on.
type gate struct {
	t        *testing.T
	mu       sync.Mutex
	visitors map[string]chan *visitor
	all      []*visitor // so that none is let through by the garbage collector, which closes connections nobody has
}

// visitor is a program at the gate.
type visitor struct {
	pid  int
	conn net.Conn
}

// pass lets the visitor go on.
func (v *visitor) pass() { v.conn.Close() }

func openGate(t *testing.T, path string) *gate {
	t.Helper()
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{t: t, visitors: map[string]chan *visitor{}}
	var served sync.WaitGroup
	served.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			served.Go(func() { g.admit(c) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		served.Wait()
		g.mu.Lock()
		defer g.mu.Unlock()
		for _, v := range g.all {
			v.pass()
		}
	})
	return g
}

func (g *gate) admit(c net.Conn) {
	_ = c.SetReadDeadline(time.Now().Add(patience))
	line, err := bufio.NewReader(c).ReadString('\n')
	v := &visitor{conn: c}
	var name string
	if _, scan := fmt.Sscanf(line, "%s %d", &name, &v.pid); err != nil || scan != nil {
		c.Close() // killed while it knocked
		return
	}
	g.mu.Lock()
	g.all = append(g.all, v)
	g.mu.Unlock()
	select {
	case g.at(name) <- v:
	default:
		c.Close() // nobody asks for so many
	}
}

func (g *gate) at(name string) chan *visitor {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.visitors[name] == nil {
		g.visitors[name] = make(chan *visitor, 4096)
	}
	return g.visitors[name]
}

// await waits for the next program to come to the gate under a name.
func (g *gate) await(name string) *visitor {
	g.t.Helper()
	select {
	case v := <-g.at(name):
		return v
	case <-time.After(patience):
		g.t.Fatalf("nobody came to gate %q", name)
		return nil
	}
}
