package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
	whipper "github.com/whipper-sidecar/whipper/sdk-go"
	"github.com/whipper-sidecar/whipper/server"
)

// tailed are the events that ledger tail follows: what the ledger gets to know.
var tailed = []string{
	whipper.EventJobQueued, whipper.EventJobStarted, whipper.EventJobSucceeded, whipper.EventJobFailed, whipper.EventJobRetrying,
	whipper.EventJobCancelled, whipper.EventJobDropped,
}

func tailCommand(c *console) *cli.Command {
	follow := boolFlag("follow", "go on with what happens from now on, until Ctrl-C")
	follow.Aliases = []string{"f"}
	limit := countFlag("limit", defaultList, "", "most jobs to begin with")
	limit.Aliases = []string{"n"}
	return &cli.Command{
		Name:  "tail",
		Usage: "print what became of the newest jobs, the latest last, and follow what happens to jobs",
		Description: "A line is the last change of a job, in the form of whipper events. With --follow come all changes of all jobs, from one supervisor\n" +
			"and the next: while none runs it waits for one, and then begins with the last change of each job that changed meanwhile.",
		Flags: []cli.Flag{
			follow, limit,
			listFlag("state", "only jobs that have come to this `STATE`; may be repeated"),
			stringFlag("method", "", "only jobs of this method"),
			stringFlag("pool", "", "only jobs of this pool"),
			boolFlag("json", "print each change as a line of JSON, in the shape of the socket's events"),
			ledgerDirFlag(),
		},
		Action: func(cc *cli.Context) error { return c.tail(cc) },
	}
}

// tailing is one ledger tail.
type tailing struct {
	c      *console
	ledger *ledger.Reader
	filter ledger.Filter
	json   bool
	line   *eventLine
	told   map[int64]jobSeen // of jobs that were read from the ledger
	latest time.Time         // of the changes that were printed
	recent map[int64]jobSeen // those of that millisecond
}

// jobSeen tells one change of a job from another.
type jobSeen struct {
	state   string
	attempt int
}

func seenOf(e *whipper.Event) jobSeen { return jobSeen{e.Job.State, e.Job.Attempt} }

// Widths of a tail's types, and how often it looks for a supervisor.
const (
	tailedWidth = len(whipper.EventJobSucceeded)
	tailAgain   = 250 * time.Millisecond
)

func (c *console) tail(cc *cli.Context) error {
	if err := noArguments(cc); err != nil {
		return err
	}
	states, err := parseStates(cc.StringSlice("state"))
	if err != nil {
		return err
	}
	return c.withLedger(cc, func(ctx context.Context, r *ledger.Reader) error {
		t := &tailing{
			c: c, ledger: r, json: cc.Bool("json"), told: map[int64]jobSeen{},
			filter: ledger.Filter{Pool: cc.String("pool"), Method: cc.String("method"), States: states, Limit: countOf(cc, "limit"), Payloads: true},
			line:   &eventLine{paint: painter(coloured(c.out)), types: tailedWidth},
		}
		if !cc.Bool("follow") {
			return t.begin(ctx)
		}
		if err := t.follow(ctx, c.place(cc)); ctx.Err() == nil { // else it is Ctrl-C, which is how it ends
			return err
		}
		return nil
	})
}

// begin prints the last change of the newest jobs.
func (t *tailing) begin(ctx context.Context) error {
	begun := time.Now().Truncate(time.Millisecond)
	var newest []ledger.Job
	for f := t.filter; len(newest) < t.filter.Limit; {
		f.Limit = min(t.filter.Limit-len(newest), ledger.MaxListLimit)
		jobs, next, err := t.ledger.List(ctx, f)
		if err != nil {
			return err
		}
		newest = append(newest, jobs...)
		if f.Cursor = next; next == "" {
			break
		}
	}
	err := t.changes(newest)
	if begun.After(t.latest) { // what others have changed before is not for meanwhile
		t.latest, t.recent = begun, map[int64]jobSeen{}
	}
	return err
}

// meanwhile prints the last change of those of the newest jobs that have changed since what was printed.
func (t *tailing) meanwhile(ctx context.Context) error {
	f := t.filter
	f.Limit = ledger.MaxListLimit
	jobs, _, err := t.ledger.List(ctx, f)
	if err != nil {
		return err
	}
	return t.changes(slices.DeleteFunc(jobs, func(j ledger.Job) bool {
		e := lastChange(&j)
		return e.At.Before(t.latest) || e.At.Equal(t.latest) && t.recent[j.ID] == seenOf(&e)
	}))
}

// changes prints the last change of each job, in the order of time.
func (t *tailing) changes(jobs []ledger.Job) error {
	pools := map[string]bool{}
	events := make([]whipper.Event, len(jobs))
	for i := range jobs {
		pools[jobs[i].Pool] = true
		events[len(jobs)-1-i] = lastChange(&jobs[i])
	}
	t.line.pools = t.line.pools || len(pools) > 1
	slices.SortStableFunc(events, func(a, b whipper.Event) int { return a.At.Compare(b.At.Time) })
	for i := range events {
		e := &events[i]
		t.told[e.Job.ID] = seenOf(e)
		if err := t.print(e); err != nil {
			return err
		}
	}
	return nil
}

// follow begins and then prints what happens, under one supervisor after the other.
func (t *tailing) follow(ctx context.Context, place whipper.Options) error {
	again := time.NewTicker(tailAgain)
	defer again.Stop()
	catchUp, waiting := t.begin, false
	for {
		client, err := whipper.Dial(ctx, place)
		var none *whipper.NoSupervisorError
		switch {
		case err == nil:
			if err := t.under(ctx, client, catchUp); err != nil {
				return err
			}
			t.c.say("whipper: the supervisor has ended; waiting for the next")
			catchUp, waiting = t.meanwhile, true
		case !errors.As(err, &none):
			return err
		case !waiting:
			if err := t.begin(ctx); err != nil {
				return err
			}
			t.c.say("whipper: no supervisor runs; waiting for one")
			catchUp, waiting = t.meanwhile, true
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// under prints what happens until the supervisor ends. It subscribes before it catches up, so that nothing falls between the two.
func (t *tailing) under(ctx context.Context, client *whipper.Client, catchUp func(context.Context) error) error {
	defer func() { _ = client.Close() }() // nothing was asked that could be lost
	pools, err := client.Pools(ctx)
	var events iter.Seq2[whipper.Event, error]
	if err == nil {
		t.line.pools = t.line.pools || len(pools.Pools) > 1 && t.filter.Pool == ""
		events, err = client.Events(ctx, whipper.EventFilter{Types: tailed, Pool: t.filter.Pool})
	}
	if errors.Is(err, whipper.ErrClosed) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := catchUp(ctx); err != nil {
		return err
	}
	t.c.say("whipper: following jobs; Ctrl-C ends it")
	for e, err := range events {
		switch {
		case errors.Is(err, whipper.ErrClosed) && ctx.Err() == nil:
			return nil
		case err != nil:
			return err
		case !t.wanted(&e):
			continue
		}
		if err := t.print(&e); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// wanted says whether an event passes the filter, and is not what was printed at the beginning.
func (t *tailing) wanted(e *whipper.Event) bool {
	if e.Job == nil {
		return e.Lost > 0
	}
	before, ok := t.told[e.Job.ID]
	delete(t.told, e.Job.ID)
	if ok && before == seenOf(e) {
		return false
	}
	return (t.filter.Method == "" || t.filter.Method == e.Job.Method) &&
		(len(t.filter.States) == 0 || slices.Contains(t.filter.States, ledger.State(e.Job.State)))
}

func (t *tailing) print(e *whipper.Event) error {
	if e.At.After(t.latest) {
		t.latest, t.recent = e.At.Time, map[int64]jobSeen{}
	}
	if e.Job != nil && e.At.Equal(t.latest) {
		t.recent[e.Job.ID] = seenOf(e)
	}
	if t.json {
		return t.c.printJSON(e)
	}
	if _, err := fmt.Fprint(t.c.out, t.line.line(e)); err != nil {
		return fmt.Errorf("print a change: %w", err)
	}
	return nil
}

// lastChange is a job's row as the event that would have told of it, at a whole millisecond like that.
func lastChange(j *ledger.Job) whipper.Event {
	wire := server.WireJob(j, nil)
	e := whipper.Event{Type: "job:" + wire.State, Pool: wire.Pool, At: wire.CreatedAt, Job: &whipper.EventJob{
		ID: wire.ID, Method: wire.Method, State: wire.State, Attempt: wire.Attempt, MaxAttempts: wire.MaxAttempts, Origin: wire.Origin,
		CreatedAt: wire.CreatedAt, RunAt: wire.RunAt, StartedAt: wire.StartedAt, FinishedAt: wire.FinishedAt, WaitMs: wire.WaitMs, RunMs: wire.RunMs,
		Worker: wire.Worker, PID: j.PID, ErrorSource: wire.ErrorSource,
	}}
	if wire.Error != nil {
		e.Job.Error = &jsonrpc.EventError{Code: wire.Error.Code, Type: wire.Error.Type(), Message: shortened(wire.Error.Message)}
	}
	switch {
	case j.State == ledger.Running:
		e.Type, e.At = whipper.EventJobStarted, *wire.StartedAt
	case wire.FinishedAt != nil:
		e.At = *wire.FinishedAt
	case j.State == ledger.Queued && j.Runs > 0:
		e.Type, e.At = whipper.EventJobRetrying, *wire.StartedAt
		if due := wire.RunAt; due.After(e.At.Time) && due.Before(time.Now()) {
			e.At = due // it is so again since then, by its backoff or a command
		}
	}
	e.At.Time = e.At.Truncate(time.Millisecond)
	return e
}

// shortened cuts a message as those of events are.
func shortened(message string) string {
	const most = 1 << 10
	if len(message) <= most {
		return message
	}
	return strings.ToValidUTF8(message[:most-len("…")], "") + "…"
}
