package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"runtime"
	"runtime/metrics"
	"time"
)

const (
	// dumpPatience is how long a dump waits for those who hold locks.
	dumpPatience = 2 * time.Second
	// dumpStacks is the most bytes of stacks; with the rest it fits into the buffer of the log.
	dumpStacks = logBuffer / 2
)

// dumpOnDemand writes the state to stderr each time that it is asked for, until drained is closed.
func (o *operator) dumpOnDemand(drained <-chan struct{}) {
	for {
		select {
		case <-drained:
			return
		case <-o.dumps:
			o.dump()
		}
	}
}

// dump writes what goes on, first by its own account and then by the stacks of the goroutines. Two writes: should there be no room
// for the second, the first is there.
func (o *operator) dump() {
	ctx, cancel := context.WithTimeout(context.Background(), dumpPatience)
	defer cancel()
	var b bytes.Buffer
	fmt.Fprintf(&b, "whipper: state, asked for by SIGQUIT: version %s, pid %d, up %s\n", version, os.Getpid(), brief(time.Since(o.began)))
	fmt.Fprintf(&b, "ledger: %s to be written", plural(o.ledger.Waiting(), "change"))
	if err := o.ledger.Err(); err != nil {
		fmt.Fprintf(&b, ", which fails: %v", err)
	}
	if err := o.ledger.Responds(ctx); err != nil {
		fmt.Fprintf(&b, ", %v", err)
	}
	b.WriteByte('\n')
	for _, p := range o.fleet.all() {
		p.Dump(ctx, &b)
	}
	o.events.Dump(&b)
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	fmt.Fprintf(&b, "heap: %d bytes live at the last collection\ngoroutines: %d\n", live[0].Value.Uint64(), runtime.NumGoroutine())
	_, _ = o.stderr.Write([]byte(printable(b.String()))) // there is nobody else to tell

	stacks := make([]byte, dumpStacks)
	n := runtime.Stack(stacks, true)
	stacks = stacks[:n]
	if n == dumpStacks {
		stacks = append(stacks, "\n… and more\n"...)
	}
	stacks = append(stacks, "whipper: end of the state\n"...)
	_, _ = o.stderr.Write(stacks)
}
