package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

func submitCommand(c *console) *cli.Command {
	return &cli.Command{
		Name:      "submit",
		Usage:     "put a job on the ledger and print its id",
		ArgsUsage: "METHOD [PARAM...] | --batch FILE",
		Description: "The job is on disk before its id is printed. Each PARAM is JSON; name=JSON gives parameters by name.\n" +
			"Flags go before METHOD.\n\n" +
			"--batch reads one job a line, as JSON objects with the members of job.submit's params:\n\n" +
			"    {\"method\":\"resize\",\"params\":[\"a.png\",100],\"priority\":5}\n\n" +
			"Its ids are printed one a line, in the order of the lines. The other flags then hold for jobs that don't say\n" +
			"otherwise. The form of all lines of a file is checked before the first job is submitted, and that of standard\n" +
			"input as it comes; what only the supervisor can know, such as the name of a pool, it says when it gets the job.",
		Flags: append([]cli.Flag{
			boolFlag("wait", "wait for the job and print its result instead; with --batch, wait after the ids and say how many failed"),
			durationFlag("delay", "run it no sooner than so long from now"),
			momentFlag("at", 0, "run it no sooner than at this time"),
			priorityFlag(),
			stringFlag("key", "", "idempotency key: submitting it again gives the id of the first job"),
			concurrencyKeyFlag(),
			countFlagTo(ledger.MostAttempts, "max-attempts", 0, fmt.Sprint(ledger.DefaultMaxAttempts), "how often it may fail before it stays failed"),
			backoffFlag(), maxBackoffFlag(),
			momentFlag("expires", 1, "fail it where it has not started by then: a time, or a duration from now (default: never)"),
			durationFlag("timeout", "how long one run may take (default: the pool's --invocation-timeout)"),
			poolFlag(),
			boolFlag("at-most-once", "never run it again once it was started"),
			listFlag("label", "`NAME=VALUE` to find it by; may be repeated"),
			boolFlag("string", "take every PARAM as plain text"),
			stringFlag("batch", "", "`FILE` of jobs, - for standard input"),
			jsonFlag(),
		}, placeFlags()...),
		Action: func(cc *cli.Context) error { return submit(c, cc) },
	}
}

func submit(c *console, cc *cli.Context) error {
	job, err := jobFlags(cc)
	if err != nil {
		return err
	}
	if cc.String("batch") != "" {
		switch {
		case cc.NArg() > 0:
			return misuse("give a method, or --batch", "--batch takes methods and params from its lines, but got %q", cc.Args().First())
		case cc.Bool("string") && c.line.given["string"]:
			return misuse("leave it out", "--string is for a PARAM of the command line, but --batch has its params in its lines")
		case job.IdempotencyKey != "":
			return misuse("put idempotencyKey into the lines", "--key names one job, but --batch submits many")
		}
		return submitBatch(c, cc, job)
	}
	if cc.NArg() == 0 {
		return misuse("whipper submit METHOD [PARAM...], or whipper submit --batch FILE", "submit needs a method")
	}
	job.Method = cc.Args().First()
	if job.Params, err = params(cc.Args().Tail(), cc.Bool("string")); err != nil {
		return err
	}
	return c.withClient(cc, func(ctx context.Context, client *whipper.Client) error {
		submitted, err := client.Submit(ctx, job)
		if err != nil {
			return err
		}
		if submitted.Duplicate {
			c.say("whipper: --key %s is known: job %d", job.IdempotencyKey, submitted.ID)
		}
		switch {
		case cc.Bool("wait"):
			c.say("whipper: job %d submitted", submitted.ID)
			return c.awaitJobs(ctx, client, []int64{submitted.ID}, 0, cc.Bool("json"))
		case cc.Bool("json"):
			return c.printJSON(submitted)
		}
		_, err = fmt.Fprintln(c.out, submitted.ID)
		return err
	})
}

// jobFlags is a job as far as the flags describe it.
func jobFlags(cc *cli.Context) (jsonrpc.SubmitParams, error) {
	job := jsonrpc.SubmitParams{
		Pool:           cc.String("pool"),
		TimeoutMs:      milliseconds(durationOf(cc, "timeout")),
		Priority:       countOf(cc, "priority"),
		DelayMs:        milliseconds(durationOf(cc, "delay")),
		RunAt:          jsonrpc.TimePtr(momentOf(cc, "at")),
		MaxAttempts:    countOf(cc, "max-attempts"),
		Backoff:        backoffOf(cc),
		ExpiresAt:      jsonrpc.TimePtr(momentOf(cc, "expires")),
		IdempotencyKey: cc.String("key"),
		ConcurrencyKey: cc.String("concurrency-key"),
	}
	if cc.Bool("at-most-once") {
		job.Delivery = string(ledger.AtMostOnce)
	}
	var err error
	if job.Labels, err = labelFlags(cc); err != nil {
		return job, err
	}
	if job.RunAt != nil && job.DelayMs > 0 {
		return job, misuse("give one of them", "--delay and --at cannot be combined")
	}
	return job, nil
}

func concurrencyKeyFlag() cli.Flag {
	return stringFlag("concurrency-key", "", "of the pool's jobs with the same one, run one at a time")
}

func backoffFlag() cli.Flag {
	return durationFlag("backoff", "wait before the second attempt, give or take a tenth; before each further one it is twice as long (default: 1s)")
}

func maxBackoffFlag() cli.Flag {
	return durationFlag("max-backoff", "longest wait between two attempts (default: 1h)")
}

// backoffOf is the policy of --backoff and --max-backoff, the default in all that they leave open; nil: neither is given.
func backoffOf(cc *cli.Context) *jsonrpc.Backoff {
	b := jsonrpc.Backoff{BaseMs: milliseconds(durationOf(cc, "backoff")), CapMs: milliseconds(durationOf(cc, "max-backoff"))}
	if b == (jsonrpc.Backoff{}) {
		return nil
	}
	b.Jitter = ledger.DefaultBackoff.Jitter // whose absence would mean none
	return &b
}

// labelFlags are the labels of a job; nil: none.
func labelFlags(cc *cli.Context) (labels map[string]string, err error) {
	for _, label := range cc.StringSlice("label") {
		name, value, ok := strings.Cut(label, "=")
		if !ok || name == "" {
			return nil, misuse("write --label NAME=VALUE", "--label %q has no name and value", label)
		}
		if labels == nil {
			labels = map[string]string{}
		}
		labels[name] = value
	}
	return labels, nil
}

func checkPriority(p int) string {
	if p < ledger.MinPriority || p > ledger.MaxPriority {
		return fmt.Sprintf("%d is outside %d to %d", p, ledger.MinPriority, ledger.MaxPriority)
	}
	return ""
}
