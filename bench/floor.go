package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// pipeline is how many calls are under way at once where throughput is measured; whipper's workers get as many.
const pipeline = 32

// floor measures the Node worker on bare pipes: calls a second with the pipeline full, and the median round trip of one call
// at a time.
func floor(ctx context.Context, jobs, calls int) (rate float64, trip time.Duration, err error) {
	cmd := exec.CommandContext(ctx, "node", "sdk-node/src/worker/main.mjs", "bench/worker.mjs")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return 0, 0, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, 0, err
	}
	answers := bufio.NewReader(out)
	if err := greet(in, answers); err != nil {
		return 0, 0, err
	}
	if rate, err = pipelined(in, answers, jobs); err != nil {
		return 0, 0, err
	}
	if trip, err = pingPong(in, answers, calls); err != nil {
		return 0, 0, err
	}
	if err := in.Close(); err != nil {
		return 0, 0, err
	}
	_ = cmd.Wait() // it ends because its stdin did, with whatever code
	return rate, trip, nil
}

// birth measures how long the Node worker takes on bare pipes from its start to the answer of its first call.
func birth(ctx context.Context) (time.Duration, error) {
	began := time.Now()
	cmd := exec.CommandContext(ctx, "node", "sdk-node/src/worker/main.mjs", "bench/worker.mjs")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return 0, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	answers := bufio.NewReader(out)
	if err := greet(in, answers); err != nil {
		return 0, err
	}
	if _, err := pingPong(in, answers, 1); err != nil {
		return 0, err
	}
	took := time.Since(began)
	if err := in.Close(); err != nil {
		return 0, err
	}
	_ = cmd.Wait() // it ends because its stdin did, with whatever code
	return took, nil
}

func greet(in io.Writer, answers *bufio.Reader) error {
	if _, err := io.WriteString(in, `{"jsonrpc":"2.0","id":1,"method":"$/initialize","params":{"protocolVersion":1,"pool":"bench","worker":"w1"}}`+"\n"); err != nil {
		return err
	}
	_, err := answers.ReadSlice('\n')
	return err
}

func pipelined(in io.Writer, answers *bufio.Reader, jobs int) (float64, error) {
	began := time.Now()
	slots := make(chan struct{}, pipeline)
	failed := make(chan error, 1)
	go func() {
		w := bufio.NewWriter(in)
		for i := range jobs {
			select {
			case slots <- struct{}{}:
			default: // full: send what is written, then wait
				if err := w.Flush(); err != nil {
					failed <- err
					return
				}
				slots <- struct{}{}
			}
			fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%d,"method":"echo","params":[%d]}`+"\n", i+2, i)
		}
		failed <- w.Flush()
	}()
	for range jobs {
		if _, err := answers.ReadSlice('\n'); err != nil {
			return 0, err
		}
		<-slots
	}
	if err := <-failed; err != nil {
		return 0, err
	}
	return float64(jobs) / time.Since(began).Seconds(), nil
}

func pingPong(in io.Writer, answers *bufio.Reader, calls int) (time.Duration, error) {
	times := make([]time.Duration, calls)
	for i := range times {
		began := time.Now()
		if _, err := fmt.Fprintf(in, `{"jsonrpc":"2.0","id":%d,"method":"echo","params":[%d]}`+"\n", i+2, i); err != nil {
			return 0, err
		}
		if _, err := answers.ReadSlice('\n'); err != nil {
			return 0, err
		}
		times[i] = time.Since(began)
	}
	return median(times), nil
}
