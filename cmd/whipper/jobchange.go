package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

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
	online      func(context.Context, *whipper.Client, jobSet) (int, error)
	offline     func(context.Context, *ledger.Ledger, []int64) (int, error)
	afterwards  string // what to know where no supervisor runs; may be empty
}

// jobSet is the jobs that a change is for: ids, or a filter with States.
type jobSet struct {
	ids    []int64
	filter ledger.Filter
}

func changeCommand(c *console, ch *jobChange) *cli.Command {
	flags := append(filterFlags(),
		boolFlag("all", "all jobs that can be "+ch.done),
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

func (ch *jobChange) run(c *console, cc *cli.Context) error {
	set, err := ch.meant(c, cc)
	if err != nil {
		return err
	}
	ctx, stop := interruptible(cc.Context)
	defer stop()
	dir, found, passed, err := ch.preview(ctx, c, cc, set)
	if err != nil {
		return err
	}
	if set.ids == nil && found > 0 {
		if err := c.confirm(ctx, cc, ch.name+" "+plural(int(found), "job")); err != nil {
			return err
		}
	}
	count := 0
	if found > 0 {
		if count, err = ch.apply(ctx, c, dir, set); err != nil {
			return err
		}
	}
	if err := c.printCount(cc, ch.done, count); err != nil {
		return err
	}
	if len(passed) == 0 {
		return nil
	}
	return &failure{Err: errors.New(strings.Join(passed, "\n")), Code: exitFailed, Hint: ch.name + " is for jobs that are " + statesText(ch.states)}
}

// meant is the jobs that the command line names. Flags from the environment alone never mean all the jobs that they select.
func (ch *jobChange) meant(c *console, cc *cli.Context) (jobSet, error) {
	ids, err := jobIDs(cc.Args().Slice())
	if err != nil {
		return jobSet{}, err
	}
	given := slices.ContainsFunc(filterFlags(), func(f cli.Flag) bool { return c.line.given[f.Names()[0]] })
	all := c.line.given["all"] && cc.Bool("all")
	switch {
	case len(ids) > 0 && (given || all):
		return jobSet{}, misuse("give ids, or flags that select jobs", "%s takes ids or flags that select jobs, not both", ch.name)
	case len(ids) > 0:
		return jobSet{ids: slices.Compact(slices.Sorted(slices.Values(ids)))}, nil
	case all && given:
		return jobSet{}, misuse("give one of them", "--all and flags that select jobs cannot be combined")
	case !given && !all:
		return jobSet{}, misuse("whipper ledger "+ch.name+" 1 2, or --method resize, or --all", "%s needs ids of jobs, or flags that select some", ch.name)
	}
	f, err := jobFilter(cc)
	if err != nil {
		return jobSet{}, err
	}
	for _, s := range f.States {
		if !slices.Contains(ch.states, s) {
			return jobSet{}, misuse("it is for jobs that are "+statesText(ch.states), "--state: jobs that are %s cannot be %s", s, ch.done)
		}
	}
	if f.States == nil {
		f.States = ch.states
	}
	return jobSet{filter: f}, nil
}

// preview counts the jobs that will be changed, and says which of those given by id will not.
func (ch *jobChange) preview(ctx context.Context, c *console, cc *cli.Context, set jobSet) (dir string, found int64, passed []string, err error) {
	r, err := c.openLedger(ctx, cc)
	if err != nil {
		return "", 0, nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if dir, err = c.ledgerDir(cc); err != nil {
		return "", 0, nil, err
	}
	if set.ids == nil {
		found, err = r.Count(ctx, set.filter)
		return dir, found, nil, err
	}
	states, err := r.States(ctx, set.ids)
	if err != nil {
		return "", 0, nil, err
	}
	for _, id := range set.ids {
		state, ok := states[id]
		switch {
		case !ok:
			return "", 0, nil, &failure{Err: &ledger.NotFoundError{ID: id}, Code: exitFailed, Hint: "nothing was changed; whipper ledger lists the ids"}
		case slices.Contains(ch.states, state):
			found++
		default:
			passed = append(passed, fmt.Sprintf("job %d is %s and was not %s", id, state, ch.done))
		}
	}
	return dir, found, passed, nil
}

// apply has the supervisor change the jobs, or changes them.
func (ch *jobChange) apply(ctx context.Context, c *console, dir string, set jobSet) (count int, err error) {
	client, err := whipper.Dial(ctx, whipper.Options{Dir: dir, Once: true})
	if err == nil {
		defer client.Close() // the answer is in
		return ch.online(ctx, client, set)
	}
	if none := (*whipper.NoSupervisorError)(nil); !errors.As(err, &none) {
		return 0, &failure{Err: err, Code: exitNoSupervisor}
	}
	l, err := ledger.Open(ctx, ledger.Options{Dir: dir})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	if set.ids != nil {
		count, err = ch.offline(ctx, l, set.ids)
	} else {
		set.filter.Limit = ledger.MaxListLimit
		for jobs, e := range l.Pages(ctx, set.filter) {
			if e != nil {
				return count, e
			}
			ids := make([]int64, len(jobs))
			for i := range jobs {
				ids[i] = jobs[i].ID
			}
			n, e := ch.offline(ctx, l, ids)
			if count += n; e != nil {
				return count, e
			}
		}
	}
	if err == nil && ch.afterwards != "" {
		c.say("whipper: %s", ch.afterwards)
	}
	return count, err
}

// confirm asks whether to go on, unless --yes says so.
func (c *console) confirm(ctx context.Context, cc *cli.Context, what string) error {
	if cc.Bool("yes") {
		return nil
	}
	if !isTerminal(c.in) || !isTerminal(c.err) {
		return misuse("add --yes", "it would %s, and nobody can be asked", what)
	}
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

// printCount prints how many jobs were changed, in words or as JSON.
func (c *console) printCount(cc *cli.Context, done string, count int) error {
	if cc.Bool("json") {
		return c.printJSON(whipper.CountResult{Count: count})
	}
	_, err := fmt.Fprintln(c.out, plural(count, "job")+" "+done)
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
