package telemetry

import (
	"log/slog"
	"strings"
	"sync"
	"time"
)

// outage tells once that a collector does not take what it is sent, and once that it does again. What it was sent in between is lost.
type outage struct {
	endpoint string // "" where the exporters' default is in force
	log      *slog.Logger

	mu      sync.Mutex
	failing map[signal]bool
	since   time.Time
	lost    int // spans and log records
}

// outages are those of the collectors, by endpoint: signals that go to the same one fail together.
type outages struct {
	log *slog.Logger
	all map[string]*outage
}

func (o *outages) at(endpoint string) *outage {
	if o.all[endpoint] == nil {
		o.all[endpoint] = &outage{endpoint: endpoint, log: o.log, failing: map[signal]bool{}}
	}
	return o.all[endpoint]
}

// reportedError is one that the outage has told of, so that nobody else need.
type reportedError struct{ error }

func (e reportedError) Unwrap() error { return e.error }

// note takes what came of sending so many spans or log records.
func (o *outage) note(of signal, items int, err error) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case err != nil:
		first := len(o.failing) == 0
		o.failing[of] = true
		o.lost += items
		if first {
			o.since = time.Now()
			o.log.Warn("telemetry cannot be delivered; this is told once", "signal", strings.ToLower(string(of)), "endpoint", o.endpoint, "error", err)
		}
		return reportedError{err}
	case o.failing[of]: // one that has not failed says nothing about those that have
		o.log.Info("telemetry is delivered again", "signal", strings.ToLower(string(of)), "endpoint", o.endpoint,
			"after", time.Since(o.since).Round(time.Millisecond), "lost", o.lost)
		clear(o.failing) // the others may have nothing to send for long
		o.lost = 0
	}
	return nil
}
