package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/whipper-sidecar/whipper/ledger"
	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

// books are what a stage's clients know: what they asked for and what they were told. At the end it must agree with the ledger and with
// what the workers did.
type books struct {
	mu         sync.Mutex
	counts     map[string]int64
	violations []string
	submitted  map[int64]entry // acknowledged jobs
	replied    map[int64]entry // calls that were answered
	murders    []time.Time     // when a supervisor got SIGKILL
}

// clock is how times are printed.
const clock = "15:04:05.000"

type entry struct {
	task
	atMostOnce bool
	key        string    // of concurrency
	succeeded  bool      // as its caller was told
	asked, at  time.Time // when he asked, and when he was told
}

func newBooks() *books {
	return &books{counts: map[string]int64{}, submitted: map[int64]entry{}, replied: map[int64]entry{}}
}

func (b *books) add(what string, n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.counts[what] += n
}

// violation notes that something is not as it must be.
func (b *books) violation(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.violations = append(b.violations, time.Now().Format(clock)+" "+fmt.Sprintf(format, args...))
}

func (b *books) acknowledged(id int64, t task, p whipper.SubmitParams) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.counts["jobs"]++
	if other, twice := b.submitted[id]; twice {
		b.violations = append(b.violations, fmt.Sprintf("job %d is both %s and %s", id, other.name, t.name))
	}
	b.submitted[id] = entry{task: t, atMostOnce: p.Delivery == "at-most-once", key: p.ConcurrencyKey}
}

// murder notes that a supervisor got SIGKILL.
func (b *books) murder() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.counts["murders"]++
	b.murders = append(b.murders, time.Now())
}

// murdersBetween is how many supervisors got SIGKILL in a time.
func (b *books) murdersBetween(from, to time.Time) (n int) {
	for _, at := range b.murders {
		if !at.Before(from) && !at.After(to) {
			n++
		}
	}
	return n
}

// writtenBehind bounds how long the outcome of a call may be in memory only, as no promise is made for it.
const writtenBehind = 5 * time.Second

// answered notes that a caller was told what came of a call.
func (b *books) answered(id int64, t task, asked time.Time, succeeded bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if other, twice := b.replied[id]; twice {
		b.violations = append(b.violations, fmt.Sprintf("call %d is both %s and %s", id, other.name, t.name))
	}
	b.replied[id] = entry{task: t, succeeded: succeeded, asked: asked, at: time.Now()}
}

// report prints the counts and the violations, and gives the number of these.
func (b *books) report(out io.Writer, name string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	var parts []string
	for _, what := range slices.Sorted(maps.Keys(b.counts)) {
		parts = append(parts, fmt.Sprintf("%s %d", what, b.counts[what]))
	}
	fmt.Fprintf(out, "%s: %s, violations %d\n", name, strings.Join(parts, ", "), len(b.violations))
	for i, v := range b.violations {
		if i == 20 {
			fmt.Fprintf(out, "  and %d more\n", len(b.violations)-i)
			break
		}
		fmt.Fprintf(out, "  %s\n", v)
	}
	return len(b.violations)
}

// sweep waits until every job has ended.
func (l *life) sweep(ctx context.Context) {
	var open map[string]int64
	for began := time.Now(); time.Since(began) < 5*patience && ctx.Err() == nil; time.Sleep(50 * time.Millisecond) {
		pools, err := l.client.Pools(ctx)
		if err != nil {
			l.books.violation("list pools: %v", err)
			return
		}
		if open = pools.Pools[0].Jobs; open["queued"]+open["running"] == 0 {
			return
		}
	}
	l.books.violation("jobs do not come to an end: %v", open)
}

// audit reads the ledger when nobody uses it any more.
func (s *stage) audit() {
	ctx := context.Background()
	store, err := ledger.Open(ctx, ledger.Options{Dir: s.state()})
	if err != nil {
		s.books.violation("%v", err)
		return
	}
	defer store.Close() // it was only read
	ran := s.ran()
	b := s.books
	b.mu.Lock()
	entries := maps.Clone(b.submitted)
	maps.Copy(entries, b.replied)
	replied := maps.Clone(b.replied)
	shared := len(b.submitted) + len(b.replied) - len(entries)
	b.mu.Unlock()
	if shared > 0 {
		b.violation("%d ids were given both to a job and to a call", shared)
	}
	keyed := map[string][]run{}
	for id, e := range entries {
		if _, call := replied[id]; call && b.murdersBetween(e.asked, e.at.Add(writtenBehind)) > 0 { // its caller may read the answer only after that
			b.add("calls whose outcome may be lost", 1)
			continue
		}
		job, attempts, err := store.Get(ctx, id)
		if err != nil {
			b.violation("%s, job %d, was acknowledged: %v", e.name, id, err)
			continue
		}
		s.check(e, job, attempts, ran[e.name])
		if r, call := replied[id]; call && r.succeeded != (job.State == ledger.Succeeded) {
			b.violation("call %d, %s, is %s (error %s), its caller was told the contrary (%t) at %s; murders at %s", id, e.name, job.State, job.Error, r.succeeded,
				r.at.Format(clock), formatted(b.murders))
		}
		b.add("attempts", int64(len(attempts)))
		for _, a := range attempts {
			keyed[e.key] = append(keyed[e.key], run{id, a.StartedAt, a.FinishedAt})
		}
	}
	delete(keyed, "")
	for key, runs := range keyed {
		slices.SortFunc(runs, func(a, b run) int { return a.from.Compare(b.from) })
		for i := 1; i < len(runs); i++ {
			if before, r := runs[i-1], runs[i]; r.from.Before(before.to) {
				b.violation("jobs %d and %d, both with key %s, ran at once: to %s, and from %s", before.job, r.job, key, before.to.Format(clock), r.from.Format(clock))
			}
		}
	}
}

// run is when a job ran, as the ledger has it.
type run struct {
	job      int64
	from, to time.Time
}

// check holds one job against what was asked for, what it left on record and how often its function really began.
func (s *stage) check(e entry, job ledger.Job, attempts []ledger.Attempt, ran int) {
	succeeded := 0
	for _, a := range attempts {
		if a.Outcome == ledger.OutcomeSucceeded {
			succeeded++
		}
	}
	bad := func(text string) {
		s.books.violation("%s: %s (job %d, %s, %s) is %s after %d attempts, %d of them successes, and ran %d times; created %s, finished %s, result %.100s, error %.200s", text,
			e.name, job.ID, job.Method, job.Delivery, job.State, len(attempts), succeeded, ran,
			job.CreatedAt.Format(clock), job.FinishedAt.Format(clock), job.Result, job.Error)
	}
	unwritten := s.books.murdersBetween(job.CreatedAt, job.FinishedAt) // runs whose start was not on disk yet
	ended := job.State == ledger.Succeeded || job.State == ledger.Failed || job.State == ledger.Cancelled
	switch {
	case !ended:
		bad("no end")
	case succeeded > 1, (job.State == ledger.Succeeded) != (succeeded == 1):
		bad("successes and state")
	case job.State == ledger.Succeeded && string(job.Result) != e.want:
		bad("another's result")
	case ran > len(attempts)+unwritten:
		bad("more runs than attempts")
	case job.State == ledger.Succeeded && ran == 0:
		bad("success without a run")
	case e.atMostOnce && ran > 1:
		bad("at most once")
	case job.Method != e.method:
		bad("another job")
	}
}

func formatted(times []time.Time) (text []string) {
	for _, t := range times {
		text = append(text, t.Format(clock))
	}
	return text
}

// ran tells how often each task was begun.
func (s *stage) ran() map[string]int {
	n := map[string]int{}
	text, err := os.ReadFile(s.effects())
	if err != nil {
		s.books.violation("%v", err)
	}
	for name := range strings.FieldsSeq(string(text)) {
		n[name]++
	}
	return n
}
