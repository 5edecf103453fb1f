package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/whipper-sidecar/whipper/internal/config"
)

func execCommand(c *console) *cli.Command {
	whole, pool := config.NewSupervisor(), config.NewPool()
	return &cli.Command{
		Name:      "exec",
		Usage:     "run one pool of workers in the foreground",
		ArgsUsage: "SCRIPT [ARGS] | -- COMMAND [ARGS]",
		Description: "SCRIPT is a file of functions (" + strings.Join(scriptExtensions(), " ") + ") and runs under the built-in runner;\n" +
			"after -- comes any program that speaks JSON-RPC 2.0 on its stdin and stdout.\n" +
			"Flags after SCRIPT or COMMAND are its own. Ctrl-C and SIGTERM drain the pool; a second one stops it at once.\n" +
			"SIGHUP replaces the workers without failing a call, SIGQUIT prints what goes on.",
		Flags: slices.Concat(
			settingFlags(whole, config.SupervisorSettings),
			[]cli.Flag{stringFlag("pool", "default", "name of the pool")},
			settingFlags(pool, config.PoolSettings),
			foregroundFlags("the first worker is ready or the pool is degraded"),
		),
		Action: func(cc *cli.Context) error {
			return c.foreground(cc, func(w *watch) (*supervision, error) { return c.execute(cc, w, whole, pool) })
		},
	}
}

// execute turns the flags into a supervision of one pool.
func (c *console) execute(cc *cli.Context, w *watch, whole *config.Supervisor, pool *config.Pool) (*supervision, error) {
	args := cc.Args().Slice()
	if len(args) == 0 {
		return nil, misuse("whipper exec tasks.py, or whipper exec -- COMMAND", "exec needs a script or, after --, a command")
	}
	if err := takeLists(cc, whole, config.SupervisorSettings); err != nil {
		return nil, err
	}
	if err := takeLists(cc, pool, config.PoolSettings); err != nil {
		return nil, err
	}
	if c.line.dashes {
		pool.Command = args
	} else {
		pool.Script, pool.Args = args[0], args[1:]
	}
	pool.Pool = cc.String("pool")
	s, err := newSupervision(cc.Context, c, whole, w)
	if err != nil {
		return nil, err
	}
	program, err := findProgram(pool)
	if err != nil {
		return nil, err
	}
	if setting, value := pool.NotForScripts(); setting != "" {
		return nil, misuse(fmt.Sprintf("leave it out; for a program that speaks so: whipper exec --%s %s -- COMMAND", setting, value),
			"--%s %s is not for %s: the built-in runners speak whipper's own protocol, one message a line", setting, value, pool.Script)
	}
	if !config.PoolName.MatchString(pool.Pool) {
		return nil, misuse("whipper exec --pool resize tasks.py", "--pool %q is no name: it may have 1 to 64 letters, digits and . _ -", pool.Pool)
	}
	if pool.MaxWorkers != 0 && pool.MaxWorkers < pool.MinWorkers {
		return nil, misuse("raise one or lower the other", "--max-workers %d is less than --min-workers %d", pool.MaxWorkers, pool.MinWorkers)
	}
	p, err := newPlan(pool)
	if err != nil {
		return nil, err
	}
	p.program = program
	ways, err := s.logs.outputs([]*config.Pool{pool}, false)
	if err != nil {
		return nil, err
	}
	p.options.WorkerOutput = ways[pool.Pool]
	s.plans = []*plan{p}
	return s, nil
}
