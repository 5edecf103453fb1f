package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/whipper-sidecar/whipper/ledger"
	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

// jobChange is a command that changes jobs of the ledger, which are given by their ids or by a filter. A running supervisor does it;
// without one the command does it itself, under the ledger's lock.
type jobChange struct {
	name, done  string // retry, retried
	usage, text string
	states      []ledger.State // that it applies to
	forGood     bool           // it cannot be undone: it has --older-than, and all of the ids or none
	online      func(context.Context, *whipper.Client, jobSet, changed) error
	offline     func(context.Context, *ledger.Ledger, jobSet, changed) error
	afterwards  string // what to know where no supervisor runs; may be empty
}

// changed is told of jobs as they are changed.
type changed func(jobs int)

func changeCommand(c *console, ch *jobChange) *cli.Command {
	flags := append(ch.selecting(),
		boolFlag("all", "all jobs that can be "+ch.done),
		boolFlag("dry-run", "say how many jobs would be "+ch.done+", and leave them"),
		boolFlag("yes", "do not ask"),
		boolFlag("json", "print the count as JSON"),
		ledgerDirFlag())
	return &cli.Command{
		Name: ch.name, Usage: ch.usage, ArgsUsage: "ID... | ", Flags: flags,
		Description: ch.text + "\nJobs are given by their ids, or by at least one flag that selects some, or by --all. Then it says how many there are and\n" +
			"asks; where nobody can be asked it wants --yes. A running supervisor does it; without one the ledger is changed itself.",
		Action: func(cc *cli.Context) error { return ch.run(c, cc) },
	}
}

// selecting are the flags that select jobs.
func (ch *jobChange) selecting() []cli.Flag {
	flags := filterFlags()
	if ch.forGood {
		flags = append(flags, durationFlag("older-than", "only jobs that got their outcome longer ago than this"))
	}
	return flags
}

func (ch *jobChange) run(c *console, cc *cli.Context) error {
	set, err := ch.meant(c, cc)
	if err != nil {
		return err
	}
	var found int64
	var passed []string
	err = c.withLedger(cc, func(ctx context.Context, r *ledger.Reader) (err error) {
		found, passed, err = ch.preview(ctx, r, &set)
		return err
	})
	if err != nil {
		return err
	}
	count := int(found)
	if found > 0 && !cc.Bool("dry-run") {
		if err := ch.confirm(c, cc, &set, found); err != nil {
			return err
		}
		if count, err = ch.apply(c, cc, set, found); err != nil {
			return err
		}
	}
	if err := ch.print(c, cc, count); err != nil {
		return err
	}
	if len(passed) == 0 {
		return nil
	}
	return &failure{Err: errors.New(strings.Join(passed, "\n")), Code: exitFailed, Hint: ch.name + " is for jobs that are " + statesText(ch.states)}
}

// apply makes the change, and draws how far it is if it takes long. An interruption says how many jobs were changed before.
func (ch *jobChange) apply(c *console, cc *cli.Context, set jobSet, found int64) (count int, err error) {
	bar := &lateBar{w: c.err, what: ch.done, total: found, begun: time.Now()}
	add := func(jobs int) {
		count += jobs
		bar.reach(int64(count))
	}
	err = c.changeLedger(cc,
		func(ctx context.Context, client *whipper.Client) error { return ch.online(ctx, client, set, add) },
		func(ctx context.Context, l *ledger.Ledger) error {
			err := ch.offline(ctx, l, set, add)
			if err == nil && ch.afterwards != "" {
				c.say("whipper: %s", ch.afterwards)
			}
			return err
		})
	bar.stop()
	if f := explain(err); err != nil && f.Code == exitInterrupted && count > 0 {
		return count, &failure{Err: f.Err, Code: f.Code, Hint: plural(count, "job") + " " + ch.done + " until then"}
	}
	return count, err
}

// confirm asks whether to go on with what a filter selects, unless --yes says so.
func (ch *jobChange) confirm(c *console, cc *cli.Context, set *jobSet, found int64) error {
	if set.ids != nil || cc.Bool("yes") {
		return nil
	}
	what := ch.name + " " + plural(int(found), "job")
	if ch.forGood {
		what += " for good"
	}
	if !isTerminal(c.in) || !isTerminal(c.err) {
		return misuse("add --yes", "it would %s, and nobody can be asked", what)
	}
	ctx, stop := interruptible(cc.Context)
	defer stop()
	fmt.Fprintf(c.err, "%s%s? [y/N] ", strings.ToUpper(what[:1]), what[1:])
	answer, err := bufio.NewReader(&callOffReader{ctx, c.in}).ReadString('\n')
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if a := strings.ToLower(strings.TrimSpace(answer)); err != nil || a != "y" && a != "yes" {
		return &failure{Err: errors.New("nothing was changed"), Code: exitFailed}
	}
	return nil
}

// countedJobs is what retry, cancel and prune print with --json.
type countedJobs struct {
	Count  int  `json:"count"`
	DryRun bool `json:"dryRun,omitempty"` // nothing was changed
}

// print prints how many jobs were changed, or would be.
func (ch *jobChange) print(c *console, cc *cli.Context, count int) error {
	dry := cc.Bool("dry-run")
	if cc.Bool("json") {
		return c.printJSON(countedJobs{count, dry})
	}
	would := ""
	if dry {
		would = "would be "
	}
	_, err := fmt.Fprintf(c.out, "%s %s%s\n", plural(count, "job"), would, ch.done)
	return err
}

func statesText(states []ledger.State) string {
	names := make([]string, len(states))
	for i, s := range states {
		names[i] = string(s)
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " or " + names[last]
}
