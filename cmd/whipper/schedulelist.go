package main

import (
	"context"
	"fmt"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/urfave/cli/v2"

	"github.com/whipper-sidecar/whipper/ledger"
	"github.com/whipper-sidecar/whipper/server"
)

func scheduleListCommand(c *console) *cli.Command {
	return &cli.Command{
		Name:        "list",
		Usage:       "list the schedules, by name",
		Description: "It reads the ledger itself: no supervisor needs to run.",
		Flags: []cli.Flag{
			boolFlag("json", "print one schedule a line as JSON, in the shape of the socket's schedule.list"),
			ledgerDirFlag(),
		},
		Action: func(cc *cli.Context) error { return scheduleList(c, cc) },
	}
}

func scheduleList(c *console, cc *cli.Context) error {
	if err := noArguments(cc); err != nil {
		return err
	}
	return c.withLedger(cc, func(ctx context.Context, r *ledger.Reader) error { return schedulesOf(ctx, c, cc, r) })
}

func schedulesOf(ctx context.Context, c *console, cc *cli.Context, r *ledger.Reader) error {
	schedules, err := r.Schedules(ctx)
	if err != nil {
		return err
	}
	if cc.Bool("json") {
		for i := range schedules {
			if err := c.printJSON(server.WireSchedule(&schedules[i], true)); err != nil {
				return err
			}
		}
		return nil
	}
	if len(schedules) == 0 {
		c.say("whipper: there is no schedule: whipper schedule add NAME SPEC METHOD adds one")
		return nil
	}
	return c.tabulateSchedules(schedules, time.Now())
}

// tabulateSchedules prints schedules as a table.
func (c *console) tabulateSchedules(schedules []ledger.Schedule, now time.Time) error {
	paint := painter(coloured(c.out))
	g := &grid{cut: "METHOD", columns: []gridColumn{
		{name: "NAME"},
		{name: "SPEC"},
		{name: "TIMEZONE", spare: 4},
		{name: "POOL", spare: 6},
		{name: "METHOD", spare: 2},
		{name: "NEXT RUN"},
		{name: "AT", spare: 7},
		{name: "LAST RUN", spare: 3},
		{name: "JOB", right: true, spare: 5},
		{name: "STATE", spare: 1},
		{name: "SKIPPED", right: true, spare: 8},
	}}
	for i := range schedules {
		s := &schedules[i]
		last, job, state := "-", "-", "-"
		if !s.LastAt.IsZero() {
			last = ago(s.LastAt, now)
		}
		if s.LastJob != 0 {
			job, state = fmt.Sprint(s.LastJob), "pruned"
		}
		if s.LastState != "" {
			state = paint.paint(stateColour(s.LastState), string(s.LastState))
		}
		next, at := nextCells(s, now)
		g.rows = append(g.rows, []string{
			oneLine(s.Name), oneLine(s.Spec), oneLine(s.Timezone), oneLine(s.Pool), oneLine(s.Method), next, at, last, job, state,
			humanize.Comma(s.Skipped),
		})
	}
	return g.print(c.out)
}

// nextCells are when a schedule runs next, or what it waits for: from now, and in local time.
func nextCells(s *ledger.Schedule, now time.Time) (next, at string) {
	if !s.NextAt.IsZero() {
		at = s.NextAt.Local().Format(scheduleClock)
	}
	switch {
	case len(s.Owed) > 0:
		return fmt.Sprintf("after job %d", s.LastJob), "-"
	case s.NextAt.IsZero():
		return "never", "-"
	case !s.NextAt.After(now):
		return "due", at
	}
	return "in " + brief(s.NextAt.Sub(now)), at
}
