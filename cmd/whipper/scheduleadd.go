package main

import (
	"context"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
	whipper "github.com/whipper-sidecar/whipper/sdk-go"
	"github.com/whipper-sidecar/whipper/server"
)

// defaultPool is the pool that is meant where nobody runs who could say which there are.
const defaultPool = "default"

func scheduleAddCommand(c *console) *cli.Command {
	return &cli.Command{
		Name: "add", Usage: "add a schedule, or replace the one of that name", ArgsUsage: "NAME SPEC METHOD [PARAM...]",
		Description: "SPEC is a cron expression of 5 fields (minute, hour, day of month, month, day of week), 6 with the second in\n" +
			"front, a name as @daily, or @every 1m30s. It needs the shell's quotes. Flags go before METHOD; each PARAM is JSON,\n" +
			"and name=JSON gives parameters by name.\n\n" +
			"    whipper schedule add nightly '0 3 * * *' --timezone Europe/Berlin cleanUp\n\n" +
			"Adding a schedule again with the same SPEC and time zone changes none of its times.",
		Flags: append([]cli.Flag{
			stringFlag("timezone", "UTC", "IANA name of the time zone of SPEC, as Europe/Berlin"),
			choiceFlag("overlap", "what becomes of a time that comes while the job of the time before has not ended: it has none (skip), or waits for that (queue)",
				string(ledger.OverlapSkip), string(ledger.OverlapQueue)),
			choiceFlag("missed", "what becomes of times that came while no supervisor ran: one job for the last of them (once), or none (skip)",
				string(ledger.MissedOnce), string(ledger.MissedSkip)),
			durationFlag("jitter", "run each job later than its time by up to so much, at random (default: off)"),
			stringFlag("pool", "", "name of the pool; it may be left out where there is only one, and means default where no supervisor runs"),
			priorityFlag(),
			concurrencyKeyFlag(),
			countFlagTo(ledger.MostAttempts, "max-attempts", 0, fmt.Sprint(ledger.DefaultMaxAttempts), "how often a job may fail before it stays failed"),
			backoffFlag(), maxBackoffFlag(),
			durationFlag("timeout", "how long one run may take (default: the pool's --invocation-timeout)"),
			boolFlag("at-most-once", "never run a job again once it was started"),
			listFlag("label", "`NAME=VALUE` to find the jobs by; may be repeated"),
			boolFlag("string", "take every PARAM as plain text"),
			jsonFlag(),
		}, placeFlags()...),
		Action: func(cc *cli.Context) error { return scheduleAdd(c, cc) },
	}
}

func scheduleAdd(c *console, cc *cli.Context) error {
	if cc.NArg() < 3 {
		return misuse("whipper schedule add nightly '0 3 * * *' METHOD [PARAM...]", "schedule add needs a name, a cron expression and a method")
	}
	p, err := scheduleFlags(cc)
	if err != nil {
		return err
	}
	args := cc.Args().Slice()
	p.Name, p.Spec, p.Method = args[0], args[1], args[2]
	if err := server.CheckSchedule(p); err != nil { // the same words with and without a supervisor
		return err
	}
	if p.Params, err = params(args[3:], cc.Bool("string")); err != nil {
		return err
	}
	var put jsonrpc.SchedulePutResult
	err = c.changeLedger(cc,
		func(ctx context.Context, client *whipper.Client) (err error) {
			put, err = client.PutSchedule(ctx, p)
			return err
		},
		func(ctx context.Context, l *ledger.Ledger) error {
			pool := p.Pool
			if pool == "" {
				pool = defaultPool
			}
			s, replaced, err := l.PutSchedule(ctx, server.ToSchedule(p, pool))
			put = jsonrpc.SchedulePutResult{Schedule: server.WireSchedule(&s, true), Replaced: replaced}
			return err
		})
	if err != nil {
		return err
	}
	done := "added"
	if put.Replaced {
		done = "replaced"
	}
	next := "never"
	if at := put.Schedule.NextAt; at != nil {
		next = nextRun(at.Time, time.Now())
	}
	return c.printSteered(cc, put, nil, fmt.Sprintf("schedule %s %s, next run %s", oneLine(put.Schedule.Name), done, next))
}

// scheduleFlags is a schedule as far as the flags describe it.
func scheduleFlags(cc *cli.Context) (jsonrpc.SchedulePutParams, error) {
	labels, err := labelFlags(cc)
	p := jsonrpc.SchedulePutParams{
		Timezone:       cc.String("timezone"),
		Overlap:        choiceOf(cc, "overlap"),
		Missed:         choiceOf(cc, "missed"),
		JitterMs:       milliseconds(durationOf(cc, "jitter")),
		Pool:           cc.String("pool"),
		TimeoutMs:      milliseconds(durationOf(cc, "timeout")),
		Priority:       countOf(cc, "priority"),
		MaxAttempts:    countOf(cc, "max-attempts"),
		Backoff:        backoffOf(cc),
		Labels:         labels,
		ConcurrencyKey: cc.String("concurrency-key"),
	}
	if cc.Bool("at-most-once") {
		p.Delivery = string(ledger.AtMostOnce)
	}
	return p, err
}
