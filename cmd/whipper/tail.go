package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

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
	follow := boolFlag("follow", "go on with what happens from now on, until Ctrl-C or the supervisor's end; needs a supervisor")
	follow.Aliases = []string{"f"}
	limit := countFlag("limit", defaultList, "", "most jobs to begin with")
	limit.Aliases = []string{"n"}
	return &cli.Command{
		Name:        "tail",
		Usage:       "print what became of the newest jobs, the newest last, and follow what happens to jobs",
		Description: "A line is the last change of a job, in the form of whipper events. With --follow come all changes of all jobs.",
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
	filter ledger.Filter
	json   bool
	line   *eventLine
	told   map[int64]jobSeen // of the jobs that it began with
}

// jobSeen tells one change of a job from another.
type jobSeen struct {
	state   string
	attempt int
}

func (c *console) tail(cc *cli.Context) (err error) {
	if err := noArguments(cc); err != nil {
		return err
	}
	states, err := parseStates(cc.StringSlice("state"))
	if err != nil {
		return err
	}
	ctx, stop := interruptible(cc.Context)
	defer stop()
	r, err := c.openLedger(ctx, cc)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	t := &tailing{
		c: c, json: cc.Bool("json"), told: map[int64]jobSeen{},
		filter: ledger.Filter{Pool: cc.String("pool"), Method: cc.String("method"), States: states, Limit: countOf(cc, "limit"), Payloads: true},
		line:   &eventLine{paint: painter(coloured(c.out))},
	}
	if !cc.Bool("follow") {
		return t.begin(ctx, r)
	}
	dir, err := c.ledgerDir(cc)
	if err != nil {
		return err
	}
	err = t.follow(ctx, r, dir)
	if ctx.Err() != nil {
		return nil // Ctrl-C is how it ends
	}
	return err
}

// begin prints the last change of the newest jobs.
func (t *tailing) begin(ctx context.Context, r *ledger.Reader) error {
	var newest []ledger.Job
	left := t.filter.Limit
	for f := t.filter; left > 0; {
		f.Limit = min(left, ledger.MaxListLimit)
		jobs, next, err := r.List(ctx, f)
		if err != nil {
			return err
		}
		newest = append(newest, jobs...)
		left -= len(jobs)
		if f.Cursor = next; next == "" {
			break
		}
	}
	pools := map[string]bool{}
	for i := range newest {
		pools[newest[i].Pool] = true
	}
	t.line.pools = t.line.pools || len(pools) > 1
	for _, job := range slices.Backward(newest) {
		e := lastChange(&job)
		t.told[job.ID] = jobSeen{e.Job.State, e.Job.Attempt}
		if err := t.print(&e); err != nil {
			return err
		}
	}
	return nil
}

// follow begins and then prints what happens. It subscribes first, so that nothing falls between the two.
func (t *tailing) follow(ctx context.Context, r *ledger.Reader, dir string) error {
	client, err := whipper.Dial(ctx, whipper.Options{Dir: dir, Once: true})
	var none *whipper.NoSupervisorError
	if errors.As(err, &none) {
		return errors.Join(t.begin(ctx, r), &failure{
			Err: fmt.Errorf("nothing to follow: %w", err), Code: exitNoSupervisor,
			Hint: "without a supervisor no job changes: whipper ledger tail prints the last changes",
		})
	}
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }() // nothing was asked that could be lost
	pools, err := client.Pools(ctx)
	if err != nil {
		return err
	}
	t.line.pools = len(pools.Pools) > 1 && t.filter.Pool == ""
	events, err := client.Events(ctx, whipper.EventFilter{Types: tailed, Pool: t.filter.Pool})
	if err != nil {
		return err
	}
	if err := t.begin(ctx, r); err != nil {
		return err
	}
	t.c.say("whipper: following jobs; Ctrl-C ends it")
	for e, err := range events {
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, whipper.ErrClosed):
			t.c.say("whipper: the supervisor has ended")
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
	return nil
}

// wanted says whether an event passes the filter, and is not what was printed at the beginning.
func (t *tailing) wanted(e *whipper.Event) bool {
	if e.Job == nil {
		return e.Lost > 0
	}
	before, ok := t.told[e.Job.ID]
	delete(t.told, e.Job.ID)
	if ok && before == (jobSeen{e.Job.State, e.Job.Attempt}) {
		return false
	}
	return (t.filter.Method == "" || t.filter.Method == e.Job.Method) &&
		(len(t.filter.States) == 0 || slices.Contains(t.filter.States, ledger.State(e.Job.State)))
}

func (t *tailing) print(e *whipper.Event) error {
	if t.json {
		return t.c.printJSON(e)
	}
	if _, err := fmt.Fprint(t.c.out, t.line.line(e)); err != nil {
		return fmt.Errorf("print a change: %w", err)
	}
	return nil
}

// lastChange is a job's row as the event that would have told of it.
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
	}
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
