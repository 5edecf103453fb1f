package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
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

// said gives the first violation that has these words; "": none has.
func (b *books) said(words string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := slices.IndexFunc(b.violations, func(v string) bool { return strings.Contains(v, words) })
	if i < 0 {
		return ""
	}
	return b.violations[i]
}

func (b *books) failed() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.violations) > 0
}

// report prints the counts of all stages, and gives the number of violations.
func report(out io.Writer, stages []*stage) (violations int) {
	names := map[string]bool{}
	for _, s := range stages {
		for name := range s.books.counts {
			names[name] = true
		}
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	row := func(name string, of func(*books) int64) (sum int64) {
		fmt.Fprintf(table, "%s\t", name)
		for _, s := range stages {
			n := of(s.books)
			sum += n
			fmt.Fprintf(table, "%d\t", n)
		}
		fmt.Fprintf(table, "%d\t\n", sum)
		return sum
	}
	for _, s := range stages {
		fmt.Fprintf(table, "\t%s", s.name)
	}
	fmt.Fprint(table, "\tall\t\n")
	for _, name := range slices.Sorted(maps.Keys(names)) {
		row(name, func(b *books) int64 { return b.counts[name] })
	}
	sum := row("VIOLATIONS", func(b *books) int64 { return int64(len(b.violations)) })
	_ = table.Flush() // out is a terminal, a pipe or a buffer
	return int(sum)
}

// glance is the report in a line.
func glance(stages []*stage) string {
	sum := map[string]int{}
	for _, s := range stages {
		s.books.mu.Lock()
		for name, n := range s.books.counts {
			sum[name] += int(n)
		}
		sum["violations"] += len(s.books.violations)
		s.books.mu.Unlock()
	}
	return strings.Join([]string{
		count(sum["rounds"], "round"), count(sum["supervisors SIGKILLed"]+sum["workers SIGKILLed"], "kill"),
		count(sum["jobs"], "job"), count(sum["effects"], "run"), count(sum["violations"], "violation"),
	}, ", ")
}
