package signals

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// Instruments count and time what happens. Those that are read when somebody looks are Observe's.
type Instruments struct {
	duration, wait   metric.Float64Histogram
	forks, exits     metric.Int64Counter
	resets, strays   metric.Int64Counter
	commitDuration   metric.Float64Histogram
	commitOperations metric.Int64Histogram
	ok, failed       []metric.RecordOption // attributes of a commit
}

// Bounds of the histograms' buckets. A call takes from a tenth of a millisecond to half an hour, a commit from an SSD's fsync to a stalled disk, and
// a batch has at most 512 operations.
var (
	callBounds   = []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 1800}
	commitBounds = []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5}
	batchBounds  = []float64{1, 2, 4, 8, 16, 32, 64, 128, 256, 512}
)

// NewInstruments makes all instruments of meter. It gives nil where nobody reads them.
func NewInstruments(meter metric.Meter) (*Instruments, error) {
	m := maker{meter: meter}
	i := &Instruments{
		duration:         m.seconds(MetricCallDuration, "How long workers took for a call, by how it ended.", callBounds),
		wait:             m.seconds(MetricCallWait, "How long a call could have run before it did.", callBounds),
		forks:            m.counter(MetricWorkerForks, "{fork}", "Worker processes that were started."),
		exits:            m.counter(MetricWorkerExits, "{exit}", "Worker processes that have ended, by reason."),
		resets:           m.counter(MetricWorkerResets, "{reset}", "Processes that were started in the place of another one."),
		strays:           m.counter(MetricStrayLines, "{line}", "Lines on a worker's stdout that are not JSON-RPC."),
		commitDuration:   m.seconds(MetricCommitDuration, "How long a commit to the ledger took.", commitBounds),
		commitOperations: m.histogram(MetricCommitOperations, "{operation}", "How many operations one commit held.", batchBounds),
	}
	if m.err != nil {
		return nil, m.err
	}
	if !i.duration.Enabled(context.Background()) {
		return nil, nil
	}
	i.failed = []metric.RecordOption{metric.WithAttributeSet(attribute.NewSet(ErrorType.String(Other)))}
	return i, nil
}

// Committed counts a commit of the ledger that held so many operations.
func (i *Instruments) Committed(took time.Duration, operations int, err error) {
	if i == nil {
		return
	}
	how := i.ok
	if err != nil {
		how = i.failed
	}
	i.commitDuration.Record(context.Background(), took.Seconds(), how...)
	i.commitOperations.Record(context.Background(), int64(operations), how...)
}

// maker makes instruments and keeps what went wrong.
type maker struct {
	meter metric.Meter
	err   error
}

func (m *maker) seconds(name, description string, bounds []float64) metric.Float64Histogram {
	h, err := m.meter.Float64Histogram(name, metric.WithUnit("s"), metric.WithDescription(description), metric.WithExplicitBucketBoundaries(bounds...))
	m.err = errors.Join(m.err, err)
	return h
}

func (m *maker) histogram(name, unit, description string, bounds []float64) metric.Int64Histogram {
	h, err := m.meter.Int64Histogram(name, metric.WithUnit(unit), metric.WithDescription(description), metric.WithExplicitBucketBoundaries(bounds...))
	m.err = errors.Join(m.err, err)
	return h
}

func (m *maker) counter(name, unit, description string) metric.Int64Counter {
	c, err := m.meter.Int64Counter(name, metric.WithUnit(unit), metric.WithDescription(description))
	m.err = errors.Join(m.err, err)
	return c
}

func (m *maker) upDown(name, unit, description string) metric.Int64ObservableUpDownCounter {
	c, err := m.meter.Int64ObservableUpDownCounter(name, metric.WithUnit(unit), metric.WithDescription(description))
	m.err = errors.Join(m.err, err)
	return c
}

func (m *maker) gauge(name, unit, description string) metric.Float64ObservableGauge {
	g, err := m.meter.Float64ObservableGauge(name, metric.WithUnit(unit), metric.WithDescription(description))
	m.err = errors.Join(m.err, err)
	return g
}
