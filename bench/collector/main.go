// Collector takes what OpenTelemetry sends by gRPC and keeps nothing of it. It prints its address, and when its stdin ends the number of spans that came.
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"sync/atomic"

	collogspb "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	colmetricspb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "collector:", err)
		os.Exit(1)
	}
}

func run() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	var came spans
	server := grpc.NewServer()
	coltracepb.RegisterTraceServiceServer(server, &came)
	colmetricspb.RegisterMetricsServiceServer(server, metrics{})
	collogspb.RegisterLogsServiceServer(server, logs{})
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	fmt.Println(listener.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin) // ends when whoever measures wants the number, or has gone
	server.Stop()
	fmt.Println(came.number.Load())
	return <-ended
}

type spans struct {
	coltracepb.UnimplementedTraceServiceServer
	number atomic.Int64
}

func (s *spans) Export(_ context.Context, r *coltracepb.ExportTraceServiceRequest) (*coltracepb.ExportTraceServiceResponse, error) {
	for _, about := range r.ResourceSpans {
		for _, by := range about.ScopeSpans {
			s.number.Add(int64(len(by.Spans)))
		}
	}
	return &coltracepb.ExportTraceServiceResponse{}, nil
}

type metrics struct {
	colmetricspb.UnimplementedMetricsServiceServer
}

func (metrics) Export(context.Context, *colmetricspb.ExportMetricsServiceRequest) (*colmetricspb.ExportMetricsServiceResponse, error) {
	return &colmetricspb.ExportMetricsServiceResponse{}, nil
}

type logs struct {
	collogspb.UnimplementedLogsServiceServer
}

func (logs) Export(context.Context, *collogspb.ExportLogsServiceRequest) (*collogspb.ExportLogsServiceResponse, error) {
	return &collogspb.ExportLogsServiceResponse{}, nil
}
