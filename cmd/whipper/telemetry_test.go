package main

import (
	"io"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/whipper-sidecar/whipper/internal/telemetry"
	"github.com/whipper-sidecar/whipper/ledger"
)

// The race detector is what fails here.
func TestPrometheusAndAnExporterReadTheMetricsAtOnce(t *testing.T) {
	t.Setenv("OTEL_METRICS_EXPORTER", "console")
	t.Setenv("OTEL_METRIC_EXPORT_INTERVAL", "1")
	l, err := ledger.Open(t.Context(), ledger.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	log := slog.New(slog.DiscardHandler)
	s := &supervision{log: log}
	s.telemetry, err = telemetry.Start(t.Context(), telemetry.Options{Scrape: true, Console: io.Discard, Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	stop, err := s.observe(l, &fleet{})
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		answer := httptest.NewRecorder()
		s.telemetry.Scrape().ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil))
		if !strings.Contains(answer.Body.String(), "whipper_ledger_size_bytes{") {
			t.Fatalf("got %s", answer.Body)
		}
	}
	stop()
	s.endTelemetry(nil)
}
