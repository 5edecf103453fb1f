package telemetry

import (
	"cmp"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
)

// scraper is for Prometheus, which comes and reads the metrics.
type scraper struct {
	reader  *otelprometheus.Exporter
	handler http.Handler
}

func newScraper() (*scraper, error) {
	registry := prometheus.NewRegistry()                                                                          // not the global one: it has Go's own metrics in it
	reader, err := otelprometheus.New(otelprometheus.WithRegisterer(registry), otelprometheus.WithoutScopeInfo()) // there is one scope
	if err != nil {
		return nil, fmt.Errorf("make the exporter prometheus of metrics: %w", err)
	}
	return &scraper{reader, promhttp.HandlerFor(registry, promhttp.HandlerOpts{})}, nil
}

// serve answers at /metrics until the server is shut down.
func (s *scraper) serve(address string) (*http.Server, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("serve metrics at OTEL_EXPORTER_PROMETHEUS_HOST and OTEL_EXPORTER_PROMETHEUS_PORT: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("/metrics", s.handler)
	server := &http.Server{Handler: mux, ReadTimeout: 5 * time.Second, WriteTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
	go func() { // ends with Shutdown, which closes the listener
		if err := server.Serve(listener); err != http.ErrServerClosed {
			otel.Handle(fmt.Errorf("serve metrics at %s: %w", address, err))
		}
	}()
	return server, nil
}

// serves says whether the environment asks for a server of metrics.
func (s settings) serves() bool { return slices.Contains(s.exporters[metrics], "prometheus") }

// prometheusAddress is where: by default what the specification says.
func (s settings) prometheusAddress() string {
	host := cmp.Or(strings.TrimSpace(s.getenv("OTEL_EXPORTER_PROMETHEUS_HOST")), "localhost")
	return net.JoinHostPort(host, cmp.Or(strings.TrimSpace(s.getenv("OTEL_EXPORTER_PROMETHEUS_PORT")), "9464"))
}
