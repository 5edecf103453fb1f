package otlptest

import (
	"fmt"
	"slices"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
)

// Received is what a collector has got, in the order in which it came.
type Received struct {
	Spans   []Span
	Logs    []Log
	Metrics []*metricspb.Metric // each time that it was sent
	Ways    []string            // of each request: grpc, http, or http gzip where it was compressed
	Headers []string            // of each request: what its header authorization said
}

// Span is a span with what it is about and who made it.
type Span struct {
	*tracepb.Span
	Resource map[string]any
	Scope    string
	Schema   string
}

// Log is a log record with what it is about.
type Log struct {
	*logspb.LogRecord
	Resource map[string]any
}

// String tells how much it is.
func (r Received) String() string {
	return fmt.Sprintf("%d spans, %d log records and %d metrics in %d requests", len(r.Spans), len(r.Logs), len(r.Metrics), len(r.Ways))
}

// Named gives the spans with a name.
func (r Received) Named(name string) []Span {
	return slices.DeleteFunc(slices.Clone(r.Spans), func(s Span) bool { return s.Name != name })
}

// Metric gives a metric as it came last; nil: it did not.
func (r Received) Metric(name string) *metricspb.Metric {
	for _, m := range slices.Backward(r.Metrics) {
		if m.Name == name {
			return m
		}
	}
	return nil
}

// Attributes gives attributes by their keys: string, bool, int64, float64 or []any.
func Attributes(pairs []*commonpb.KeyValue) map[string]any {
	all := map[string]any{}
	for _, pair := range pairs {
		all[pair.Key] = Value(pair.Value)
	}
	return all
}

// Value gives a value as Go has it.
func Value(v *commonpb.AnyValue) any {
	switch v := v.GetValue().(type) {
	case *commonpb.AnyValue_StringValue:
		return v.StringValue
	case *commonpb.AnyValue_BoolValue:
		return v.BoolValue
	case *commonpb.AnyValue_IntValue:
		return v.IntValue
	case *commonpb.AnyValue_DoubleValue:
		return v.DoubleValue
	case *commonpb.AnyValue_ArrayValue:
		var all []any
		for _, element := range v.ArrayValue.Values {
			all = append(all, Value(element))
		}
		return all
	}
	return nil
}
