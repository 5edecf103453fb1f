package signals

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/metric"
)

// Observed is how things stand at one moment.
type Observed struct {
	Pools []ObservedPool
	Files map[string]int64 // bytes of the ledger, by FileDatabase and FileWAL; nil: unknown
}

// ObservedPool is how things stand in one pool.
type ObservedPool struct {
	Pool    string
	Queued  map[string]int64 // jobs, by whether callers wait for them; nil: nothing is known of jobs
	Oldest  time.Duration    // since when the oldest job that could run has been able to; 0: there is none
	Workers map[string]int64 // by state; nil: nothing is known of workers
	Active  int64            // calls that workers have
}

// Observe reads look each time that somebody asks for the metrics, until stop. look must not wait for a worker or a commit; what it cannot tell it
// leaves out and logs. Nothing is registered where nobody can ask.
func Observe(meter metric.Meter, look func(context.Context) Observed) (stop func() error, err error) {
	m := maker{meter: meter}
	jobs := m.upDown(MetricQueueJobs, "{job}", "Queued jobs, by whether callers wait for them.")
	active := m.upDown(MetricActiveCalls, "{call}", "Calls that workers have.")
	workers := m.upDown(MetricWorkers, "{worker}", "Workers, by state.")
	size := m.upDown(MetricLedgerSize, "By", "The size of the ledger's files.")
	oldest := m.gauge(MetricQueueOldest, "s", "For how long the oldest job that could run has been able to.")
	if m.err != nil {
		return nil, m.err
	}
	registration, err := meter.RegisterCallback(func(ctx context.Context, o metric.Observer) error {
		now := look(ctx)
		for file, bytes := range now.Files {
			o.ObserveInt64(size, bytes, metric.WithAttributes(LedgerFile.String(file)))
		}
		for _, p := range now.Pools {
			pool := PoolName.String(p.Pool)
			for state, n := range p.Queued {
				o.ObserveInt64(jobs, n, metric.WithAttributes(pool, QueueState.String(state)))
			}
			for state, n := range p.Workers {
				o.ObserveInt64(workers, n, metric.WithAttributes(pool, WorkerState.String(state)))
			}
			if p.Queued != nil {
				o.ObserveFloat64(oldest, p.Oldest.Seconds(), metric.WithAttributes(pool))
			}
			if p.Workers != nil {
				o.ObserveInt64(active, p.Active, metric.WithAttributes(pool))
			}
		}
		return nil
	}, jobs, active, workers, size, oldest)
	if err != nil {
		return nil, err
	}
	return registration.Unregister, nil
}
