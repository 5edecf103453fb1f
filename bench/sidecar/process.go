package sidecar

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Usage is what a process has used since its start, as Linux tells it.
type Usage struct {
	Processor time.Duration
	Switches  uint64 // context switches, of its own accord or not: each is followed by a wake-up
	Memory    uint64 // resident bytes
	Peak      uint64 // most resident bytes so far
}

// UsageOf looks at a process. What ended threads have used is not in it.
func UsageOf(pid int) (u Usage, err error) {
	status, err := statusOf(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		return u, err
	}
	u.Memory, u.Peak = status["VmRSS"]<<10, status["VmHWM"]<<10
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
	if err != nil {
		return u, err
	}
	for _, thread := range threads {
		status, err := statusOf(filepath.Join(thread, "status"))
		if errors.Is(err, fs.ErrNotExist) {
			continue // it has ended meanwhile
		}
		if err != nil {
			return u, err
		}
		u.Switches += status["voluntary_ctxt_switches"] + status["nonvoluntary_ctxt_switches"]
		text, err := os.ReadFile(filepath.Join(thread, "schedstat"))
		if err != nil {
			return u, err
		}
		var ran int64
		if _, err := fmt.Sscan(string(text), &ran); err != nil {
			return u, fmt.Errorf("%s/schedstat is %q: %w", thread, text, err)
		}
		u.Processor += time.Duration(ran)
	}
	return u, nil
}

// statusOf is the numbers in a status file of /proc, by name.
func statusOf(path string) (map[string]uint64, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	numbers := make(map[string]uint64)
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, ":")
		first, _, _ := strings.Cut(strings.TrimSpace(value), " ")
		if n, err := strconv.ParseUint(first, 10, 64); err == nil {
			numbers[name] = n
		}
	}
	return numbers, nil
}

// Command is how long a process of the binary takes from its start to its end.
func Command(ctx context.Context, binary string, args ...string) (time.Duration, error) {
	cmd := exec.CommandContext(ctx, binary, args...)
	began := time.Now()
	out, err := cmd.CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("whipper %s: %w\n%s", strings.Join(args, " "), err, out[max(0, len(out)-1000):])
	}
	return time.Since(began), nil
}
