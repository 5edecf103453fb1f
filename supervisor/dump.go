package supervisor

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Bounds of a dump.
const (
	dumpWorkers = 200
	dumpCalls   = 50 // of one worker
	dumpName    = 80 // bytes of a method's name
)

// runningCall is a call in a worker, as a dump shows it.
type runningCall struct {
	job      int64
	attempt  int
	method   string
	phase    phase
	started  time.Time
	deadline time.Time // zero: it has none yet
}

// runningCalls are the calls of a worker, of which a dump shows the oldest.
type runningCalls struct {
	shown []runningCall
	more  int
}

// workerLine is what the pool knows of a worker, as a dump shows it.
type workerLine struct {
	text  string
	calls chan runningCalls // what the worker's goroutine says; room for one
}

// Dump writes what the pool is doing, for people who wonder why it does not: its queues, its workers and their calls, without params
// and results. It never waits longer than until ctx ends, which must come: what cannot be learnt until then is said to be so.
func (p *Pool) Dump(ctx context.Context, out io.Writer) {
	var b strings.Builder
	defer func() { _, _ = io.WriteString(out, b.String()) }() // there is nobody else to tell
	if !p.lockBefore(ctx) {
		fmt.Fprintf(&b, "pool %s: its lock is held by somebody and did not come free; the goroutines may tell by whom\n", p.name)
		return
	}
	workers, hidden := p.describe(&b)
	p.mu.Unlock()
	for _, w := range workers {
		b.WriteString(w.text)
		select {
		case calls := <-w.calls:
			calls.write(&b, time.Now())
		case <-ctx.Done():
			b.WriteString("    its goroutine does not say which calls it has\n")
		}
	}
	if hidden > 0 {
		fmt.Fprintf(&b, "  and %d more workers\n", hidden)
	}
}

// describe writes what the pool itself knows, and asks the workers for their calls; mu is held.
func (p *Pool) describe(b *strings.Builder) (workers []workerLine, hidden int) {
	state, reason := p.condition()
	fmt.Fprintf(b, "pool %s: %s, %d of %d to %d workers, %d slots each\n",
		p.name, state, len(p.seats), p.opts.MinWorkers, p.opts.MaxWorkers, p.slots)
	if reason != "" {
		first, _, _ := strings.Cut(reason, "\n") // behind it come lines of the worker's stderr
		fmt.Fprintf(b, "  reason: %s\n", first)
	}
	fmt.Fprintf(b, "  waiting: %d calls; %d jobs in a window of %d\n", p.invokes.Len(), p.window.Len(), p.windowSize())
	fmt.Fprintf(b, "  in memory: %d jobs, %d of them with a caller, %d that the claimer leaves alone\n", len(p.current), len(p.invoked), len(p.held))
	fmt.Fprintf(b, "  claimer: reading %t, has seen all ready jobs %t, may have missed an urgent one %t\n", p.claiming, p.exhausted, p.urgent)
	if n := p.boots.failures(); n > 0 {
		fmt.Fprintf(b, "  starts: %d processes in a row were of no use\n", n)
	}
	for _, w := range p.seats {
		if len(workers) == dumpWorkers {
			hidden = len(p.seats) - dumpWorkers
			break
		}
		s := &w.seat
		pid := "no process"
		if s.pid != 0 {
			pid = fmt.Sprintf("pid %d", s.pid)
		}
		line := workerLine{calls: make(chan runningCalls, 1)}
		line.text = fmt.Sprintf("  worker %s: %s, %s, %d of %d slots taken, %d calls handled", w.id, pid, s.state, s.taken, s.slots, s.done.CallsHandled)
		for _, flag := range []struct {
			set  bool
			text string
		}{
			{s.retiring, "on its way out"},
			{s.alone, "its call runs alone"},
			{s.reserved != nil, "reserved for a call that runs alone"},
		} {
			if flag.set {
				line.text += ", " + flag.text
			}
		}
		line.text += "\n"
		w.tell(command{kind: tellCalls, calls: line.calls})
		workers = append(workers, line)
	}
	return workers, hidden
}

// tellCalls says which calls the worker has.
func (w *worker) tellCalls(to chan<- runningCalls) {
	var all []runningCall
	for c := range w.calls {
		all = append(all, runningCall{c.job.ID, c.job.Attempt, c.job.Method, c.phase, c.job.StartedAt, c.deadline})
	}
	slices.SortFunc(all, func(a, b runningCall) int { return a.started.Compare(b.started) })
	shown := min(len(all), dumpCalls)
	to <- runningCalls{all[:shown], len(all) - shown}
}

func (r runningCalls) write(b *strings.Builder, now time.Time) {
	for _, c := range r.shown {
		method := c.method
		if len(method) > dumpName {
			method = strings.ToValidUTF8(method[:dumpName], "") + "…"
		}
		fmt.Fprintf(b, "    job %d attempt %d %q: %s since %s", c.job, c.attempt, method, phaseNames[c.phase], now.Sub(c.started).Round(time.Millisecond))
		switch left := c.deadline.Sub(now).Round(time.Millisecond); {
		case c.deadline.IsZero():
		case left < 0:
			fmt.Fprintf(b, ", %s past its deadline", -left)
		default:
			fmt.Fprintf(b, ", %s left", left)
		}
		b.WriteByte('\n')
	}
	if r.more > 0 {
		fmt.Fprintf(b, "    and %d more calls\n", r.more)
	}
}

var phaseNames = map[phase]string{
	starting:   "its start is being written",
	running:    "running",
	cancelling: "asked to cancel",
	settled:    "has its outcome, and the worker still owes an answer",
}
