package otlptest

import (
	collogspb "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	colmetricspb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
)

// came is how a request came.
type came struct{ way, authorization string }

func (r *Received) note(how came) {
	r.Ways = append(r.Ways, how.way)
	r.Headers = append(r.Headers, how.authorization)
}

func (c *Collector) traces(how came, request *coltracepb.ExportTraceServiceRequest) {
	c.add(func(r *Received) {
		r.note(how)
		for _, about := range request.ResourceSpans {
			for _, by := range about.ScopeSpans {
				for _, span := range by.Spans {
					r.Spans = append(r.Spans, Span{span, Attributes(about.GetResource().GetAttributes()), by.GetScope().GetName(), by.SchemaUrl})
				}
			}
		}
	})
}

func (c *Collector) metrics(how came, request *colmetricspb.ExportMetricsServiceRequest) {
	c.add(func(r *Received) {
		r.note(how)
		for _, about := range request.ResourceMetrics {
			for _, by := range about.ScopeMetrics {
				r.Metrics = append(r.Metrics, by.Metrics...)
			}
		}
	})
}

func (c *Collector) logs(how came, request *collogspb.ExportLogsServiceRequest) {
	c.add(func(r *Received) {
		r.note(how)
		for _, about := range request.ResourceLogs {
			for _, by := range about.ScopeLogs {
				for _, record := range by.LogRecords {
					r.Logs = append(r.Logs, Log{record, Attributes(about.GetResource().GetAttributes())})
				}
			}
		}
	})
}
