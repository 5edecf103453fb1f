package signals

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/metric"
)

// Observed is how things stand at one moment.
type Observed struct {
	Pools         []ObservedPool
	Database, WAL int64 // bytes
}

// ObservedPool is how things stand in one pool.
type ObservedPool struct {
	Pool    string
	Queued  map[string]int64 // jobs, by whether callers wait for them
	Oldest  time.Duration    // since when the oldest job that could run has been able to; 0: there is none
	Active  int64            // calls that workers have
	Workers map[string]int64 // by state
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
		o.ObserveInt64(size, now.Database, metric.WithAttributes(LedgerFile.String(FileDatabase)))
		o.ObserveInt64(size, now.WAL, metric.WithAttributes(LedgerFile.String(FileWAL)))
		for _, p := range now.Pools {
			pool := PoolName.String(p.Pool)
			for state, n := range p.Queued {
				o.ObserveInt64(jobs, n, metric.WithAttributes(pool, QueueState.String(state)))
			}
			for state, n := range p.Workers {
				o.ObserveInt64(workers, n, metric.WithAttributes(pool, WorkerState.String(state)))
			}
			o.ObserveInt64(active, p.Active, metric.WithAttributes(pool))
			o.ObserveFloat64(oldest, p.Oldest.Seconds(), metric.WithAttributes(pool))
		}
		return nil
	}, jobs, active, workers, size, oldest)
	if err != nil {
		return nil, err
	}
	return registration.Unregister, nil
}
