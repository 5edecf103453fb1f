package telemetry

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// settings are what the environment says. The zero settings send nothing.
type settings struct {
	exporters map[signal][]string // which ones a signal goes to; no entry: nowhere
	getenv    func(string) string
}

// readSettings gives every VariableError at once. Where nothing is sent, only the variables that say so are looked at: the others may be for the
// workers, whose SDKs may know more than ours.
func readSettings(getenv func(string) string) (settings, error) {
	s := settings{exporters: map[signal][]string{}, getenv: getenv}
	if err := boolean.check("OTEL_SDK_DISABLED", getenv("OTEL_SDK_DISABLED")); err != nil {
		return settings{}, err
	}
	if strings.EqualFold(strings.TrimSpace(getenv("OTEL_SDK_DISABLED")), "true") {
		return s, nil
	}
	var problems []error
	for _, signal := range allSignals {
		name := signal.exporterVariable()
		value := strings.TrimSpace(getenv(name))
		problems = append(problems, listOf(signal.exporterNames()...).check(name, value))
		if value == "" && s.endpoint(signal) != "" {
			value = "otlp"
		}
		if value != "" && value != "none" {
			s.exporters[signal] = exporterList(value)
		}
	}
	if len(s.exporters) > 0 {
		problems = append(problems, s.checkRest()...)
	}
	if err := errors.Join(problems...); err != nil {
		return settings{}, err
	}
	return s, nil
}

// exporterList gives the names in a value, each once.
func exporterList(value string) []string {
	var names []string
	for name := range strings.SplitSeq(value, ",") {
		if name = strings.TrimSpace(name); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// checkRest looks at all that the SDK and the exporters read by themselves.
func (s settings) checkRest() []error {
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		problems = append(problems, variables[name].check(name, s.getenv(name)))
	}
	for _, rest := range slices.Sorted(maps.Keys(otlpVariables)) {
		problems = append(problems, otlpVariables[rest].check(otlpPrefix+rest, s.getenv(otlpPrefix+rest)))
		for _, signal := range allSignals {
			name := otlpPrefix + string(signal) + "_" + rest
			problems = append(problems, otlpVariables[rest].check(name, s.getenv(name)))
		}
	}
	return problems
}

// otlp gives a variable of the OTLP exporters: the signal's own where that is set.
func (s settings) otlp(of signal, rest string) string {
	return cmp.Or(strings.TrimSpace(s.getenv(otlpPrefix+string(of)+"_"+rest)), strings.TrimSpace(s.getenv(otlpPrefix+rest)))
}

func (s settings) endpoint(of signal) string { return s.otlp(of, "ENDPOINT") }

// grpc says whether a signal goes over gRPC. The default is HTTP, as the specification has it.
func (s settings) grpc(of signal) bool { return s.otlp(of, "PROTOCOL") == "grpc" }

// tracecontext says whether trace contexts are read and written.
func (s settings) tracecontext() bool {
	value := strings.TrimSpace(s.getenv("OTEL_PROPAGATORS"))
	return value == "" || slices.Contains(exporterList(value), "tracecontext")
}

// parentBased says whether the sampler leaves out what is within a span that was left out, as the default does.
func (s settings) parentBased() bool {
	value := strings.TrimSpace(s.getenv("OTEL_TRACES_SAMPLER"))
	return value == "" || strings.HasPrefix(value, "parentbased_")
}

// rootSampler decides like the SDK's sampler about traces that begin here. It is nil where all are sampled.
func (s settings) rootSampler() sdktrace.Sampler {
	value := strings.TrimSpace(s.getenv("OTEL_TRACES_SAMPLER"))
	switch strings.TrimPrefix(value, "parentbased_") {
	case "always_off":
		return sdktrace.NeverSample()
	case "traceidratio":
		ratio, err := strconv.ParseFloat(strings.TrimSpace(s.getenv("OTEL_TRACES_SAMPLER_ARG")), 64)
		if err != nil {
			return nil // not set: checkRest has seen it. All are sampled then, by the specification
		}
		return sdktrace.TraceIDRatioBased(ratio)
	}
	return nil
}

// spanQueue is how many spans may wait for a collector.
func (s settings) spanQueue() int64 { return s.queue("OTEL_BSP_MAX_QUEUE_SIZE") }

// logQueue is how many log records may.
func (s settings) logQueue() int64 { return s.queue("OTEL_BLRP_MAX_QUEUE_SIZE") }

func (s settings) queue(variable string) int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(s.getenv(variable)), 10, 64)
	if err != nil {
		return sdktrace.DefaultMaxQueueSize // not set: checkRest has seen it. That of log records is the same, by the specification
	}
	return n
}
