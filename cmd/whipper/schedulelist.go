package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/jedib0t/go-pretty/v6/table"
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
	var rows []table.Row
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
		rows = append(rows, table.Row{
			oneLine(s.Name), oneLine(s.Spec), oneLine(s.Timezone), oneLine(s.Pool), oneLine(s.Method), nextCell(s, now), last, job, state,
			humanize.Comma(s.Skipped),
		})
	}
	const method = 4
	_, err := io.WriteString(c.out, fitted(columnsOf(c.out), method, rows, func() string {
		t := newTable([]string{"NAME", "SPEC", "TIMEZONE", "POOL", "METHOD", "NEXT RUN", "LAST RUN", "JOB", "STATE", "SKIPPED"}, "JOB", "SKIPPED")
		t.AppendRows(rows)
		return t.Render() + "\n"
	}))
	return err
}

// nextCell is when a schedule runs next, or what it waits for.
func nextCell(s *ledger.Schedule, now time.Time) string {
	switch {
	case len(s.Owed) > 0:
		return fmt.Sprintf("when job %d has ended", s.LastJob)
	case s.NextAt.IsZero():
		return "never"
	}
	return nextRun(s.NextAt, now)
}
