package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"text/tabwriter"
	"time"

	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

// depth is how many calls the Go client has under way at once where its throughput is measured: as many as two workers take.
const depth = 256

// sdk measures the Go client with a worker of each language, and prints it.
func sdk(ctx context.Context, binary, dir string, runs, calls int) error {
	worker := filepath.Join(dir, "worker")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", worker, "./bench/worker").CombinedOutput(); err != nil {
		return fmt.Errorf("build the Go worker: %w\n%s", err, out)
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "\nGO CLIENT, 2 WORKERS\tDEPTH 1: P50\tP99\tDEPTH %d: CALLS/S\n", depth)
	for _, l := range []struct {
		name    string
		options whipper.StartOptions
	}{
		{"Go", whipper.StartOptions{Command: []string{worker}}},
		{"Node", whipper.StartOptions{Script: filepath.Join("bench", "worker.mjs")}},
		{"Python", whipper.StartOptions{Script: filepath.Join("bench", "worker.py")}},
	} {
		l.options.Binary = binary
		var p50, p99 []time.Duration
		var rates []float64
		for range runs {
			a, b, rate, err := sdkOnce(ctx, l.options, calls)
			if err != nil {
				return fmt.Errorf("%s worker: %w", l.name, err)
			}
			p50, p99, rates = append(p50, a), append(p99, b), append(rates, rate)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%.0f\n", l.name, median(p50), median(p99), median(rates))
	}
	return w.Flush()
}

// sdkOnce is one repetition with a supervisor of its own.
func sdkOnce(ctx context.Context, o whipper.StartOptions, calls int) (p50, p99 time.Duration, rate float64, err error) {
	o.MinWorkers, o.MaxWorkers, o.MaxConcurrentCalls = 2, 2, depth/2
	o.Stderr = io.Discard // what it says when it does not start is in the error
	c, err := whipper.Start(ctx, o)
	if err != nil {
		return 0, 0, 0, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	one := func() error {
		_, err := whipper.Invoke[json.RawMessage](ctx, c, "echo", 1)
		return err
	}
	if _, err := flood(calls, one); err != nil { // until all is warm
		return 0, 0, 0, err
	}
	took := make([]time.Duration, calls)
	for i := range took {
		began := time.Now()
		if err := one(); err != nil {
			return 0, 0, 0, err
		}
		took[i] = time.Since(began)
	}
	slices.Sort(took)
	rate, err = flood(10*calls, one)
	return took[calls/2], took[calls*99/100], rate, err
}

// flood makes calls, depth at once, and gives how many a second that were.
func flood(calls int, one func() error) (float64, error) {
	began := time.Now()
	var all sync.WaitGroup
	failed := make(chan error, depth)
	for n := range depth {
		all.Go(func() {
			for i := n; i < calls; i += depth {
				if err := one(); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	all.Wait()
	rate := float64(calls) / time.Since(began).Seconds()
	select {
	case err := <-failed:
		return 0, err
	default:
		return rate, nil
	}
}
