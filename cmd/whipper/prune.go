package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

// pruneAtOnce is how many jobs are asked for at a time, so that a bar can show how far it is and Ctrl-C ends it soon.
const pruneAtOnce = 2048

func pruneCommand(c *console) *cli.Command {
	return &cli.Command{
		Name:      "prune",
		Usage:     "take jobs that have their final outcome off the ledger for good",
		ArgsUsage: "[ID...]",
		Description: "Either ids or flags say which; queued and running jobs are never among them. It says how many they are and asks, unless\n" +
			"--yes is given. A supervisor that runs does it without holding up anybody; without one the command does it itself.",
		Flags: append(filterFlags(),
			durationFlag("older-than", "only jobs that got their outcome longer ago than this"),
			boolFlag("dry-run", "say how many jobs would go, and leave them"),
			boolFlag("yes", "do not ask"),
			boolFlag("json", "print how many jobs are gone as JSON"),
			ledgerDirFlag()),
		Action: func(cc *cli.Context) error { return c.prune(cc) },
	}
}

// pruning is which jobs are to go.
type pruning struct {
	ids    []int64
	filter ledger.PruneFilter
}

func (c *console) prune(cc *cli.Context) error {
	p, err := pruningOf(cc)
	if err != nil {
		return err
	}
	found, err := c.previewPrune(cc, p)
	if err != nil {
		return err
	}
	switch {
	case cc.Bool("dry-run"):
		return c.printPruned(cc, "would be pruned", found)
	case found == 0:
		return c.printPruned(cc, "pruned", 0)
	}
	ctx, stop := interruptible(cc.Context)
	defer stop()
	if err := c.confirm(ctx, cc, "prune "+plural(found, "job")+" for good"); err != nil {
		return err
	}
	bar := newProgress(c.err, "pruned", int64(found))
	pruned, err := c.pruneAll(ctx, cc, p, bar)
	bar.stop()
	switch {
	case err != nil && ctx.Err() != nil:
		return &failure{Err: errors.New("interrupted"), Code: exitInterrupted, Hint: plural(pruned, "job") + " are gone, the others are still there"}
	case err != nil:
		return err
	}
	return c.printPruned(cc, "pruned", pruned)
}

// pruningOf is which jobs the command line means.
func pruningOf(cc *cli.Context) (*pruning, error) {
	ids, err := jobIDs(cc.Args().Slice())
	if err != nil {
		return nil, err
	}
	meant, err := jobFilter(cc)
	if err != nil {
		return nil, err
	}
	f := ledger.PruneFilter{
		Pool: meant.Pool, Method: meant.Method, States: slices.Compact(slices.Sorted(slices.Values(meant.States))),
		Since: meant.Since, Until: meant.Until, LabelName: meant.LabelName, LabelValue: meant.LabelValue,
	}
	if age := durationOf(cc, "older-than"); age > 0 {
		f.EndedBefore = time.Now().Add(-age)
	}
	filters := filtered(meant) || !f.EndedBefore.IsZero()
	switch {
	case len(ids) > 0 && filters:
		return nil, misuse("give one of them", "ids and flags that select jobs cannot be combined")
	case len(ids) == 0 && !filters:
		return nil, misuse("whipper ledger prune --older-than 30d", "prune needs ids of jobs, or flags that select them")
	}
	for _, s := range f.States {
		if !s.Terminal() {
			return nil, misuse("only succeeded, failed, cancelled and dropped ones can go", "--state: %s jobs are never pruned", s)
		}
	}
	return &pruning{ids: ids, filter: f}, nil
}

// previewPrune says how many jobs would go.
func (c *console) previewPrune(cc *cli.Context, p *pruning) (n int, err error) {
	ctx, stop := interruptible(cc.Context)
	defer stop()
	r, err := c.openLedger(ctx, cc)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if len(p.ids) == 0 {
		return r.Prunable(ctx, p.filter)
	}
	return r.PrunableIDs(ctx, p.ids)
}

// pruneAll has the supervisor do it, or does it where there is none.
func (c *console) pruneAll(ctx context.Context, cc *cli.Context, p *pruning, bar *progress) (int, error) {
	dir, err := c.ledgerDir(cc)
	if err != nil {
		return 0, err
	}
	client, err := whipper.Dial(ctx, whipper.Options{Dir: dir, Once: true})
	var none *whipper.NoSupervisorError
	if errors.As(err, &none) {
		return p.offline(ctx, dir, bar)
	}
	if err != nil {
		return 0, err
	}
	pruned, err := p.online(ctx, client, bar)
	if e := client.Close(); e != nil && !errors.Is(e, whipper.ErrClosed) && err == nil {
		err = fmt.Errorf("close the connection: %w", e)
	}
	return pruned, err
}

// online asks a supervisor.
func (p *pruning) online(ctx context.Context, client *whipper.Client, bar *progress) (total int, err error) {
	ask := func(params jsonrpc.PruneJobsParams) (int, error) {
		n, err := client.Prune(ctx, params)
		total += n.Count
		bar.add(n.Count)
		return n.Count, err
	}
	if len(p.ids) > 0 {
		for ids := range slices.Chunk(p.ids, pruneAtOnce) {
			if _, err := ask(jsonrpc.PruneJobsParams{IDs: ids}); err != nil {
				return total, err
			}
		}
		return total, nil
	}
	states := p.filter.States
	if len(states) == 0 {
		states = []ledger.State{ledger.Succeeded, ledger.Failed, ledger.Cancelled, ledger.Dropped}
	}
	for _, state := range states {
		f := jsonrpc.PruneFilter{
			Pool: p.filter.Pool, Method: p.filter.Method, State: string(state), Limit: pruneAtOnce, Since: jsonrpc.TimePtr(p.filter.Since),
			Until: jsonrpc.TimePtr(p.filter.Until), EndedBefore: jsonrpc.TimePtr(p.filter.EndedBefore),
		}
		if p.filter.LabelName != "" {
			f.Label = &jsonrpc.Label{Name: p.filter.LabelName, Value: p.filter.LabelValue}
		}
		for n := pruneAtOnce; n == pruneAtOnce; {
			if n, err = ask(jsonrpc.PruneJobsParams{Filter: &f}); err != nil {
				return total, err
			}
		}
	}
	return total, nil
}

// offline opens the ledger for writing. What a dead supervisor left running stays for the next one to recover.
func (p *pruning) offline(ctx context.Context, dir string, bar *progress) (total int, err error) {
	l, err := ledger.Open(ctx, ledger.Options{Dir: dir})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	if len(p.ids) > 0 {
		total, err = l.PruneIDs(ctx, p.ids)
		bar.add(total)
	} else {
		f := p.filter
		f.Limit = pruneAtOnce
		for n := pruneAtOnce; n == pruneAtOnce && err == nil; {
			n, err = l.Prune(ctx, f)
			total += n
			bar.add(n)
		}
	}
	if err == nil {
		err = l.Vacuum(ctx)
	}
	return total, err
}

func (c *console) printPruned(cc *cli.Context, what string, n int) error {
	if cc.Bool("json") {
		name := "pruned"
		if cc.Bool("dry-run") {
			name = "wouldPrune"
		}
		return c.printJSON(map[string]int{name: n})
	}
	_, err := fmt.Fprintf(c.out, "%s %s\n", plural(n, "job"), what)
	return err
}
