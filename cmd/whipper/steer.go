package main

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/urfave/cli/v2"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

// steerCommands are the subcommands of pool that change something.
func steerCommands(c *console) []*cli.Command {
	return []*cli.Command{
		steerCommand(c, "pause", "have no call or job handed to the workers until resume",
			"Calls that workers have go on, and what comes in waits. The pause of a pool ends with the supervisor; that of a method is\n"+
				"kept in the ledger.",
			[]cli.Flag{stringFlag("method", "", "pause this method alone")}, pausePool),
		steerCommand(c, "resume", "end a pause", "", []cli.Flag{stringFlag("method", "", "resume this method")}, resumePool),
		steerCommand(c, "restart", "replace all workers, one after the other, without failing a call",
			"It waits until each worker has a successor that is ready. If one does not get ready, the workers that are left go on\n"+
				"serving, the reason is printed, and the exit code is 1.", nil, restartPool),
		steerCommand(c, "resize", "change between how many workers there are",
			"It holds until the supervisor ends. Workers that are too many finish their calls first.",
			[]cli.Flag{
				countFlag("min-workers", 0, "as it is", "workers that are always there"),
				countFlag("max-workers", 0, "as it is", "most workers at once"),
			}, resizePool),
	}
}

// steer does one thing to a pool of a supervisor.
type steer func(ctx context.Context, c *console, cc *cli.Context, client *whipper.Client) error

func steerCommand(c *console, name, usage, description string, flags []cli.Flag, do steer) *cli.Command {
	return &cli.Command{
		Name: name, Usage: usage, Description: description,
		Flags: append(append([]cli.Flag{poolFlag()}, flags...), append([]cli.Flag{jsonFlag()}, placeFlags()...)...),
		Action: func(cc *cli.Context) error {
			if err := noArguments(cc); err != nil {
				return err
			}
			return c.withClient(cc, func(ctx context.Context, client *whipper.Client) error { return do(ctx, c, cc, client) })
		},
	}
}

func pausePool(ctx context.Context, c *console, cc *cli.Context, client *whipper.Client) error {
	p, err := pauseParams(c, cc)
	if err != nil {
		return err
	}
	pool, err := client.Pause(ctx, p)
	return c.printSteered(cc, pool, err, pauseWords(pool, p.Method, "paused"))
}

func resumePool(ctx context.Context, c *console, cc *cli.Context, client *whipper.Client) error {
	p, err := pauseParams(c, cc)
	if err != nil {
		return err
	}
	pool, err := client.Resume(ctx, p)
	return c.printSteered(cc, pool, err, pauseWords(pool, p.Method, "resumed"))
}

// pauseParams refuses a --method that was left empty, as by a variable of a script: that would be the whole pool.
func pauseParams(c *console, cc *cli.Context) (jsonrpc.PauseParams, error) {
	p := jsonrpc.PauseParams{Pool: cc.String("pool"), Method: cc.String("method")}
	if p.Method == "" && c.line.given["method"] {
		return p, misuse("name a method, or leave --method out for the whole pool", "--method is empty")
	}
	return p, nil
}

// pauseWords says what a pause, or the end of one, has come to.
func pauseWords(pool jsonrpc.Pool, method, done string) string {
	if method != "" {
		return "pool " + oneLine(pool.Name) + ": method " + oneLine(method) + " is " + done
	}
	return "pool " + oneLine(pool.Name) + " is " + oneLine(pool.State)
}

func resizePool(ctx context.Context, c *console, cc *cli.Context, client *whipper.Client) error {
	p := jsonrpc.ResizeParams{Pool: cc.String("pool"), MinWorkers: countOf(cc, "min-workers"), MaxWorkers: countOf(cc, "max-workers")}
	if p.MinWorkers == 0 && p.MaxWorkers == 0 {
		return misuse("whipper pool resize --min-workers 2 --max-workers 8", "pool resize needs --min-workers, --max-workers or both")
	}
	pool, err := client.Resize(ctx, p)
	return c.printSteered(cc, pool, err, "pool "+oneLine(pool.Name)+" has "+workers(pool))
}

func restartPool(ctx context.Context, c *console, cc *cli.Context, client *whipper.Client) error {
	stop := c.showReplaced(ctx, client, cc.String("pool"))
	result, err := client.Restart(ctx, jsonrpc.PoolParams{Pool: cc.String("pool")})
	stop(err == nil)
	if err != nil && ctx.Err() != nil {
		return &failure{Err: err, Code: exitInterrupted, Hint: "the supervisor goes on with the restart"}
	}
	return c.printSteered(cc, result, err, "pool "+oneLine(result.Pool)+": "+plural(result.Replaced, "worker")+" replaced")
}

// showReplaced draws on a terminal how many of the workers that there are now have been replaced, until stop. It is no more than a
// comfort, so what cannot be found out is left out.
func (c *console) showReplaced(ctx context.Context, client *whipper.Client, pool string) (stop func(all bool)) {
	if !obeysEscapes(c.err) {
		return func(bool) {}
	}
	ctx, cancel := context.WithCancel(ctx)
	events, err := client.Events(ctx, whipper.EventFilter{Pool: pool, Types: []string{whipper.EventStateChanged}})
	if err != nil {
		cancel()
		return func(bool) {}
	}
	list, err := client.Workers(ctx, jsonrpc.PoolParams{Pool: pool})
	if err != nil {
		cancel()
		return func(bool) {}
	}
	left := map[string]bool{}
	for _, w := range list.Workers {
		left[w.ID] = true
	}
	bar := newProgress(c.err, "replaced", int64(len(left)))
	var drawing sync.WaitGroup
	drawing.Go(func() {
		for e, err := range events {
			if err != nil {
				return
			}
			// A worker is replaced when it begins to finish what it has, or, if it had no process, when it takes calls.
			if e.Worker != nil && left[e.Worker.ID] && slices.Contains([]string{"flushing", "dying", "processing"}, e.To) {
				delete(left, e.Worker.ID)
				bar.add(1)
			}
		}
	})
	return func(all bool) {
		cancel()
		drawing.Wait()
		if all {
			bar.add(len(left))
		}
		bar.stop()
	}
}

// printSteered prints what was done, in words or as JSON.
func (c *console) printSteered(cc *cli.Context, result any, err error, words string) error {
	if err != nil {
		return err
	}
	if cc.Bool("json") {
		return c.printJSON(result)
	}
	_, err = fmt.Fprintln(c.out, words)
	return err
}
