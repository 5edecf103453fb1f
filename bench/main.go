package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/whipper-sidecar/whipper/ledger"
)

func main() {
	if state := os.Getenv(leaverVar); state != "" {
		leaves(ledger.State(state), os.Args[1:])
		return
	}
	runs := flag.Int("runs", 5, "repetitions; the medians are printed")
	jobs := flag.Int("jobs", 20_000, "durable jobs in one repetition")
	calls := flag.Int("calls", 5_000, "calls one after the other in one repetition")
	part := flag.String("part", "calls,supervision", "what to measure: calls, sdk (the Go client with workers of each language), supervision (replacements, restarts and idle workers), ledger (long histories, listings, starts, size and group commit; takes long)")
	history := flag.String("history", "1000000,5000000", "finished jobs in the ledger that -part ledger measures beside; listings at the first")
	left := flag.Int("left", 100_000, "queued and running jobs that a killed process leaves, for -part ledger; as many show the size of the file")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	past, err := parseHistory(*history)
	if err == nil {
		err = run(ctx, *part, *runs, *calls, ledgerSizes{past, *left, *jobs})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// sample is one repetition's figures.
type sample struct {
	floorRate, durableRate     float64       // per second
	floorTrip, invoke, fsynced time.Duration // medians
}

func run(ctx context.Context, parts string, runs, calls int, sizes ledgerSizes) error {
	dir, err := os.MkdirTemp("", "whipper-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	binary, err := build(ctx, dir)
	if err != nil {
		return err
	}
	for _, part := range strings.Split(parts, ",") {
		var err error
		switch part {
		case "calls":
			err = throughput(ctx, binary, dir, runs, sizes.jobs, calls)
		case "sdk":
			err = sdk(ctx, binary, dir, runs, calls)
		case "supervision":
			err = supervision(ctx, binary, dir, runs)
		case "ledger":
			err = ledgers(ctx, os.Stdout, binary, dir, runs, sizes)
		default:
			err = fmt.Errorf("-part %q: calls, sdk, supervision and ledger are known", part)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// build builds the whipper that is measured.
func build(ctx context.Context, dir string) (string, error) {
	binary := filepath.Join(dir, "whipper")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", binary, "./cmd/whipper").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build whipper: %w\n%s", err, out)
	}
	return binary, nil
}

// throughput measures durable jobs and calls.
func throughput(ctx context.Context, binary, dir string, runs, jobs, calls int) error {
	var samples []sample
	for n := range runs {
		fmt.Fprintf(os.Stderr, "run %d of %d\n", n+1, runs)
		s, err := once(ctx, binary, filepath.Join(dir, fmt.Sprint(n)), jobs, calls)
		if err != nil {
			return err
		}
		samples = append(samples, s)
	}
	return report(samples, jobs, calls)
}

func once(ctx context.Context, binary, dir string, jobs, calls int) (s sample, err error) {
	if s.floorRate, s.floorTrip, err = floor(ctx, jobs, calls); err != nil {
		return s, fmt.Errorf("floor: %w", err)
	}
	if s.fsynced, err = fsync(dir+".fsync", 200); err != nil {
		return s, fmt.Errorf("fsync: %w", err)
	}
	if s.durableRate, s.invoke, err = durable(ctx, binary, dir, jobs, calls); err != nil {
		return s, fmt.Errorf("whipper: %w", err)
	}
	return s, nil
}

// fsync is the median time of a 4 KiB write that is on disk when it returns.
func fsync(path string, n int) (time.Duration, error) {
	f, err := os.Create(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	defer func() { _ = os.Remove(path) }()
	block := make([]byte, 4096)
	times := make([]time.Duration, n)
	for i := range times {
		began := time.Now()
		if _, err := f.Write(block); err != nil {
			return 0, err
		}
		if err := f.Sync(); err != nil {
			return 0, err
		}
		times[i] = time.Since(began)
	}
	return median(times), nil
}

func report(samples []sample, jobs, calls int) error {
	rate := func(of func(sample) float64) float64 { return median(each(samples, of)) }
	took := func(of func(sample) time.Duration) time.Duration { return median(each(samples, of)) }
	floorRate, durableRate := rate(func(s sample) float64 { return s.floorRate }), rate(func(s sample) float64 { return s.durableRate })
	floorTrip, invoke := took(func(s sample) time.Duration { return s.floorTrip }), took(func(s sample) time.Duration { return s.invoke })

	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "WORK\tWHIPPER\tBARE PIPES\tRATIO")
	fmt.Fprintf(w, "%d durable jobs, batch, Node, 2 workers × %d calls\t%.0f/s\t%.0f/s\t%.2f\n",
		jobs, pipeline, durableRate, floorRate, durableRate/floorRate)
	fmt.Fprintf(w, "%d invokes at depth 1, Node: p50\t%s\t%s\t%.2f\n", calls, invoke, floorTrip, float64(invoke)/float64(floorTrip))
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Printf("medians of %d runs; %s, %d cores; one write+fsync: %s\n",
		len(samples), runtime.Version(), runtime.NumCPU(), took(func(s sample) time.Duration { return s.fsynced }))
	return nil
}

func each[S, T any](samples []S, of func(S) T) []T {
	out := make([]T, len(samples))
	for i, s := range samples {
		out[i] = of(s)
	}
	return out
}

func median[T float64 | time.Duration](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
