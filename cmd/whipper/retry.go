package main

import (
	"context"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/whipper-sidecar/whipper/ledger"
	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

// cancelledOffline is the error of a job that is cancelled while no supervisor runs; it is that of the socket's job.cancel.
var cancelledOffline = []byte(`{"code":1004,"message":"the job was cancelled","data":{"type":"CancelledError"}}`)

func retryCommand(c *console) *cli.Command {
	return changeCommand(c, &jobChange{
		name: "retry", done: "retried",
		usage: "queue jobs again that have failed, or were cancelled or dropped",
		text: "They keep their ids and what is on record of them, have all their attempts again and may run at once. A success is never\n" +
			"run again.",
		states: ledger.Retryable,
		online: func(ctx context.Context, client *whipper.Client, set jobSet) (int, error) {
			return online(set, func(ids []int64, f *whipper.ListParams) (whipper.CountResult, error) {
				return client.Retry(ctx, whipper.RetryJobsParams{IDs: ids, Filter: f})
			})
		},
		offline: func(ctx context.Context, l *ledger.Ledger, ids []int64) (int, error) {
			retried, err := l.Retry(ctx, ids, nil)
			return len(retried), err
		},
		afterwards: "no supervisor runs: they wait for one",
	})
}

func cancelCommand(c *console) *cli.Command {
	return changeCommand(c, &jobChange{
		name: "cancel", done: "cancelled",
		usage: "cancel queued jobs, and ask the workers of running ones to give them up",
		text: "A job whose worker finishes it all the same has succeeded. Without a supervisor only queued jobs can be cancelled: one\n" +
			"that reads running was left by a supervisor that was killed, and the next start settles it.",
		states: []ledger.State{ledger.Queued, ledger.Running},
		online: func(ctx context.Context, client *whipper.Client, set jobSet) (int, error) {
			return online(set, func(ids []int64, f *whipper.ListParams) (whipper.CountResult, error) {
				return client.Cancel(ctx, whipper.CancelJobsParams{IDs: ids, Filter: f})
			})
		},
		offline: func(ctx context.Context, l *ledger.Ledger, ids []int64) (int, error) {
			cancelled, err := l.CancelQueued(ctx, ids, time.Now(), cancelledOffline)
			return len(cancelled), err
		},
	})
}

// online asks a supervisor for a change, once for the ids or once for each state of the filter.
func online(set jobSet, ask func([]int64, *whipper.ListParams) (whipper.CountResult, error)) (int, error) {
	if set.ids != nil {
		n, err := ask(set.ids, nil)
		return n.Count, err
	}
	total := 0
	for _, f := range onSocket(set.filter) {
		n, err := ask(nil, &f)
		total += n.Count
		if err != nil {
			return total, err
		}
	}
	return total, nil
}
