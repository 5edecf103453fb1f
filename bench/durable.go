package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

// durable measures whipper with the same worker: durable jobs a second, from the start of `submit --batch --wait` to its end,
// and the median round trip of an invoke over the socket.
func durable(ctx context.Context, binary, dir string, jobs, calls int) (rate float64, trip time.Duration, err error) {
	s, err := startSupervisor(ctx, binary, dir, 2, pipeline)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, s.end()) }()
	if trip, err = invokes(ctx, s.client, calls); err != nil {
		return 0, 0, err
	}
	rate, err = batch(ctx, binary, dir, jobs)
	return rate, trip, err
}

func invokes(ctx context.Context, client *whipper.Client, calls int) (time.Duration, error) {
	times := make([]time.Duration, calls)
	for i := range times {
		began := time.Now()
		if _, _, err := client.Invoke(ctx, whipper.InvokeParams{Method: "echo", Params: json.RawMessage(`[1]`)}); err != nil {
			return 0, err
		}
		times[i] = time.Since(began)
	}
	return median(times), nil
}

func batch(ctx context.Context, binary, dir string, jobs int) (float64, error) {
	path := dir + ".ndjson"
	f, err := os.Create(path)
	if err != nil {
		return 0, err
	}
	defer func() { _ = os.Remove(path) }()
	w := bufio.NewWriter(f)
	for i := range jobs {
		fmt.Fprintf(w, `{"method":"echo","params":[%d]}`+"\n", i)
	}
	if err := w.Flush(); err != nil {
		return 0, err
	}
	if err := f.Close(); err != nil {
		return 0, err
	}
	cmd := exec.CommandContext(ctx, binary, "submit", "--dir", dir, "--batch", path, "--wait")
	began := time.Now()
	out, err := cmd.CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("whipper submit: %w\n%s", err, out[max(0, len(out)-1000):])
	}
	return float64(jobs) / time.Since(began).Seconds(), nil
}
