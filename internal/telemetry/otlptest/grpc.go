package otlptest

import (
	"context"
	"net"
	"strings"
	"sync"

	collogspb "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	colmetricspb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	_ "google.golang.org/grpc/encoding/gzip" // so that the server takes compressed requests
	"google.golang.org/grpc/metadata"
)

// serveGRPC serves all three signals.
func (c *Collector) serveGRPC(l net.Listener) (stop func()) {
	server := grpc.NewServer()
	coltracepb.RegisterTraceServiceServer(server, traceService{collector: c})
	colmetricspb.RegisterMetricsServiceServer(server, metricsService{collector: c})
	collogspb.RegisterLogsServiceServer(server, logsService{collector: c})
	var done sync.WaitGroup
	done.Go(func() { _ = server.Serve(l) }) // nil once it is stopped
	return func() {
		server.Stop()
		done.Wait()
	}
}

type traceService struct {
	coltracepb.UnimplementedTraceServiceServer
	collector *Collector
}

func (s traceService) Export(ctx context.Context, r *coltracepb.ExportTraceServiceRequest) (*coltracepb.ExportTraceServiceResponse, error) {
	s.collector.traces(cameByGRPC(ctx), r)
	return &coltracepb.ExportTraceServiceResponse{}, nil
}

type metricsService struct {
	colmetricspb.UnimplementedMetricsServiceServer
	collector *Collector
}

func (s metricsService) Export(ctx context.Context, r *colmetricspb.ExportMetricsServiceRequest) (*colmetricspb.ExportMetricsServiceResponse, error) {
	s.collector.metrics(cameByGRPC(ctx), r)
	return &colmetricspb.ExportMetricsServiceResponse{}, nil
}

type logsService struct {
	collogspb.UnimplementedLogsServiceServer
	collector *Collector
}

func (s logsService) Export(ctx context.Context, r *collogspb.ExportLogsServiceRequest) (*collogspb.ExportLogsServiceResponse, error) {
	s.collector.logs(cameByGRPC(ctx), r)
	return &collogspb.ExportLogsServiceResponse{}, nil
}

func cameByGRPC(ctx context.Context) came {
	md, _ := metadata.FromIncomingContext(ctx)
	return came{"grpc", strings.Join(md.Get("authorization"), ",")}
}
