package main

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/whipper-sidecar/whipper/internal/config"
	"github.com/whipper-sidecar/whipper/internal/monitor"
	"github.com/whipper-sidecar/whipper/internal/telemetry"
	"github.com/whipper-sidecar/whipper/internal/telemetry/signals"
	"github.com/whipper-sidecar/whipper/ledger"
)

// startTelemetry has traces, metrics and logs go to where the environment says. --http has metrics be collected in any case.
func (s *supervision) startTelemetry(ctx context.Context, c *console, whole *config.Supervisor, stderr *slog.Logger) error {
	var err error
	s.telemetry, err = telemetry.Start(ctx, telemetry.Options{Version: version, Console: tameWriter{c.err}, Logger: stderr, Scrape: s.monitor != nil})
	if err != nil {
		return misuse("docs/tracing.md has the variables; OTEL_SDK_DISABLED=true switches all of it off", "%w", err)
	}
	if s.monitor != nil {
		s.monitor.Metrics = s.telemetry.Scrape()
	}
	s.tracing = signals.NewTracing(signals.TracingOptions{
		Tracer: s.telemetry.Tracer(), Follow: s.telemetry.FollowsParents(), Samples: s.telemetry.RootSampler(),
		Link: whole.TraceRuns == config.TraceRunsLink, Ignore: !s.telemetry.Propagates(),
	})
	if s.counting, err = signals.NewInstruments(s.telemetry.Meter()); err != nil {
		return fmt.Errorf("make the instruments of metrics: %w", err)
	}
	return nil
}

// wrote counts the ledger's commits; nil: nobody reads metrics.
func (s *supervision) wrote() func(time.Duration, int, error) {
	if s.counting == nil {
		return nil
	}
	return s.counting.Committed
}

// observe has how things stand be told to those who ask for metrics, until stop is called.
func (s *supervision) observe(l *ledger.Ledger, f *fleet) (stop func(), err error) {
	unregister, err := signals.Observe(s.telemetry.Meter(), func(ctx context.Context) signals.Observed { return s.standing(ctx, l, f) })
	if err != nil {
		return nil, fmt.Errorf("make the instruments of metrics: %w", err)
	}
	return func() {
		if err := unregister(); err != nil {
			s.log.Warn("metrics are still observed", "error", err)
		}
	}, nil
}

// standing is how things stand now. Several may ask at once. Prometheus' exporter gives a context that never ends; a part that hangs is not waited
// for longer than by the checks.
func (s *supervision) standing(ctx context.Context, l *ledger.Ledger, f *fleet) (now signals.Observed) {
	ctx, cancel := context.WithTimeout(ctx, monitor.Patience)
	defer cancel()
	if database, wal, err := l.Size(); err == nil {
		now.Files = map[string]int64{signals.FileDatabase: database, signals.FileWAL: wal}
	} else {
		s.log.Error("ledger cannot be measured for the metrics", "error", err)
	}
	for _, m := range f.all() {
		now.Pools = append(now.Pools, m.Observe(ctx))
	}
	return now
}

// endTelemetry sends what waits, unless kill is closed: whoever asks twice for the end is not to wait for a collector.
func (s *supervision) endTelemetry(kill <-chan struct{}) {
	select {
	case <-kill:
		return
	default:
	}
	ctx, cancel := context.WithCancel(context.Background())
	var watch sync.WaitGroup
	watch.Go(func() {
		defer cancel()
		select {
		case <-kill:
		case <-ctx.Done():
		}
	})
	err := s.telemetry.Shutdown(ctx)
	cancel()
	watch.Wait()
	if err != nil {
		s.log.Warn("the last telemetry may be lost", "error", err)
	}
}
