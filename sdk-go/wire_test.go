package whipper

import (
	"os"
	"sync/atomic"
	"testing"
)

// The connection ends with its input: a worker that is told to end has answers to write after that.
func TestTheEndOfTheInputIsHeldBack(t *testing.T) {
	for range 100 {
		in, end, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		w := &wire{in: in, ended: make(chan struct{}), hold: make(chan struct{})}
		var let atomic.Bool
		read := make(chan bool)
		go func() {
			_, _ = w.Read(make([]byte, 1))
			read <- let.Load()
		}()
		end.Close()
		<-w.ended
		let.Store(true)
		close(w.hold)
		if !<-read {
			t.Fatal("it was not")
		}
		in.Close()
	}
}
