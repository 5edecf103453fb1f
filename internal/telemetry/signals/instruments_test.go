package signals

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

func meter() (metric.Meter, *sdkmetric.ManualReader) {
	reader := sdkmetric.NewManualReader()
	return sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)).Meter(Scope), reader
}

func instruments(t *testing.T) (*Instruments, *sdkmetric.ManualReader) {
	t.Helper()
	m, reader := meter()
	i, err := NewInstruments(m)
	if err != nil || i == nil {
		t.Fatalf("got %v, %v", i, err)
	}
	return i, reader
}

// collect gives all metrics as lines: name unit {attributes} value, of a histogram count and sum.
func collect(t *testing.T, reader *sdkmetric.ManualReader) []string {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			line := func(set attribute.Set, format string, args ...any) {
				lines = append(lines, fmt.Sprintf("%s %s {%s} ", m.Name, m.Unit, set.Encoded(attribute.DefaultEncoder()))+fmt.Sprintf(format, args...))
			}
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					line(p.Attributes, "%d monotonic=%t", p.Value, data.IsMonotonic)
				}
			case metricdata.Gauge[float64]:
				for _, p := range data.DataPoints {
					line(p.Attributes, "%v", p.Value)
				}
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					line(p.Attributes, "%d of %v, to %v", p.Count, p.Sum, p.Bounds[len(p.Bounds)-1])
				}
			case metricdata.Histogram[int64]:
				for _, p := range data.DataPoints {
					line(p.Attributes, "%d of %v, to %v", p.Count, p.Sum, p.Bounds[len(p.Bounds)-1])
				}
			}
		}
	}
	slices.Sort(lines)
	return lines
}

func TestWhatHappensIsCounted(t *testing.T) {
	i, reader := instruments(t)
	p := i.Pool("shop")
	p.Ran(t.Context(), "charge", "succeeded", 2*time.Second, 250*time.Millisecond)
	p.Ran(t.Context(), "charge", "succeeded", 0, 250*time.Millisecond)
	p.Ran(t.Context(), "charge", "error", 0, time.Second)
	p.Forked()
	p.Forked()
	p.Exited("crashed")
	p.Exited("recycled")
	p.Exited("recycled")
	p.Reset()
	p.Stray()
	i.Pool("other").Stray()
	i.Committed(2*time.Millisecond, 40, nil)
	i.Committed(3*time.Second, 1, errors.New("disk full"))
	want := []string{
		"whipper.call.duration s {rpc.method=charge,whipper.outcome=error,whipper.pool=shop} 1 of 1, to 1800",
		"whipper.call.duration s {rpc.method=charge,whipper.outcome=succeeded,whipper.pool=shop} 2 of 0.5, to 1800",
		"whipper.call.wait s {rpc.method=charge,whipper.outcome=error,whipper.pool=shop} 1 of 0, to 1800",
		"whipper.call.wait s {rpc.method=charge,whipper.outcome=succeeded,whipper.pool=shop} 2 of 2, to 1800",
		"whipper.ledger.commit.duration s {error.type=_OTHER} 1 of 3, to 5",
		"whipper.ledger.commit.duration s {} 1 of 0.002, to 5",
		"whipper.ledger.commit.operations {operation} {error.type=_OTHER} 1 of 1, to 512",
		"whipper.ledger.commit.operations {operation} {} 1 of 40, to 512",
		"whipper.worker.exits {exit} {whipper.exit.reason=crashed,whipper.pool=shop} 1 monotonic=true",
		"whipper.worker.exits {exit} {whipper.exit.reason=recycled,whipper.pool=shop} 2 monotonic=true",
		"whipper.worker.forks {fork} {whipper.pool=shop} 2 monotonic=true",
		"whipper.worker.resets {reset} {whipper.pool=shop} 1 monotonic=true",
		"whipper.worker.stray_lines {line} {whipper.pool=other} 1 monotonic=true",
		"whipper.worker.stray_lines {line} {whipper.pool=shop} 1 monotonic=true",
	}
	if diff := cmp.Diff(want, collect(t, reader)); diff != "" {
		t.Error(diff)
	}
}

func TestHowThingsStandIsReadWhenSomebodyAsks(t *testing.T) {
	m, reader := meter()
	now := Observed{Files: map[string]int64{FileDatabase: 4096, FileWAL: 512}, Pools: []ObservedPool{{
		Pool: "shop", Queued: map[string]int64{"ready": 3, "later": 1}, Oldest: 1500 * time.Millisecond, Active: 2, Workers: map[string]int64{"busy": 2},
	}}}
	looks := 0
	stop, err := Observe(m, func(context.Context) Observed {
		looks++
		return now
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"whipper.call.active {call} {whipper.pool=shop} 2 monotonic=false",
		"whipper.ledger.size By {whipper.ledger.file=database} 4096 monotonic=false",
		"whipper.ledger.size By {whipper.ledger.file=wal} 512 monotonic=false",
		"whipper.queue.jobs {job} {whipper.pool=shop,whipper.queue.state=later} 1 monotonic=false",
		"whipper.queue.jobs {job} {whipper.pool=shop,whipper.queue.state=ready} 3 monotonic=false",
		"whipper.queue.oldest s {whipper.pool=shop} 1.5",
		"whipper.worker.count {worker} {whipper.pool=shop,whipper.worker.state=busy} 2 monotonic=false",
	}
	if looks != 0 {
		t.Error("somebody looked who was not asked")
	}
	if diff := cmp.Diff(want, collect(t, reader)); diff != "" {
		t.Error(diff)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	collect(t, reader)
	if looks != 1 {
		t.Errorf("%d looks", looks)
	}
}

func TestWhatIsUnknownIsNotToldAsZero(t *testing.T) {
	m, reader := meter()
	if _, err := Observe(m, func(context.Context) Observed { return Observed{Pools: []ObservedPool{{Pool: "shop"}}} }); err != nil {
		t.Fatal(err)
	}
	if got := collect(t, reader); len(got) > 0 {
		t.Errorf("got %q", got)
	}
}

func TestMethodsBeyondTheLimitAreCountedTogether(t *testing.T) {
	i, reader := instruments(t)
	p := i.Pool("shop")
	var all sync.WaitGroup
	for half := range 2 { // two at once must not get in one more
		all.Go(func() {
			for n := range 2 * MaxMethods {
				p.Ran(context.Background(), fmt.Sprintf("m%d", n*2+half), "succeeded", 0, 0)
			}
		})
	}
	all.Wait()
	q := i.Pool("other") // has a limit of its own
	q.Ran(t.Context(), "charge", "succeeded", 0, 0)
	p.Ran(t.Context(), strings.Repeat("m", mostMethod+1), "succeeded", 0, 0) // no name
	i.Pool("third").Ran(t.Context(), strings.Repeat("m", mostMethod+1), "succeeded", 0, 0)
	var lines []string
	for _, line := range collect(t, reader) {
		if line[:len(MetricCallWait)] == MetricCallWait {
			lines = append(lines, line)
		}
	}
	if len(lines) != MaxMethods+1+1+1 {
		t.Errorf("%d series for %d methods", len(lines), 4*MaxMethods)
	}
	want := fmt.Sprintf("whipper.call.wait s {rpc.method=_OTHER,whipper.outcome=succeeded,whipper.pool=shop} %d of 0, to 1800", 3*MaxMethods+1)
	third := "whipper.call.wait s {rpc.method=_OTHER,whipper.outcome=succeeded,whipper.pool=third} 1 of 0, to 1800"
	for _, want := range []string{want, third} {
		if !slices.Contains(lines, want) {
			t.Errorf("no %s in %q", want, lines)
		}
	}
}

func TestACallThatIsLikeOneBeforeIsCountedWithoutAllocation(t *testing.T) {
	i, _ := instruments(t)
	p := i.Pool("shop")
	ctx := t.Context()
	if n := testing.AllocsPerRun(100, func() {
		p.Ran(ctx, "charge", "succeeded", time.Second, time.Second)
		p.Exited("crashed")
		p.Stray()
		i.Committed(time.Millisecond, 3, nil)
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestNothingIsCountedWhereNobodyReads(t *testing.T) {
	i, err := NewInstruments(noop.Meter{})
	if err != nil || i != nil {
		t.Fatalf("got %v, %v", i, err)
	}
	p := i.Pool("shop")
	if n := testing.AllocsPerRun(100, func() {
		p.Ran(context.Background(), "charge", "succeeded", 1, 1)
		p.Forked()
		p.Exited("crashed")
		p.Reset()
		p.Stray()
		i.Committed(1, 1, nil)
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
	stop, err := Observe(noop.Meter{}, func(context.Context) Observed { panic("nobody asks") })
	if err != nil {
		t.Fatal(err)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
}
