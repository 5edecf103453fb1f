package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// sample is what a supervisor holds at one moment.
type sample struct{ rss, heap, goroutines, descriptors, wal, file int64 }

// samples are those of one supervisor over its life.
type samples struct {
	mu  sync.Mutex
	all []sample
}

// watch takes a sample now and then, until ctx ends.
func (l *life) watch(ctx context.Context, every time.Duration) {
	for tick := time.NewTicker(every); ; {
		select {
		case <-ctx.Done():
			tick.Stop()
			return
		case <-tick.C:
		}
		d := l.dump()
		s := sample{
			rss: l.residentMemory(), heap: d.heap, goroutines: d.goroutines, descriptors: int64(len(l.descriptors())),
			wal: sizeOf(filepath.Join(l.state(), "ledger.db-wal")), file: sizeOf(filepath.Join(l.state(), "ledger.db")),
		}
		l.samples.mu.Lock()
		l.samples.all = append(l.samples.all, s)
		l.samples.mu.Unlock()
	}
}

// residentMemory is the supervisor's, in bytes.
func (l *life) residentMemory() int64 {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", l.cmd.Process.Pid))
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0
	}
	n, _ := strconv.ParseInt(fields[0], 10, 64)
	return n << 10
}

func sizeOf(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// flat says what has grown from the first quarter to the last by more than comes and goes; "": nothing. It takes ten minutes to tell.
func (s *samples) flat() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.all)
	if n < 200 {
		return ""
	}
	for _, c := range []struct {
		what  string
		slack int64
		of    func(sample) int64
	}{
		{"resident memory", 32 << 20, func(s sample) int64 { return s.rss }},
		{"heap", 8 << 20, func(s sample) int64 { return s.heap }},
		{"number of goroutines", 60, func(s sample) int64 { return s.goroutines }},
		{"number of descriptors", 30, func(s sample) int64 { return s.descriptors }},
		{"WAL", 16 << 20, func(s sample) int64 { return s.wal }},
		{"ledger's file", 32 << 20, func(s sample) int64 { return s.file }},
	} {
		if a, b := median(s.all[:n/4], c.of), median(s.all[n-n/4:], c.of); b > a+a/4+c.slack {
			return fmt.Sprintf("the %s has grown from %d to %d", c.what, a, b)
		}
	}
	return ""
}

// report prints the medians of the first and of the last quarter.
func (s *samples) report(out io.Writer, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.all)
	if n < 8 {
		fmt.Fprintf(out, "%s: too short a life for its numbers: %d samples\n", name, n)
		return
	}
	first, last := s.all[:n/4], s.all[n-n/4:]
	row := func(what, format string, unit float64, of func(sample) int64) {
		a, b, most := median(first, of), median(last, of), of(slices.MaxFunc(s.all, func(a, b sample) int { return int(of(a) - of(b)) }))
		fmt.Fprintf(out, "  %-22s "+format+" → "+format+"   most "+format+"\n", what, float64(a)/unit, float64(b)/unit, float64(most)/unit)
	}
	fmt.Fprintf(out, "%s, one supervisor, %d samples, medians of the first quarter → of the last:\n", name, n)
	row("resident memory, MiB", "%8.1f", 1<<20, func(s sample) int64 { return s.rss })
	row("heap, MiB", "%8.1f", 1<<20, func(s sample) int64 { return s.heap })
	row("goroutines", "%8.0f", 1, func(s sample) int64 { return s.goroutines })
	row("descriptors", "%8.0f", 1, func(s sample) int64 { return s.descriptors })
	row("WAL, MiB", "%8.1f", 1<<20, func(s sample) int64 { return s.wal })
	row("ledger's file, MiB", "%8.1f", 1<<20, func(s sample) int64 { return s.file })
}

func median(all []sample, of func(sample) int64) int64 {
	var values []int64
	for _, s := range all {
		values = append(values, of(s))
	}
	slices.Sort(values)
	return values[len(values)/2]
}
