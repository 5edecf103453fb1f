package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/whipper-sidecar/whipper/ledger"
	"github.com/whipper-sidecar/whipper/supervisor"
)

const defaultDir = ".whipper"

// poolName is what a pool may be called, so that its name needs no quotes in a shell, a log or a URL.
var poolName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

func execCommand(c *console) *cli.Command {
	return &cli.Command{
		Name:      "exec",
		Usage:     "run one pool of workers in the foreground",
		ArgsUsage: "SCRIPT [ARGS] | -- COMMAND [ARGS]",
		Description: "SCRIPT is a file of functions (" + strings.Join(scriptExtensions(), " ") + ") and runs under the built-in runner;\n" +
			"after -- comes any program that speaks JSON-RPC 2.0 on its stdin and stdout.\n" +
			"Flags after SCRIPT or COMMAND are its own. Ctrl-C and SIGTERM drain the pool; a second one stops it at once.",
		Flags: []cli.Flag{
			stringFlag("dir", defaultDir, "folder of the ledger and the socket"),
			stringFlag("socket", "", "path of the socket (default: whipper.sock in --dir)"),
			stringFlag("pool", "default", "name of the pool"),
			countFlag("min-workers", 1, "", "workers that are always there"),
			countFlag("max-workers", 0, "number of cores", "most workers at once"),
			countFlag("max-concurrent-calls", 0, "what the worker declares, else 1", "calls that one worker gets at once"),
			durationFlag("invocation-timeout", 30*time.Second, "how long a call may run, unless it says otherwise"),
			durationFlag("inactivity-timeout", 0, "stop workers above --min-workers that were idle for so long (default: off)"),
			durationFlag("flush-timeout", 5*time.Second, "how long a worker may take to give up a call that timed out or was cancelled"),
			durationFlag("force-kill-timeout", 5*time.Second, "how long a worker that was told to stop may take before it is killed"),
			durationFlag("ready-timeout", 30*time.Second, "how long a worker may take to get ready"),
			durationFlag("drain-timeout", 30*time.Second, "how long running jobs have to finish when the pool stops"),
			countFlag("max-queue-size", 10000, "", "most invoked calls that may wait"),
			sizeFlag("max-message-size", 16<<20, "largest call or answer"),
			choiceFlag("handshake", "what a worker is sent before its first call: $/initialize if auto, nothing if none", "auto", "none"),
			stringFlag("interpreter", "", "program that runs SCRIPT (default: python of $VIRTUAL_ENV, of the nearest .venv or on PATH; node on PATH)"),
			listFlag("env", "`NAME=VALUE` for the workers' environment; may be repeated"),
			stringFlag("cwd", "", "workers' working folder (default: the current one)"),
			choiceFlag("durability", "whether a job is acknowledged when it is on disk (full) or when the system has it (normal)", string(ledger.Full), string(ledger.Normal)),
			choiceFlag("log-format", "form of the log on stderr: text or json", "text", "json"),
			choiceFlag("log-level", "least important messages that are logged: debug, info, warn or error", "info", "debug", "warn", "error"),
			boolFlag("exit-with-parent", "drain and exit when stdin ends"),
			countFlag("ready-fd", 0, "", "write a line of JSON to this file descriptor when the first worker is ready"),
		},
		Action: func(cc *cli.Context) error { return execute(c, cc) },
	}
}

// execute runs a supervisor until a signal. Stderr is a goroutine's own meanwhile: nobody who logs waits for its reader.
func execute(c *console, cc *cli.Context) error {
	ctx, watch := watchSignals(cc.Context)
	defer watch.close() // last: a signal because stderr's reader is gone must not end us while the log is flushed
	stderr := c.err
	sink := newLogSink(stderr, logBuffer)
	c.err = sink
	err := c.supervise(ctx, cc, watch)
	code := c.report(err)
	sink.close(logFlush)
	c.err = stderr
	if code == exitDone {
		return nil
	}
	return &failure{Err: err, Code: code, Quiet: true}
}

// supervise turns the flags into a supervision and runs it until ctx ends.
func (c *console) supervise(ctx context.Context, cc *cli.Context, watch *watch) error {
	if cc.NArg() == 0 {
		return misuse("whipper exec tasks.py, or whipper exec -- COMMAND", "exec needs a script or, after --, a command")
	}
	program, err := c.program(cc)
	if err != nil {
		return err
	}
	ready, err := openReadyFD(countOf(cc, "ready-fd"), c.err)
	if err != nil {
		return err
	}
	s, err := newSupervision(c, cc, program)
	if err != nil {
		return err
	}
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
func (c *console) program(cc *cli.Context) (program, error) {
	if c.line.dashes {
		return resolveCommand(cc.Args().Slice())
	}
	return resolveScript(cc.Args().Slice(), cc.String("interpreter"))
}

func newSupervision(c *console, cc *cli.Context, p program) (*supervision, error) {
	if cc.String("dir") == "" {
		return nil, misuse("leave it out for "+defaultDir, "--dir is empty")
	}
	if name := cc.String("pool"); !poolName.MatchString(name) {
		return nil, misuse("whipper exec --pool resize tasks.py", "--pool %q is no name: it may have 1 to 64 letters, digits and . _ -", name)
	}
	dir, err := filepath.Abs(cc.String("dir"))
	if err != nil {
		return nil, fmt.Errorf("find the folder of the ledger: %w", err)
	}
	env, err := workerEnv(cc.StringSlice("env"))
	if err != nil {
		return nil, err
	}
	if most, least := countOf(cc, "max-workers"), countOf(cc, "min-workers"); most != 0 && most < least {
		return nil, misuse("raise one or lower the other", "--max-workers %d is less than --min-workers %d", most, least)
	}
	text, level := choiceOf(cc, "log-format") == "text", choiceOf(cc, "log-level")
	s := &supervision{
		dir:        dir,
		socket:     cc.String("socket"),
		durability: ledger.Durability(choiceOf(cc, "durability")),
		program:    p,
		env:        env,
		log:        newLogger(c, text, level),
		pool: supervisor.Options{
			Pool:               cc.String("pool"),
			Dir:                cc.String("cwd"),
			MinWorkers:         countOf(cc, "min-workers"),
			MaxWorkers:         countOf(cc, "max-workers"),
			MaxConcurrentCalls: countOf(cc, "max-concurrent-calls"),
			InvocationTimeout:  durationOf(cc, "invocation-timeout"),
			InactivityTimeout:  durationOf(cc, "inactivity-timeout"),
			FlushTimeout:       durationOf(cc, "flush-timeout"),
			ForceKillTimeout:   durationOf(cc, "force-kill-timeout"),
			ReadyTimeout:       durationOf(cc, "ready-timeout"),
			DrainTimeout:       durationOf(cc, "drain-timeout"),
			MaxQueueSize:       countOf(cc, "max-queue-size"),
			MaxMessageSize:     sizeOf(cc, "max-message-size"),
			Handshake:          choiceOf(cc, "handshake"),
		},
	}
	if text && (level == "debug" || level == "info") {
		s.pool.WorkerStderr = terminalSafe{c.err} // shorter than a log record
	}
	return s, nil
}

// terminalSafe passes text on without what a terminal would obey.
type terminalSafe struct{ w io.Writer }

func (t terminalSafe) Write(p []byte) (int, error) {
	if _, err := io.WriteString(t.w, printable(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// workerEnv is the supervisor's own environment with the --env flags on top.
func workerEnv(assignments []string) ([]string, error) {
	for _, a := range assignments {
		if name, _, ok := strings.Cut(a, "="); !ok || name == "" {
			return nil, misuse("write --env NAME=VALUE", "--env %q is no assignment", a)
		}
	}
	return supervisor.Environ(os.Environ(), assignments...), nil
}

func newLogger(c *console, text bool, level string) *slog.Logger {
	levels := map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}
	o := &slog.HandlerOptions{Level: levels[level]}
	if text {
		return slog.New(slog.NewTextHandler(c.err, o))
	}
	return slog.New(slog.NewJSONHandler(c.err, o))
}
