package main

import (
	"context"
	"sync"
)

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
