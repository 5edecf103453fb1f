package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

func waitCommand(c *console) *cli.Command {
	return &cli.Command{
		Name:      "wait",
		Usage:     "wait for jobs and print their results",
		ArgsUsage: "ID...",
		Description: "Results are printed one a line, in the order of the ids; a job without one is reported on stderr.\n" +
			"Exits with 1 if a job failed or was cancelled, and with 124 if --timeout came first.",
		Flags: append([]cli.Flag{
			durationFlag("timeout", "how long to wait (default: no limit)"),
			boolFlag("json", "print jobs as JSON, one a line, without params"),
		}, placeFlags()...),
		Action: func(cc *cli.Context) error {
			ids, err := jobIDs(cc.Args().Slice())
			if err != nil {
				return err
			}
			if len(ids) == 0 {
				return misuse("whipper wait 1 2 3", "wait needs the ids of jobs")
			}
			return c.withClient(cc, func(ctx context.Context, client *whipper.Client) error {
				return c.awaitJobs(ctx, client, ids, durationOf(cc, "timeout"), cc.Bool("json"))
			})
		},
	}
}

// awaitJobs waits for jobs and prints them, some at a time. It fails if one of them did.
func (c *console) awaitJobs(ctx context.Context, client *whipper.Client, ids []int64, timeout time.Duration, asJSON bool) error {
	deadline := time.Now().Add(timeout)
	failed := 0
	for part := range slices.Chunk(ids, waitJobs) {
		if timeout > 0 {
			timeout = max(time.Millisecond, time.Until(deadline))
		}
		p := jsonrpc.WaitParams{IDs: part, TimeoutMs: milliseconds(timeout)}
		for job, err := range endedJobs(ctx, client, p) {
			var oversized *oversizedError
			switch {
			case errors.As(err, &oversized):
				c.say("whipper: %v", err)
				failed++
				continue
			case err != nil:
				return err
			}
			ok, err := c.printEnded(job, asJSON)
			if err != nil {
				return err
			}
			if !ok {
				failed++
			}
		}
	}
	if failed > 0 {
		return &failure{Err: errors.New("a job failed"), Code: exitFailed, Quiet: true}
	}
	return nil
}

// printEnded prints a job that has its final outcome and says whether that is a success.
func (c *console) printEnded(job *jsonrpc.Job, asJSON bool) (ok bool, err error) {
	ok = job.State == string(ledger.Succeeded)
	switch {
	case asJSON:
		err = c.printJSON(job)
	case ok:
		err = c.printRaw(job.Result)
	default:
		c.say("whipper: %s", jobFailure(job))
	}
	return ok, err
}

// jobFailure says how a job ended that did not succeed.
func jobFailure(job *jsonrpc.Job) string {
	what := fmt.Sprintf("job %d (%s) %s", job.ID, job.Method, job.State)
	if job.Error == nil {
		return what
	}
	return describeError(what, job.Error)
}

func jobIDs(args []string) ([]int64, error) {
	var ids []int64
	for _, arg := range args {
		id, err := strconv.ParseInt(arg, 10, 64)
		if err != nil || id < 1 {
			return nil, misuse("ids are what whipper submit prints and whipper ledger lists", "%q is not a job id", arg)
		}
		ids = append(ids, id)
	}
	return ids, nil
}
