package otlptest

import (
	"compress/gzip"
	"io"
	"net"
	"net/http"
	"sync"

	collogspb "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	colmetricspb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"
)

// serveHTTP serves all three signals, in protobuf only.
func (c *Collector) serveHTTP(l net.Listener) (stop func()) {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/traces", func(w http.ResponseWriter, r *http.Request) {
		var request coltracepb.ExportTraceServiceRequest
		if how, ok := decode(w, r, &request); ok {
			c.traces(how, &request)
			answer(w, &coltracepb.ExportTraceServiceResponse{})
		}
	})
	mux.HandleFunc("POST /v1/metrics", func(w http.ResponseWriter, r *http.Request) {
		var request colmetricspb.ExportMetricsServiceRequest
		if how, ok := decode(w, r, &request); ok {
			c.metrics(how, &request)
			answer(w, &colmetricspb.ExportMetricsServiceResponse{})
		}
	})
	mux.HandleFunc("POST /v1/logs", func(w http.ResponseWriter, r *http.Request) {
		var request collogspb.ExportLogsServiceRequest
		if how, ok := decode(w, r, &request); ok {
			c.logs(how, &request)
			answer(w, &collogspb.ExportLogsServiceResponse{})
		}
	})
	server := &http.Server{Handler: mux}
	var done sync.WaitGroup
	done.Go(func() { _ = server.Serve(l) }) // ErrServerClosed once it is
	return func() {
		_ = server.Close()
		done.Wait()
	}
}

// decode reads a request's body, or answers that it cannot.
func decode(w http.ResponseWriter, r *http.Request, into proto.Message) (how came, ok bool) {
	how = came{"http", r.Header.Get("Authorization")}
	if r.Header.Get("Content-Type") != "application/x-protobuf" {
		http.Error(w, "not protobuf", http.StatusUnsupportedMediaType)
		return how, false
	}
	var body io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		how.way = "http gzip"
		unzipped, err := gzip.NewReader(body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return how, false
		}
		body = unzipped
	}
	raw, err := io.ReadAll(body)
	if err == nil {
		err = proto.Unmarshal(raw, into)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return how, false
	}
	return how, true
}

func answer(w http.ResponseWriter, response proto.Message) {
	raw, err := proto.Marshal(response)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
	_, _ = w.Write(raw)
}
