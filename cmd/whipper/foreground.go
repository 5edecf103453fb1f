package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/whipper-sidecar/whipper/internal/config"
	"github.com/whipper-sidecar/whipper/ledger"
)

// foregroundFlags are those of exec and serve for whoever starts a supervisor and waits for it.
func foregroundFlags(when string) []cli.Flag {
	return []cli.Flag{
		boolFlag("exit-with-parent", "drain and exit when stdin ends"),
		countFlag("ready-fd", 0, "", "write a line of JSON to this file descriptor when "+when),
		boolFlag("ephemeral", "make the folder of the ledger, and remove it at the end"),
	}
}

// foreground runs a supervisor until a signal. Stderr is a goroutine's own meanwhile: nobody who logs waits for its reader.
func (c *console) foreground(cc *cli.Context, prepare func(*watch) (*supervision, error)) error {
	ctx, watch := watchSignals(cc.Context)
	defer watch.close() // last: a signal because stderr's reader is gone must not end us while the log is flushed
	stderr := c.err
	sink := newLogSink(stderr, logBuffer)
	c.err = sink
	err := c.supervise(ctx, cc, watch, prepare)
	code := c.report(err)
	sink.close(logFlush)
	c.err = stderr
	if code == exitDone {
		return nil
	}
	return &failure{Err: err, Code: code, Quiet: true}
}

// supervise runs what prepare makes of the flags until ctx ends.
func (c *console) supervise(ctx context.Context, cc *cli.Context, watch *watch, prepare func(*watch) (*supervision, error)) error {
	ready, err := openReadyFD(countOf(cc, "ready-fd"), c.err) // before anything of ours can have that number
	if err != nil {
		return err
	}
	s, err := prepare(watch)
	if err != nil {
		return err
	}
	defer s.logs.close()
	defer s.endTelemetry(watch.kill)
	s.answer = func(r readiness) {
		if err := ready.write(r); err != nil {
			s.log.Warn("nobody reads that it is ready", "error", err) // no reason to stop
		}
	}
	s.announce = func(r readiness) {
		c.say("whipper: %s", r)
		s.answer(r)
	}
	s.ephemeral = cc.Bool("ephemeral")
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

// newSupervision is a supervision without pools.
func newSupervision(ctx context.Context, c *console, whole *config.Supervisor, watch *watch) (*supervision, error) {
	if whole.Dir == "" {
		return nil, misuse("leave it out for "+config.DefaultDir, "--dir is empty")
	}
	dir, err := filepath.Abs(whole.Dir)
	if err != nil {
		return nil, fmt.Errorf("find the folder of the ledger: %w", err)
	}
	operator, err := newOperator(c, watch)
	if err != nil {
		return nil, err
	}
	retention, err := config.ParseRetention(whole.Retain)
	if err != nil {
		return nil, misuse("see the page on configuration", "--retain: %v", err)
	}
	monitor, err := monitorOptions(ctx, whole)
	if err != nil {
		return nil, err
	}
	s := &supervision{
		monitor:   monitor,
		retention: retention,
		dir:       dir, socket: whole.Socket, durability: ledger.Durability(whole.Durability),
		level: new(slog.LevelVar), operator: operator,
	}
	s.level.Set(levels[whole.LogLevel])
	stderr := logHandler(c, whole.LogFormat, s.level)
	if err := s.startTelemetry(ctx, c, whole, slog.New(stderr)); err != nil {
		return nil, err
	}
	s.log = slog.New(s.telemetry.Handler(stderr, s.level))
	s.logs = newWorkerLogs(c.err, whole.LogFormat == "json", s.log)
	s.logs.sent = s.telemetry.Lines()
	return s, nil
}

// levels are the values of --log-level.
var levels = map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}

// logHandler writes the log to stderr.
func logHandler(c *console, format string, level slog.Leveler) slog.Handler {
	o := &slog.HandlerOptions{Level: level}
	if format == "json" {
		return slog.NewJSONHandler(tameWriter{c.err}, o) // slog itself escapes neither DEL nor C1 controls nor what turns the order of text
	}
	return slog.NewTextHandler(c.err, o)
}
