package main

import (
	"context"
	"errors"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

func scheduleCommand(c *console) *cli.Command {
	return &cli.Command{
		Name:        "schedule",
		Usage:       "submit jobs at the times of cron expressions",
		Description: "Schedules are on the ledger, and can be changed with and without a running supervisor; jobs are submitted while one runs.",
		Subcommands: []*cli.Command{scheduleAddCommand(c), scheduleListCommand(c), scheduleRemoveCommand(c)},
		Action: func(*cli.Context) error {
			return misuse("whipper schedule add, list or remove", "schedule needs a subcommand")
		},
	}
}

func scheduleRemoveCommand(c *console) *cli.Command {
	return &cli.Command{
		Name: "remove", Usage: "remove schedules; their jobs stay", ArgsUsage: "NAME...",
		Description: "If one of the names is not there, none is removed.",
		Flags:       append([]cli.Flag{jsonFlag()}, placeFlags()...),
		Action: func(cc *cli.Context) error {
			names := cc.Args().Slice()
			if len(names) == 0 {
				return misuse("whipper schedule remove NAME...", "schedule remove needs the names of schedules")
			}
			p := jsonrpc.ScheduleDeleteParams{Names: names}
			var count jsonrpc.CountResult
			err := c.changeLedger(cc,
				func(ctx context.Context, client *whipper.Client) (err error) {
					count, err = client.DeleteSchedules(ctx, p)
					return err
				},
				func(ctx context.Context, l *ledger.Ledger) error {
					count.Count = len(names)
					return l.DeleteSchedules(ctx, names)
				})
			return c.printSteered(cc, count, unknownSchedule(err), plural(count.Count, "schedule")+" removed")
		},
	}
}

// unknownSchedule adds a hint to the error about a name that there is no schedule of, which comes from the socket or the ledger.
func unknownSchedule(err error) error {
	var refused *jsonrpc.Error
	if errors.Is(err, ledger.ErrNoSchedule) || errors.As(err, &refused) && refused.Code == jsonrpc.CodeNotFound {
		return &failure{Err: err, Code: exitFailed, Hint: "whipper schedule list shows what there is"}
	}
	return err
}

// scheduleClock is how times of schedules are written.
const scheduleClock = "2006-01-02 15:04:05 -07:00"

// nextRun says when a schedule runs next, in local time and from now.
func nextRun(at, now time.Time) string {
	text := at.Local().Format(scheduleClock)
	if at.After(now) {
		return text + ", in " + brief(at.Sub(now).Round(100*time.Millisecond))
	}
	return text + ", due"
}
