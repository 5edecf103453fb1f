package telemetry

import (
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// environ gives a getenv for assignments, one a line.
func environ(assignments string) func(string) string {
	all := map[string]string{}
	for line := range strings.Lines(assignments) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		all[name] = value
	}
	return func(name string) string { return all[name] }
}

func TestVariablesSayWhatIsSentWhere(t *testing.T) {
	for _, test := range []struct {
		name, environ string
		want          map[signal][]string
	}{
		{"nothing is set", "", nil},
		{"empty is not set", "OTEL_TRACES_EXPORTER=\nOTEL_EXPORTER_OTLP_ENDPOINT=", nil},
		{"one exporter", "OTEL_TRACES_EXPORTER=otlp", map[signal][]string{traces: {"otlp"}}},
		{"several exporters", "OTEL_METRICS_EXPORTER= otlp, prometheus ,console,otlp", map[signal][]string{metrics: {"otlp", "prometheus", "console"}}},
		{
			"an endpoint switches all signals on", "OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318",
			map[signal][]string{traces: {"otlp"}, metrics: {"otlp"}, logs: {"otlp"}},
		},
		{"a signal's endpoint switches that on", "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT=http://c:4318/v1/logs", map[signal][]string{logs: {"otlp"}}},
		{
			"an exporter goes before the endpoint", "OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318\nOTEL_LOGS_EXPORTER=none\nOTEL_METRICS_EXPORTER=prometheus",
			map[signal][]string{traces: {"otlp"}, metrics: {"prometheus"}},
		},
		{"other variables switch nothing on", "OTEL_SERVICE_NAME=shop\nOTEL_EXPORTER_OTLP_PROTOCOL=grpc\nOTEL_TRACES_SAMPLER=always_on", nil},
		{"disabled", "OTEL_SDK_DISABLED=TRUE\nOTEL_TRACES_EXPORTER=otlp", nil},
		{"disabled, a wrong value is no matter", "OTEL_SDK_DISABLED=true\nOTEL_TRACES_EXPORTER=zipkin", nil},
		{"not disabled", "OTEL_SDK_DISABLED=false\nOTEL_TRACES_EXPORTER=otlp", map[signal][]string{traces: {"otlp"}}},
		{"nothing is sent, so workers may have a propagator of their own", "OTEL_PROPAGATORS=b3", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, err := readSettings(environ(test.environ))
			if err != nil {
				t.Fatal(err)
			}
			if !maps.EqualFunc(s.exporters, test.want, func(a, b []string) bool { return cmp.Equal(a, b) }) {
				t.Errorf("got %v, want %v", s.exporters, test.want)
			}
		})
	}
}

func TestAWrongVariableIsToldWithItsValueAndWhatIsAllowed(t *testing.T) {
	for _, test := range []struct{ name, environ, want string }{
		{
			"exporter", "OTEL_TRACES_EXPORTER=zipkin",
			`OTEL_TRACES_EXPORTER is "zipkin": it must be otlp, console or none, or several of them with commas between them`,
		},
		{
			"exporter of one signal only", "OTEL_LOGS_EXPORTER=prometheus",
			`OTEL_LOGS_EXPORTER is "prometheus": it must be otlp, console or none, or several of them with commas between them`,
		},
		{
			"none among others", "OTEL_METRICS_EXPORTER=otlp,none",
			`OTEL_METRICS_EXPORTER is "otlp,none": it must be otlp, console, prometheus or none, or several of them with commas between them`,
		},
		{"disabled", "OTEL_SDK_DISABLED=1", `OTEL_SDK_DISABLED is "1": it must be true or false`},
		{
			"several at once", "OTEL_TRACES_EXPORTER=otlp\nOTEL_BSP_MAX_QUEUE_SIZE=0\nOTEL_EXPORTER_OTLP_PROTOCOL=http/json",
			"OTEL_BSP_MAX_QUEUE_SIZE is \"0\": it must be a whole number of at least 1\n" +
				`OTEL_EXPORTER_OTLP_PROTOCOL is "http/json": it must be grpc or http/protobuf`,
		},
		{
			"the endpoint", "OTEL_EXPORTER_OTLP_ENDPOINT=localhost:4317",
			`OTEL_EXPORTER_OTLP_ENDPOINT is "localhost:4317": it must be a URL that begins with http:// or https:// and has a host`,
		},
		{
			"a signal's own", "OTEL_TRACES_EXPORTER=otlp\nOTEL_EXPORTER_OTLP_TRACES_TIMEOUT=10s",
			`OTEL_EXPORTER_OTLP_TRACES_TIMEOUT is "10s": it must be a whole number of milliseconds, at least 1`,
		},
		{
			"headers are secret", "OTEL_TRACES_EXPORTER=otlp\nOTEL_EXPORTER_OTLP_HEADERS=Bearer-xyz",
			`OTEL_EXPORTER_OTLP_HEADERS must be key=value, several with commas between them, keys and values percent-encoded`,
		},
		{
			"the sampler", "OTEL_TRACES_EXPORTER=otlp\nOTEL_TRACES_SAMPLER=sometimes\nOTEL_TRACES_SAMPLER_ARG=2",
			`OTEL_TRACES_SAMPLER is "sometimes": it must be always_on, always_off, traceidratio, parentbased_always_on, parentbased_always_off or parentbased_traceidratio` +
				"\n" + `OTEL_TRACES_SAMPLER_ARG is "2": it must be a number from 0 to 1`,
		},
		{
			"propagators", "OTEL_TRACES_EXPORTER=otlp\nOTEL_PROPAGATORS=tracecontext,b3",
			`OTEL_PROPAGATORS is "tracecontext,b3": it must be tracecontext, baggage or none, or several of them with commas between them`,
		},
		{
			"resource attributes", "OTEL_TRACES_EXPORTER=otlp\nOTEL_RESOURCE_ATTRIBUTES=a=b,c",
			`OTEL_RESOURCE_ATTRIBUTES is "a=b,c": it must be key=value, several with commas between them, keys and values percent-encoded`,
		},
		{
			"a certificate", "OTEL_TRACES_EXPORTER=otlp\nOTEL_EXPORTER_OTLP_CERTIFICATE=/no/such/file",
			`OTEL_EXPORTER_OTLP_CERTIFICATE is "/no/such/file": it must be the path of a file with certificates in PEM, which can be read`,
		},
		{
			"no certificate", "OTEL_LOGS_EXPORTER=otlp\nOTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE=settings_test.go\nOTEL_EXPORTER_OTLP_CLIENT_KEY=/no/such/file",
			`OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE is "settings_test.go": it must be the path of a file with certificates in PEM, which can be read` +
				"\n" + `OTEL_EXPORTER_OTLP_CLIENT_KEY is "/no/such/file": it must be the path of a file that can be read`,
		},
		{
			"limits of log records", "OTEL_LOGS_EXPORTER=otlp\nOTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT=many\nOTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT=1k",
			`OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT is "many": it must be a whole number, -1 for no limit` +
				"\n" + `OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT is "1k": it must be a whole number, -1 for no limit`,
		},
		{
			"exemplars", "OTEL_METRICS_EXPORTER=otlp\nOTEL_METRICS_EXEMPLAR_FILTER=some",
			`OTEL_METRICS_EXEMPLAR_FILTER is "some": it must be always_on, always_off or trace_based`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := readSettings(environ(test.environ))
			if err == nil || err.Error() != test.want {
				t.Errorf("got  %v\nwant %v", err, test.want)
			}
		})
	}
}

func TestASignalsOwnVariableGoesBeforeTheGeneralOne(t *testing.T) {
	s, err := readSettings(environ("OTEL_EXPORTER_OTLP_ENDPOINT=http://a:1\nOTEL_EXPORTER_OTLP_LOGS_ENDPOINT=http://b:2\nOTEL_EXPORTER_OTLP_PROTOCOL=grpc\nOTEL_EXPORTER_OTLP_LOGS_PROTOCOL=http/protobuf"))
	if err != nil {
		t.Fatal(err)
	}
	if got := s.endpoint(traces) + " " + s.endpoint(logs); got != "http://a:1 http://b:2" {
		t.Errorf("the endpoints are %s", got)
	}
	if !s.grpc(traces) || s.grpc(logs) {
		t.Errorf("gRPC is used for traces: %t, logs: %t", s.grpc(traces), s.grpc(logs))
	}
}
