package endtoend

import (
	"context"
	"errors"
	"fmt"
	"os"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

// envApplication has the test's own program be a worker: that of an application in Go which has OpenTelemetry set up.
const envApplication = "WHIPPER_TEST_APPLICATION"

// serveApplication is that worker; it gives the exit code.
func serveApplication() int {
	ctx := context.Background()
	exporter, err := otlptracehttp.New(ctx)
	if err == nil {
		provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter))
		otel.SetTracerProvider(provider)
		err = whipper.Serve(ctx, whipper.Methods{
			"add": whipper.Func2(func(_ context.Context, a, b int) (int, error) { return a + b, nil }),
		})
		err = errors.Join(err, provider.Shutdown(ctx))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
