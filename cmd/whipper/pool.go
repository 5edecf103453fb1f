package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/urfave/cli/v2"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

func poolCommand(c *console) *cli.Command {
	return &cli.Command{
		Name:  "pool",
		Usage: "look at the pools of a running supervisor, and steer them",
		Subcommands: append([]*cli.Command{{
			Name:  "status",
			Usage: "print each pool's condition and its workers",
			Flags: append([]cli.Flag{stringFlag("pool", "", "only this pool"), jsonFlag()}, placeFlags()...),
			Action: func(cc *cli.Context) error {
				if err := noArguments(cc); err != nil {
					return err
				}
				return c.withClient(cc, func(ctx context.Context, client *whipper.Client) error {
					return poolStatus(ctx, c, client, cc.String("pool"), cc.Bool("json"))
				})
			},
		}}, steerCommands(c)...),
		Action: func(cc *cli.Context) error {
			return misuse("whipper pool status", "pool needs a subcommand")
		},
	}
}

// poolPage is a pool with its workers, as pool status --json prints it, one a line.
type poolPage struct {
	jsonrpc.Pool
	Workers []jsonrpc.Worker `json:"workers"`
}

func poolStatus(ctx context.Context, c *console, client *whipper.Client, only string, asJSON bool) error {
	list, err := client.Pools(ctx)
	if err != nil {
		return err
	}
	var names []string
	found := false
	for _, p := range list.Pools {
		names = append(names, p.Name)
		if only != "" && p.Name != only {
			continue
		}
		workers, err := client.Workers(ctx, jsonrpc.PoolParams{Pool: p.Name})
		if err != nil {
			return err
		}
		if asJSON {
			err = c.printJSON(poolPage{p, workers.Workers})
		} else {
			err = c.printPool(&p, workers.Workers, found)
		}
		if err != nil {
			return err
		}
		found = true
	}
	if !found {
		return &failure{Err: fmt.Errorf("there is no pool %q", only), Code: exitFailed, Hint: "there is " + strings.Join(names, ", ")}
	}
	return nil
}

func (c *console) printPool(p *jsonrpc.Pool, workers []jsonrpc.Worker, apart bool) error {
	paint := painter(coloured(c.out))
	var b strings.Builder
	if apart {
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "%s  %s", paint.paint(bold, "pool "+oneLine(p.Name)), paint.paint(poolColour(p.State), oneLine(p.State)))
	if p.Reason != "" {
		b.WriteString(": " + printable(p.Reason))
	}
	fmt.Fprintf(&b, "\n  command   %s\n  workers   %d of %d to %d\n", oneLine(strings.Join(p.Command, " ")), len(workers), p.MinWorkers, p.MaxWorkers)
	if p.Program != nil {
		fmt.Fprintf(&b, "  program   %s\n", oneLine(strings.TrimSpace(p.Program.Name+" "+p.Program.Version)))
	}
	if len(p.Methods) > 0 {
		fmt.Fprintf(&b, "  methods   %s\n", oneLine(strings.Join(p.Methods, ", ")))
	}
	if len(p.Listen) > 0 {
		fmt.Fprintf(&b, "  listens   %s\n", oneLine(strings.Join(p.Listen, ", ")))
	}
	for i, r := range p.Restrictions {
		name := ""
		if i == 0 {
			name = "limits"
		}
		fmt.Fprintf(&b, "  %-8s  %s\n", name, restrictionText(r))
	}
	var jobs []string
	for _, state := range jobStates {
		if n := p.Jobs[string(state)]; n > 0 {
			jobs = append(jobs, humanize.Comma(n)+" "+string(state))
		}
	}
	if jobs == nil {
		jobs = []string{"none"}
	}
	fmt.Fprintf(&b, "  jobs      %s\n", strings.Join(jobs, ", "))
	if len(workers) > 0 {
		b.WriteString("\n")
	}
	if _, err := fmt.Fprint(c.out, b.String()); err != nil || len(workers) == 0 {
		return err
	}
	return workerTable(workers, time.Now()).print(c.out)
}

// restrictionText says what holds a method's calls back.
func restrictionText(r jsonrpc.Restriction) string {
	text := fmt.Sprintf("%s: %d running", oneLine(r.Method), r.Running)
	if r.Limit > 0 {
		text += fmt.Sprintf(" of at most %d", r.Limit)
	}
	if r.Paused {
		text += ", paused"
	}
	return text
}

// workerTable has a line for each worker.
func workerTable(workers []jsonrpc.Worker, now time.Time) *grid {
	g := &grid{cut: "LAST EXIT", columns: []gridColumn{
		{name: "WORKER"},
		{name: "PID", right: true},
		{name: "STATE"},
		{name: "STATUS", spare: 1},
		{name: "CALLS", right: true, spare: 2},
		{name: "HANDLED", right: true, spare: 6},
		{name: "ERRORS", right: true, spare: 5},
		{name: "RSS", right: true, spare: 4},
		{name: "CPU", right: true, spare: 8},
		{name: "AGE", right: true, spare: 7},
		{name: "LAST EXIT", spare: 3},
	}}
	for _, w := range workers {
		pid, rss, cpu, age, last := "-", "-", "-", "-", "-"
		if w.PID != 0 {
			pid = strconv.Itoa(w.PID)
		}
		if w.RSSBytes > 0 {
			rss = humanize.IBytes(uint64(w.RSSBytes))
		}
		if w.CPUPercent != nil {
			cpu = strconv.FormatFloat(*w.CPUPercent, 'f', 1, 64) + "%"
		}
		if w.StartedAt != nil {
			age = brief(max(0, now.Sub(w.StartedAt.Time)))
		}
		if e := w.LastExit; e != nil {
			last = exitText(e.ExitCode, e.Signal, e.Reason) + ", " + ago(e.At.Time, now)
		}
		g.rows = append(g.rows, []string{
			oneLine(w.ID), pid, oneLine(w.State), oneLine(w.WorkingStatus), strconv.Itoa(w.Calls), humanize.Comma(w.Stats.CallsHandled),
			humanize.Comma(w.Stats.ErrorCount), rss, cpu, age, oneLine(last),
		})
	}
	return g
}

func poolColour(state string) string {
	switch state {
	case "available":
		return green
	case "degraded":
		return red
	}
	return yellow
}
