package main

import (
	"context"
	"log/slog"
	"sync"

	"github.com/whipper-sidecar/whipper/internal/config"
	"github.com/whipper-sidecar/whipper/internal/filewatch"
	"github.com/whipper-sidecar/whipper/internal/telemetry/signals"
	"github.com/whipper-sidecar/whipper/ledger"
	"github.com/whipper-sidecar/whipper/supervisor"
)

// place is where a supervisor is, as its workers need to know.
type place struct {
	dir       string // absolute; its lock is held
	socket    string
	unpacking sync.Mutex // of runners into dir
}

// builder makes pools of plans.
type builder struct {
	place
	ledger *ledger.Ledger
	events *supervisor.Events
	log    *slog.Logger
	file   *configuration // nil: none

	tracing     *signals.Tracing
	instruments *signals.Instruments
}

// build makes a pool that can be started. What is wrong is a *poolFault.
func (b *builder) build(ctx context.Context, p *plan) (*member, error) {
	if err := b.settle(ctx, p); err != nil {
		return nil, &poolFault{p.settings, "", err}
	}
	pool, err := supervisor.NewPool(b.ledger, p.options)
	if err != nil {
		return nil, &poolFault{p.settings, "", misuse(seeExec, "%w", config.WithFlags(err))}
	}
	watch, err := b.watch(p)
	if err != nil {
		return nil, err
	}
	return &member{Pool: pool, plan: p, watch: watch, patience: p.settings.ReadyTimeout, ended: make(chan struct{})}, nil
}

// settle completes a plan's options. Pools of a file go on trying where what they are to run is not there, or cannot be started.
func (b *builder) settle(ctx context.Context, p *plan) error {
	p.options.Logger, p.options.Events, p.options.KeepTrying = b.log, b.events, b.file != nil
	p.options.Tracing, p.options.Instruments = b.tracing, b.instruments
	return p.settle(ctx, &b.place)
}

// buildAll makes all pools, or none.
func (b *builder) buildAll(ctx context.Context, plans []*plan) (members []*member, err error) {
	for _, p := range plans {
		m, err := b.build(ctx, p)
		if err != nil {
			closeWatches(members)
			return nil, err
		}
		members = append(members, m)
	}
	return members, nil
}

// watch begins to look at the files whose changes restart a pool's workers.
func (b *builder) watch(p *plan) (*fileWatch, error) {
	watch, err := watchFiles(p.settings.Watch, b.file.folder(), filewatch.Options{Ignore: []string{b.dir}, Logger: b.log})
	if err != nil {
		return nil, &poolFault{p.settings, "watch", err}
	}
	return watch, nil
}

// closeWatches lets go of pools that are not started.
func closeWatches(members []*member) {
	for _, m := range members {
		m.watch.close()
	}
}
