// Package floor is what lies under whipper: workers on bare pipes, the disk, and the statements of the ledger without it.
package floor

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"
)

// Pipe is a worker on bare pipes that has been greeted.
type Pipe struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// StartPipe starts a worker. Its longest answer has so many bytes.
func StartPipe(ctx context.Context, command []string, longest int) (*Pipe, error) {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &Pipe{cmd, in, bufio.NewReaderSize(out, max(longest, 64<<10))}
	const greeting = `{"jsonrpc":"2.0","id":1,"method":"$/initialize","params":{"protocolVersion":1,"pool":"bench","worker":"w1"}}` + "\n"
	_, err = io.WriteString(in, greeting)
	if err == nil {
		_, err = p.out.ReadSlice('\n')
	}
	if err != nil {
		p.End()
		return nil, fmt.Errorf("greet %q: %w", command, err)
	}
	return p, nil
}

// End closes the worker's stdin, and waits for it to end.
func (p *Pipe) End() {
	_ = p.in.Close()
	_ = p.cmd.Wait() // it ends because its stdin did, with whatever code
}

// PingPong calls echo one time after the other, and gives how long each took.
func (p *Pipe) PingPong(calls int) ([]time.Duration, error) {
	times := make([]time.Duration, calls)
	for i := range times {
		began := time.Now()
		if _, err := fmt.Fprintf(p.in, `{"jsonrpc":"2.0","id":%d,"method":"echo","params":[%d]}`+"\n", i+2, i); err != nil {
			return nil, err
		}
		if _, err := p.out.ReadSlice('\n'); err != nil {
			return nil, err
		}
		times[i] = time.Since(began)
	}
	return times, nil
}

// Pipelined calls a method so many times with params, a JSON array, and has depth calls under way at once.
func (p *Pipe) Pipelined(calls, depth int, method string, params []byte) error {
	slots := make(chan struct{}, depth)
	sent := make(chan error, 1)
	ended, end := context.WithCancel(context.Background())
	defer end()
	go func() {
		w := bufio.NewWriterSize(p.in, 64<<10)
		for i := range calls {
			select {
			case slots <- struct{}{}:
			default: // full: send what is written, then wait
				if err := w.Flush(); err != nil {
					sent <- err
					return
				}
				select {
				case slots <- struct{}{}:
				case <-ended.Done():
					sent <- nil
					return
				}
			}
			fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%d,"method":"%s","params":%s}`+"\n", i+2, method, params)
		}
		sent <- w.Flush()
	}()
	for range calls {
		if _, err := p.out.ReadSlice('\n'); err != nil {
			end()
			_ = p.in.Close() // a write that hangs ends too
			return errors.Join(err, <-sent)
		}
		<-slots
	}
	return <-sent
}

// Echo has workers echo calls between them, each with depth under way, and gives how many a second that were.
func Echo(ctx context.Context, command []string, workers, calls, depth int) (rate float64, err error) {
	pipes := make([]*Pipe, workers)
	for i := range pipes {
		if pipes[i], err = StartPipe(ctx, command, 0); err != nil {
			return 0, err
		}
		defer pipes[i].End()
	}
	began := time.Now()
	failed := make([]error, workers)
	var all sync.WaitGroup
	for i, p := range pipes {
		all.Go(func() { failed[i] = p.Pipelined(calls/workers, depth, "echo", []byte("[1]")) })
	}
	all.Wait()
	return float64(calls/workers*workers) / time.Since(began).Seconds(), errors.Join(failed...)
}
