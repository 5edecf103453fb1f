package main

import (
	"context"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/whipper-sidecar/whipper/jsonrpc"
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
		online: func(ctx context.Context, client *whipper.Client, set jobSet, add changed) error {
			return askEach(set, add, func(ids []int64, f *whipper.ListParams) (whipper.CountResult, error) {
				return client.Retry(ctx, whipper.RetryJobsParams{IDs: ids, Filter: f})
			})
		},
		offline: func(ctx context.Context, l *ledger.Ledger, set jobSet, add changed) error {
			return eachPage(ctx, l, set, add, func(ids []int64) (int, error) {
				retried, err := l.Retry(ctx, ids, nil)
				return len(retried), err
			})
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
		online: func(ctx context.Context, client *whipper.Client, set jobSet, add changed) error {
			return askEach(set, add, func(ids []int64, f *whipper.ListParams) (whipper.CountResult, error) {
				return client.Cancel(ctx, whipper.CancelJobsParams{IDs: ids, Filter: f})
			})
		},
		offline: func(ctx context.Context, l *ledger.Ledger, set jobSet, add changed) error {
			return eachPage(ctx, l, set, add, func(ids []int64) (int, error) {
				cancelled, err := l.CancelQueued(ctx, ids, time.Now(), cancelledOffline)
				return len(cancelled), err
			})
		},
	})
}

// askEach asks a supervisor for a change, once for the ids or once for each state of the filter.
func askEach(set jobSet, add changed, ask func([]int64, *whipper.ListParams) (whipper.CountResult, error)) error {
	if set.ids != nil {
		n, err := ask(set.ids, nil)
		add(n.Count)
		return err
	}
	for _, state := range set.filter.States {
		f := onSocket(set.filter, state)
		n, err := ask(nil, &f)
		add(n.Count)
		if err != nil {
			return err
		}
	}
	return nil
}

// onSocket is a filter as the socket takes it, for one of its states.
func onSocket(f ledger.Filter, state ledger.State) jsonrpc.ListParams {
	p := jsonrpc.ListParams{
		Pool: f.Pool, Method: f.Method, State: string(state), Since: jsonrpc.TimePtr(f.Since), Until: jsonrpc.TimePtr(f.Until), Grep: f.Grep,
	}
	if f.LabelName != "" {
		p.Label = &jsonrpc.Label{Name: f.LabelName, Value: f.LabelValue}
	}
	return p
}

// eachPage makes a change of the ledger itself, a page of jobs at a time.
func eachPage(ctx context.Context, l *ledger.Ledger, set jobSet, add changed, change func(ids []int64) (int, error)) error {
	if set.ids != nil {
		n, err := change(set.ids)
		add(n)
		return err
	}
	set.filter.Limit = ledger.MaxListLimit
	for jobs, err := range l.Pages(ctx, set.filter) {
		if err != nil {
			return err
		}
		ids := make([]int64, len(jobs))
		for i := range jobs {
			ids[i] = jobs[i].ID
		}
		n, err := change(ids)
		if add(n); err != nil {
			return err
		}
	}
	return nil
}
