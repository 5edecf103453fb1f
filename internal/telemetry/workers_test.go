package telemetry

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWorkersInheritAllButWhatIsForTheSupervisorOnly(t *testing.T) {
	given := []string{
		"PATH=/bin", "OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318", "OTEL_EXPORTER_OTLP_HEADERS=a=b", "OTEL_SERVICE_NAME=shop",
		"OTEL_TRACES_EXPORTER=otlp, Console", "OTEL_METRICS_EXPORTER=prometheus,console", "OTEL_LOGS_EXPORTER=console",
		"NOT_OTEL_LOGS_EXPORTER=console",
	}
	want := []string{
		"PATH=/bin", "OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318", "OTEL_EXPORTER_OTLP_HEADERS=a=b", "OTEL_SERVICE_NAME=shop",
		"OTEL_TRACES_EXPORTER=otlp", "OTEL_METRICS_EXPORTER=none", "OTEL_LOGS_EXPORTER=none",
		"NOT_OTEL_LOGS_EXPORTER=console",
	}
	before := append([]string(nil), given...)
	if diff := cmp.Diff(want, WorkerEnviron(given)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(before, given); diff != "" {
		t.Errorf("the supervisor's own environment has changed: %s", diff)
	}
	for _, alone := range []string{"OTEL_TRACES_EXPORTER=none", "OTEL_TRACES_EXPORTER=", "OTEL_TRACES_EXPORTER=zipkin,otlp"} {
		if got := WorkerEnviron([]string{alone}); got[0] != alone {
			t.Errorf("%s became %s", alone, got[0])
		}
	}
}
