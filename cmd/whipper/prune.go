package main

import (
	"context"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

// pruneAtOnce is how many jobs are asked for at a time, so that a bar can show how far it is and Ctrl-C ends it soon.
const pruneAtOnce = 2048

func pruneCommand(c *console) *cli.Command {
	return changeCommand(c, &jobChange{
		name: "prune", done: "pruned",
		usage: "take jobs that have their final outcome off the ledger for good",
		text: "Their attempts go with them; what whipper ledger stats tells of them stays. Queued and running jobs are never among them. Nobody\n" +
			"is held up by it.",
		states:  []ledger.State{ledger.Succeeded, ledger.Failed, ledger.Cancelled, ledger.Dropped},
		forGood: true,
		online:  pruneOnline,
		offline: pruneOffline,
	})
}

func pruneOnline(ctx context.Context, client *whipper.Client, set jobSet, add changed) error {
	for ids := range slices.Chunk(set.ids, pruneAtOnce) {
		n, err := client.Prune(ctx, jsonrpc.PruneJobsParams{IDs: ids})
		if add(n.Count); err != nil {
			return err
		}
	}
	for _, state := range set.filter.States {
		p := onSocket(set.filter, state)
		f := jsonrpc.PruneFilter{
			Pool: p.Pool, Method: p.Method, State: p.State, Since: p.Since, Until: p.Until, EndedBefore: jsonrpc.TimePtr(set.endedBefore),
			Label: p.Label, Grep: p.Grep, Limit: pruneAtOnce,
		}
		for n := pruneAtOnce; n == pruneAtOnce; {
			pruned, err := client.Prune(ctx, jsonrpc.PruneJobsParams{Filter: &f})
			n = pruned.Count
			if add(n); err != nil {
				return err
			}
		}
	}
	return nil
}

// pruneOffline leaves to the next supervisor what a dead one has left running, for it to recover.
func pruneOffline(ctx context.Context, l *ledger.Ledger, set jobSet, add changed) error {
	if set.ids != nil {
		n, err := l.PruneIDs(ctx, set.ids)
		if add(n); err != nil {
			return err
		}
		return l.Vacuum(ctx)
	}
	f := set.pruneFilter()
	f.Limit = pruneAtOnce
	for n := pruneAtOnce; n == pruneAtOnce; {
		var err error
		n, err = l.Prune(ctx, f)
		if add(n); err != nil {
			return err
		}
	}
	return l.Vacuum(ctx)
}
