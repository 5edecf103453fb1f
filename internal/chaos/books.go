package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// books are a stage's counts and violations.
type books struct {
	mu         sync.Mutex
	counts     map[string]int64
	violations []string
	out        io.Writer // violations are told as they come
	name       string
}

// clock is how times are printed.
const clock = "15:04:05.000"

func newBooks(name string, out io.Writer) *books {
	return &books{counts: map[string]int64{}, out: out, name: name}
}

func (b *books) add(what string, n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.counts[what] += n
}

// told is how many violations are printed as they come.
const told = 20

// violation notes that something is not as it must be.
func (b *books) violation(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	text := time.Now().UTC().Format(clock) + " " + fmt.Sprintf(format, args...)
	if b.violations = append(b.violations, text); len(b.violations) <= told {
		fmt.Fprintf(b.out, "VIOLATION in %s: %s\n", b.name, text)
	}
}

func (b *books) failed() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.violations) > 0
}

// report prints the counts, and gives the number of violations.
func (b *books) report(out io.Writer) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	var parts []string
	for _, what := range slices.Sorted(maps.Keys(b.counts)) {
		parts = append(parts, fmt.Sprintf("%s %d", what, b.counts[what]))
	}
	fmt.Fprintf(out, "%s: %s; violations %d\n", b.name, strings.Join(parts, ", "), len(b.violations))
	return len(b.violations)
}

// summary is what a progress bar shows.
func (b *books) summary() (rounds, jobs int64, violations int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.counts["rounds"], b.counts["acknowledged"], len(b.violations)
}
