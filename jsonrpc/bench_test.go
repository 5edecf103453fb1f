package jsonrpc

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
)

// BenchmarkEcho is calls with a small payload answered by the other end, one at a time and 256 at once.
func BenchmarkEcho(b *testing.B) {
	for _, link := range []struct {
		name string
		dial func(testing.TB) (net.Conn, net.Conn)
	}{
		{"net.Pipe", func(testing.TB) (net.Conn, net.Conn) { return net.Pipe() }},
		{"unix", unixPair},
	} {
		for _, depth := range []int{1, 256} {
			b.Run(fmt.Sprintf("%s/depth=%d", link.name, depth), func(b *testing.B) {
				here, there := link.dial(b)
				server := NewConn(there, HandlerFunc(func(c *Conn, r *Request) { _ = c.Reply(r, r.Params, nil) }), Options{})
				client := NewConn(here, HandlerFunc(func(*Conn, *Request) {}), Options{})
				b.Cleanup(func() { _, _ = client.Close(), server.Close() })
				params := json.RawMessage(`["a.png",{"width":100,"height":100}]`)
				b.ReportAllocs()
				var callers sync.WaitGroup
				for i := range depth {
					calls := b.N / depth
					if i < b.N%depth {
						calls++
					}
					callers.Go(func() {
						for range calls {
							if _, err := client.CallRaw(context.Background(), "resize", params, nil); err != nil {
								b.Error(err)
								return
							}
						}
					})
				}
				callers.Wait()
			})
		}
	}
}

// BenchmarkScan is the check of one frame of 1 MiB.
func BenchmarkScan(b *testing.B) {
	for _, payload := range []struct{ name, text string }{
		{"text", `"` + strings.Repeat("a", 1<<20) + `"`},
		{"escapes", `"` + strings.Repeat(`some text and then a line end\n`, 1<<15) + `"`},
		{"numbers", `[` + strings.Repeat("123.5,", 1<<20/6) + `0]`},
		{"objects", `[` + strings.Repeat(`{"name":"a","size":12,"ok":true},`, 1<<15) + `0]`},
	} {
		frame := []byte(`{"jsonrpc":"2.0","id":1,"method":"m","params":[` + payload.text + `]}`)
		b.Run(payload.name, func(b *testing.B) {
			b.SetBytes(int64(len(frame)))
			for range b.N {
				if _, err := scanEnvelope(frame, 0); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkFrameReader is cutting a stream into lines, small ones and large ones.
func BenchmarkFrameReader(b *testing.B) {
	for _, size := range []int{100, 100 << 10, 4 << 20} {
		line := append(bytes.Repeat([]byte("a"), size), '\n')
		b.Run(fmt.Sprintf("line=%d", size), func(b *testing.B) {
			b.SetBytes(int64(len(line)))
			b.ReportAllocs()
			f := newFrameReader(&endless{line: line}, DefaultMaxMessageSize)
			for range b.N {
				if _, err := f.next(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// endless repeats a line for ever.
type endless struct {
	line []byte
	at   int
}

func (e *endless) Read(b []byte) (int, error) {
	n := copy(b, e.line[e.at:])
	e.at = (e.at + n) % len(e.line)
	return n, nil
}
