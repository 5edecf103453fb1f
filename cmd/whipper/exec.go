package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/whipper-sidecar/whipper/internal/config"
	"github.com/whipper-sidecar/whipper/ledger"
	"github.com/whipper-sidecar/whipper/supervisor"
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
			[]cli.Flag{
				boolFlag("exit-with-parent", "drain and exit when stdin ends"),
				countFlag("ready-fd", 0, "", "write a line of JSON to this file descriptor when the first worker is ready"),
			},
		),
		Action: func(cc *cli.Context) error {
			return execute(c, cc, whole, pool)
		},
	}
}

// execute runs a supervisor until a signal. Stderr is a goroutine's own meanwhile: nobody who logs waits for its reader.
func execute(c *console, cc *cli.Context, whole *config.Supervisor, pool *config.Pool) error {
	ctx, watch := watchSignals(cc.Context)
	defer watch.close() // last: a signal because stderr's reader is gone must not end us while the log is flushed
	stderr := c.err
	sink := newLogSink(stderr, logBuffer)
	c.err = sink
	err := c.supervise(ctx, cc, whole, pool, watch)
	code := c.report(err)
	sink.close(logFlush)
	c.err = stderr
	if code == exitDone {
		return nil
	}
	return &failure{Err: err, Code: code, Quiet: true}
}

// supervise turns the flags into a supervision and runs it until ctx ends.
func (c *console) supervise(ctx context.Context, cc *cli.Context, whole *config.Supervisor, pool *config.Pool, watch *watch) error {
	if cc.NArg() == 0 {
		return misuse("whipper exec tasks.py, or whipper exec -- COMMAND", "exec needs a script or, after --, a command")
	}
	operator, err := newOperator(c, watch)
	if err != nil {
		return err
	}
	if err := takeLists(cc, whole, config.SupervisorSettings); err != nil {
		return err
	}
	if err := takeLists(cc, pool, config.PoolSettings); err != nil {
		return err
	}
	program, err := c.program(cc, pool)
	if err != nil {
		return err
	}
	ready, err := openReadyFD(countOf(cc, "ready-fd"), c.err)
	if err != nil {
		return err
	}
	s, err := newSupervision(c, cc.String("pool"), program, whole, pool)
	if err != nil {
		return err
	}
	defer s.logs.close()
	s.operator = operator
	s.announce = func(r readiness) {
		c.say("whipper: %s", r)
		if err := ready.write(r); err != nil {
			s.log.Warn("nobody reads that it is ready", "error", err) // no reason to stop
		}
	}
	s.draining = func(why error, running int) {
		c.say("whipper: %v: draining with %s; a second signal stops them at once", why, plural(running, "running call"))
	}
	if cc.Bool("exit-with-parent") {
		watch.stdin(c.in)
	}
	err = s.run(ctx, watch.kill)
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil // stopped before there was anything to drain
	}
	return err
}

// program finds out what is to be run.
func (c *console) program(cc *cli.Context, pool *config.Pool) (program, error) {
	if c.line.dashes {
		return resolveCommand(cc.Args().Slice())
	}
	return resolveScript(cc.Args().Slice(), pool.Interpreter)
}

func newSupervision(c *console, name string, p program, whole *config.Supervisor, pool *config.Pool) (*supervision, error) {
	if whole.Dir == "" {
		return nil, misuse("leave it out for "+config.DefaultDir, "--dir is empty")
	}
	if !config.PoolName.MatchString(name) {
		return nil, misuse("whipper exec --pool resize tasks.py", "--pool %q is no name: it may have 1 to 64 letters, digits and . _ -", name)
	}
	dir, err := filepath.Abs(whole.Dir)
	if err != nil {
		return nil, fmt.Errorf("find the folder of the ledger: %w", err)
	}
	if pool.MaxWorkers != 0 && pool.MaxWorkers < pool.MinWorkers {
		return nil, misuse("raise one or lower the other", "--max-workers %d is less than --min-workers %d", pool.MaxWorkers, pool.MinWorkers)
	}
	account, err := pool.Process.Account()
	if err != nil {
		return nil, misuse("see whipper exec --help", "--user: %w", err)
	}
	if account != nil { // before anything of that user's runs
		if err := supervisor.CloseOnExec(3); err != nil {
			return nil, err
		}
	}
	env, err := pool.Environ(os.Environ())
	if err != nil {
		return nil, &failure{Code: exitUsage, Err: err}
	}
	if err := pool.ReadHandshake(); err != nil {
		return nil, misuse("docs/workers.md shows what a handshake file looks like", "%w", err)
	}
	text := whole.LogFormat == "text"
	s := &supervision{
		dir:        dir,
		socket:     whole.Socket,
		durability: ledger.Durability(whole.Durability),
		program:    p,
		account:    account,
		env:        env,
		log:        newLogger(c, text, whole.LogLevel),
		pool:       pool.Options,
		watch:      pool.Watch,
	}
	s.pool.Pool, s.pool.Version = name, version
	s.logs = newWorkerLogs(c.err, !text, s.log)
	if s.pool.WorkerOutput, err = s.logs.output(pool, false); err != nil {
		return nil, err
	}
	return s, nil
}

func newLogger(c *console, text bool, level string) *slog.Logger {
	levels := map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}
	o := &slog.HandlerOptions{Level: levels[level]}
	if text {
		return slog.New(slog.NewTextHandler(c.err, o))
	}
	return slog.New(slog.NewJSONHandler(c.err, o))
}
