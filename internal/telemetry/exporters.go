package telemetry

import (
	"context"
	"io"

	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/exporters/stdout/stdoutlog"
	"go.opentelemetry.io/otel/exporters/stdout/stdoutmetric"
	"go.opentelemetry.io/otel/exporters/stdout/stdouttrace"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// The exporters of each signal by the name that a variable gives them (ADR 45: why not by way of contrib's autoexport). They read what else they
// need from the environment.

func (s settings) spanExporter(ctx context.Context, name string, console io.Writer) (sdktrace.SpanExporter, error) {
	switch {
	case name == "console":
		return stdouttrace.New(stdouttrace.WithWriter(console))
	case s.grpc(traces):
		return otlptracegrpc.New(ctx)
	}
	return otlptracehttp.New(ctx)
}

func (s settings) metricExporter(ctx context.Context, name string, console io.Writer) (sdkmetric.Exporter, error) {
	switch {
	case name == "console":
		return stdoutmetric.New(stdoutmetric.WithWriter(console))
	case s.grpc(metrics):
		return otlpmetricgrpc.New(ctx)
	}
	return otlpmetrichttp.New(ctx)
}

func (s settings) logExporter(ctx context.Context, name string, console io.Writer) (sdklog.Exporter, error) {
	switch {
	case name == "console":
		return stdoutlog.New(stdoutlog.WithWriter(console))
	case s.grpc(logs):
		return otlploggrpc.New(ctx)
	}
	return otlploghttp.New(ctx)
}
