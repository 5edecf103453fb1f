package telemetry

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/whipper-sidecar/whipper/internal/telemetry/otlptest"
	"github.com/whipper-sidecar/whipper/internal/telemetry/signals"
)

func TestPrometheusCanReadEveryMetricAndFindsNoFault(t *testing.T) {
	c := otlptest.New(t)
	c.Stop()
	setenv(t, "OTEL_EXPORTER_OTLP_ENDPOINT="+c.HTTP(), "OTEL_METRICS_EXPORTER=none")
	tel, _ := start(t, Options{Scrape: true})
	counting, err := signals.NewInstruments(tel.Meter())
	if err != nil {
		t.Fatal(err)
	}
	pool := counting.Pool("a \"pool\"\nwith \\ in it")
	pool.Ran(t.Context(), "charge", "succeeded", time.Second, time.Second)
	pool.Forked()
	pool.Exited("crashed")
	pool.Reset()
	pool.Stray()
	counting.Committed(time.Millisecond, 3, nil)
	counting.Committed(time.Millisecond, 3, errors.New("disk full"))
	stop, err := signals.Observe(tel.Meter(), func(context.Context) signals.Observed {
		return signals.Observed{Files: map[string]int64{signals.FileDatabase: 4096, signals.FileWAL: 512}, Pools: []signals.ObservedPool{{
			Pool: "p", Queued: map[string]int64{"submitted": 3}, Oldest: time.Second, Active: 2, Workers: map[string]int64{"processing": 2},
		}}}
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range queued {
		before := dropped(t, tel, q.counted, signals.DropExportFailed)
		q.emit(t.Context(), tel)
		for dropped(t, tel, q.counted, signals.DropExportFailed) == before {
			if t.Context().Err() != nil {
				t.Fatal("nothing was dropped")
			}
		}
	}
	text := scrape(t, tel)
	if err := stop(); err != nil {
		t.Error(err)
	}
	const all = 15
	if n := strings.Count(text, "# TYPE whipper_"); n != all {
		t.Errorf("there are %d metrics, not %d", n, all)
	}
	if strings.Contains(text, "otel_scope") {
		t.Error("each line has the scope, which is the same everywhere")
	}
	problems, err := promlint.New(strings.NewReader(text)).Lint() // as promtool check metrics does
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	if err != nil || t.Failed() {
		t.Errorf("%v\n%s", err, text)
	}
}
