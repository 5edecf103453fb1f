package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"

	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

// supervision measures what supervision itself costs, and prints it: a replacement, a rolling restart, and idle workers.
func supervision(ctx context.Context, binary, dir string, runs int) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	var born, replaced []time.Duration
	for n := range runs {
		b, err := birth(ctx)
		if err != nil {
			return fmt.Errorf("floor: %w", err)
		}
		r, err := replacement(ctx, binary, filepath.Join(dir, fmt.Sprint("replacement", n)))
		if err != nil {
			return fmt.Errorf("replacement: %w", err)
		}
		born, replaced = append(born, b), append(replaced, r)
	}
	fmt.Fprintln(w, "\nWORK\tWHIPPER\tBARE PIPES\tRATIO")
	fmt.Fprintf(w, "worker's SIGKILL to its replacement's first answer, Node\t%s\t%s (start to first answer)\t%.2f\n",
		brief(median(replaced)), brief(median(born)), float64(median(replaced))/float64(median(born)))
	calm, rolling, err := restart(ctx, binary, filepath.Join(dir, "restart"))
	if err != nil {
		return fmt.Errorf("rolling restart: %w", err)
	}
	fmt.Fprintln(w, "\nROLLING RESTART, 4 NODE WORKERS, 8 CALLERS\tCALLS\tFAILED\tP50\tP99\tSLOWEST")
	calm.print(w, "before")
	rolling.print(w, "during")
	fmt.Fprintln(w, "\nIDLE WORKERS (NODE)\tSUPERVISOR'S RSS\tCPU\tIN")
	for _, workers := range []int{1, 10, 100} {
		rss, cpu, err := idle(ctx, binary, filepath.Join(dir, fmt.Sprint("idle", workers)), workers)
		if err != nil {
			return fmt.Errorf("%d idle workers: %w", workers, err)
		}
		fmt.Fprintf(w, "%d\t%s\t%.2f%%\t%s\n", workers, humanize.IBytes(rss), 100*cpu.Seconds()/idleFor.Seconds(), idleFor)
	}
	return w.Flush()
}

// replacement is how long it takes from a worker's SIGKILL until another process has answered a call.
func replacement(ctx context.Context, binary, dir string) (took time.Duration, err error) {
	s, err := startSupervisor(ctx, binary, dir, 1, 1)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.end()) }()
	if _, err := invokes(ctx, s.client, 1); err != nil { // it has proven itself
		return 0, err
	}
	pids, err := s.serving(ctx)
	if err != nil || len(pids) != 1 {
		return 0, errors.Join(err, fmt.Errorf("%d workers serve", len(pids)))
	}
	began := time.Now()
	if err := syscall.Kill(pids[0], syscall.SIGKILL); err != nil {
		return 0, err
	}
	for {
		_, _, err := s.client.Invoke(ctx, whipper.InvokeParams{Method: "echo", Params: json.RawMessage(`[1]`)})
		var crashed *whipper.Error
		if errors.As(err, &crashed) && crashed.Code == whipper.CodeWorkerCrashed { // it was handed to the one that was killed
			continue
		}
		return time.Since(began), err
	}
}

// latencies are how long calls took.
type latencies struct {
	took   []time.Duration
	failed int
}

func (l *latencies) print(w *tabwriter.Writer, when string) {
	sorted := slices.Sorted(slices.Values(l.took))
	at := func(share float64) string { return brief(sorted[int(share*float64(len(sorted)-1))]) }
	fmt.Fprintf(w, "%s\t%d\t%d\t%s\t%s\t%s\n", when, len(sorted), l.failed, at(0.5), at(0.99), at(1))
}

// restart has callers call one after the other, for two seconds and then for as long as a rolling restart takes.
func restart(ctx context.Context, binary, dir string) (calm, rolling *latencies, err error) {
	const workers, callers = 4, 8
	s, err := startSupervisor(ctx, binary, dir, workers, 1)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, s.end()) }()
	if err := s.allServe(ctx, workers); err != nil {
		return nil, nil, err
	}
	during := func(wait func() error) (*latencies, error) {
		l := &latencies{}
		over, end := context.WithCancel(ctx)
		var mu sync.Mutex
		var calls sync.WaitGroup
		for range callers {
			calls.Go(func() {
				for over.Err() == nil {
					began := time.Now()
					_, _, err := s.client.Invoke(ctx, whipper.InvokeParams{Method: "echo", Params: json.RawMessage(`[1]`)})
					mu.Lock()
					l.took = append(l.took, time.Since(began))
					if err != nil {
						l.failed++
					}
					mu.Unlock()
				}
			})
		}
		err := wait()
		end()
		calls.Wait()
		return l, err
	}
	if calm, err = during(func() error { time.Sleep(2 * time.Second); return nil }); err != nil {
		return nil, nil, err
	}
	rolling, err = during(func() error {
		_, err := s.client.Restart(ctx, whipper.PoolParams{})
		return err
	})
	return calm, rolling, err
}

// idleFor is how long an idle supervisor is watched.
const idleFor = 10 * time.Second

// idle is the memory of a supervisor whose workers have nothing to do, and the CPU time that it takes in idleFor.
func idle(ctx context.Context, binary, dir string, workers int) (rss uint64, cpu time.Duration, err error) {
	s, err := startSupervisor(ctx, binary, dir, workers, 1)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, s.end()) }()
	if err := s.allServe(ctx, workers); err != nil {
		return 0, 0, err
	}
	before, _, err := usage(s.cmd.Process.Pid)
	if err != nil {
		return 0, 0, err
	}
	time.Sleep(idleFor)
	after, rss, err := usage(s.cmd.Process.Pid)
	return rss, after - before, err
}

// usage is the CPU time and the resident memory of a process, as Linux tells it.
func usage(pid int) (cpu time.Duration, rss uint64, err error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0, err
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:])) // from the third on
	const tick = 10 * time.Millisecond
	var n [3]uint64
	for i, field := range []int{11, 12, 21} { // utime, stime, rss in pages
		if n[i], err = strconv.ParseUint(fields[field], 10, 64); err != nil {
			return 0, 0, err
		}
	}
	return time.Duration(n[0]+n[1]) * tick, n[2] * uint64(os.Getpagesize()), nil
}

func brief(d time.Duration) string { return d.Round(10 * time.Microsecond).String() }
