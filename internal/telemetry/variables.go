package telemetry

import (
	"crypto/x509"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
)

// signal is a kind of telemetry, as variables spell it.
type signal string

const (
	traces  signal = "TRACES"
	metrics signal = "METRICS"
	logs    signal = "LOGS"
)

var allSignals = []signal{traces, metrics, logs}

// exporterVariable is the variable that says where a signal goes.
func (s signal) exporterVariable() string { return "OTEL_" + string(s) + "_EXPORTER" }

// exporterNames are what that variable may say, besides none.
func (s signal) exporterNames() []string {
	if s == metrics {
		return []string{"otlp", "console", "prometheus"}
	}
	return []string{"otlp", "console"}
}

const otlpPrefix = "OTEL_EXPORTER_OTLP_"

// VariableError is a variable of the environment with a value that cannot be honoured.
type VariableError struct {
	Name    string
	Value   string // "" where it may be a secret
	Allowed string // what it may be, in words
}

func (e *VariableError) Error() string {
	if e.Value == "" {
		return fmt.Sprintf("%s must be %s", e.Name, e.Allowed)
	}
	return fmt.Sprintf("%s is %q: it must be %s", e.Name, e.Value, e.Allowed)
}

// kind is what a variable's value may be.
type kind struct {
	allowed string
	valid   func(string) bool
	secret  bool
}

var (
	boolean  = kind{allowed: "true or false", valid: func(v string) bool { return strings.EqualFold(v, "true") || strings.EqualFold(v, "false") }}
	positive = kind{allowed: "a whole number of at least 1", valid: atLeast(1)}
	millis   = kind{allowed: "a whole number of milliseconds, at least 1", valid: atLeast(1)}
	limit    = kind{allowed: "a whole number, -1 for no limit", valid: atLeast(-1)}
	port     = kind{allowed: "a port, 0 to 65535", valid: func(v string) bool { _, err := strconv.ParseUint(v, 10, 16); return err == nil }}
	ratio    = kind{allowed: "a number from 0 to 1", valid: isRatio}
	endpoint = kind{allowed: "a URL that begins with http:// or https:// and has a host", valid: isEndpoint}
	pairs    = kind{allowed: "key=value, several with commas between them, keys and values percent-encoded", valid: arePairs}
	headers  = kind{allowed: pairs.allowed, valid: arePairs, secret: true}
	file     = kind{allowed: "the path of a file that can be read", valid: func(v string) bool { _, err := os.ReadFile(v); return err == nil }}
	protocol = oneOf("grpc", "http/protobuf")

	certificates = kind{allowed: "the path of a file with certificates in PEM, which can be read", valid: areCertificates}
)

// variables are those that are looked at wherever anything is sent, besides those of the OTLP exporters. The SDK reads them by itself, and would make do
// with its defaults where it cannot.
var variables = map[string]kind{
	"OTEL_RESOURCE_ATTRIBUTES": pairs,
	"OTEL_PROPAGATORS":         listOf("tracecontext", "baggage"),
	"OTEL_TRACES_SAMPLER": oneOf("always_on", "always_off", "traceidratio",
		"parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio"),
	"OTEL_TRACES_SAMPLER_ARG": ratio,

	"OTEL_BSP_SCHEDULE_DELAY":         millis,
	"OTEL_BSP_EXPORT_TIMEOUT":         millis,
	"OTEL_BSP_MAX_QUEUE_SIZE":         positive,
	"OTEL_BSP_MAX_EXPORT_BATCH_SIZE":  positive,
	"OTEL_BLRP_SCHEDULE_DELAY":        millis,
	"OTEL_BLRP_EXPORT_TIMEOUT":        millis,
	"OTEL_BLRP_MAX_QUEUE_SIZE":        positive,
	"OTEL_BLRP_MAX_EXPORT_BATCH_SIZE": positive,

	"OTEL_METRIC_EXPORT_INTERVAL": millis,
	"OTEL_METRIC_EXPORT_TIMEOUT":  millis,

	"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT":      limit,
	"OTEL_ATTRIBUTE_COUNT_LIMIT":             limit,
	"OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT": limit,
	"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT":        limit,
	"OTEL_SPAN_EVENT_COUNT_LIMIT":            limit,
	"OTEL_SPAN_LINK_COUNT_LIMIT":             limit,
	"OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT":       limit,
	"OTEL_LINK_ATTRIBUTE_COUNT_LIMIT":        limit,

	"OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT": limit,
	"OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT":        limit,

	"OTEL_METRICS_EXEMPLAR_FILTER": oneOf("always_on", "always_off", "trace_based"),

	"OTEL_EXPORTER_PROMETHEUS_PORT": port,

	otlpPrefix + "METRICS_TEMPORALITY_PREFERENCE":        oneOf("cumulative", "delta", "lowmemory"),
	otlpPrefix + "METRICS_DEFAULT_HISTOGRAM_AGGREGATION": oneOf("explicit_bucket_histogram", "base2_exponential_bucket_histogram"),
}

// otlpVariables are those of the OTLP exporters, for all signals, and with the signal's name in front for one of them.
var otlpVariables = map[string]kind{
	"ENDPOINT":           endpoint,
	"PROTOCOL":           protocol,
	"TIMEOUT":            millis,
	"COMPRESSION":        oneOf("gzip", "none"),
	"HEADERS":            headers,
	"INSECURE":           boolean,
	"CERTIFICATE":        certificates,
	"CLIENT_CERTIFICATE": certificates,
	"CLIENT_KEY":         file,
}

// check gives what is wrong with a variable. One that is empty counts as not set.
func (k kind) check(name, value string) error {
	value = strings.TrimSpace(value)
	if value == "" || k.valid(value) {
		return nil
	}
	if k.secret {
		value = ""
	}
	return &VariableError{name, value, k.allowed}
}

func oneOf(words ...string) kind {
	return kind{allowed: alternatives(words), valid: func(v string) bool { return slices.Contains(words, v) }}
}

// listOf is for some of words, or none.
func listOf(words ...string) kind {
	return kind{
		allowed: alternatives(append(words, "none")) + ", or several of them with commas between them",
		valid: func(v string) bool {
			for word := range strings.SplitSeq(v, ",") {
				if !slices.Contains(words, strings.TrimSpace(word)) {
					return v == "none"
				}
			}
			return true
		},
	}
}

// alternatives joins words as prose does.
func alternatives(words []string) string {
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

func atLeast(least int) func(string) bool {
	return func(v string) bool {
		n, err := strconv.Atoi(v)
		return err == nil && n >= least
	}
}

func isRatio(v string) bool {
	f, err := strconv.ParseFloat(v, 64)
	return err == nil && f >= 0 && f <= 1
}

func isEndpoint(v string) bool {
	u, err := url.Parse(v)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

func areCertificates(v string) bool {
	text, err := os.ReadFile(v)
	return err == nil && x509.NewCertPool().AppendCertsFromPEM(text)
}

func arePairs(v string) bool {
	for pair := range strings.SplitSeq(v, ",") {
		key, value, found := strings.Cut(pair, "=")
		_, err := url.PathUnescape(value)
		if strings.TrimSpace(pair) != "" && (!found || strings.TrimSpace(key) == "" || err != nil) {
			return false
		}
	}
	return true
}
