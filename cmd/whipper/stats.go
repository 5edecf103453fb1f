package main

import (
	"context"
	"fmt"

	"github.com/dustin/go-humanize"
	"github.com/urfave/cli/v2"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

func statsCommand(c *console) *cli.Command {
	return &cli.Command{
		Name:        "stats",
		Usage:       "print a pool's counters",
		Description: "They cover the pool's life, not only the workers alive now.",
		Flags:       append([]cli.Flag{poolFlag(), jsonFlag()}, placeFlags()...),
		Action: func(cc *cli.Context) error {
			if err := noArguments(cc); err != nil {
				return err
			}
			return c.withClient(cc, func(ctx context.Context, client *whipper.Client) error {
				stats, err := client.Stats(ctx, jsonrpc.PoolParams{Pool: cc.String("pool")})
				if err != nil {
					return err
				}
				if cc.Bool("json") {
					return c.printJSON(stats)
				}
				return c.tabulateStats(stats)
			})
		},
	}
}

func (c *console) tabulateStats(s jsonrpc.PoolStats) error {
	g := &grid{headless: true, columns: []gridColumn{{name: "COUNTER"}, {name: "NOW", right: true}}}
	for _, line := range []struct {
		name string
		n    int64
	}{
		{"workers", int64(s.WorkerCount)},
		{"  idle", int64(s.IdleWorkerCount)},
		{"  busy", int64(s.BusyWorkerCount)},
		{"  at capacity", int64(s.AtCapacityWorkerCount)},
		{"  most at once", int64(s.MaxSeenWorkerCount)},
		{"calls handled", s.Workers.CallsHandled},
		{"  failed", s.Workers.ErrorCount},
		{"  most at once in a worker", int64(s.Workers.MaxSeenConcurrentCalls)},
		{"processes forked", s.Workers.ForkCount},
		{"  ended", s.Workers.ExitCount},
		{"  alive", int64(s.ProcessCount)},
		{"workers reset", s.Workers.ResetCount},
		{"stray lines on stdout", s.Workers.StrayLines},
	} {
		g.rows = append(g.rows, []string{line.name, humanize.Comma(line.n)})
	}
	if err := g.print(c.out); err != nil {
		return fmt.Errorf("print the stats: %w", err)
	}
	return nil
}
