package telemetry

import (
	"context"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	for _, assignment := range os.Environ() { // what this machine sends is no matter of the tests
		if name, _, _ := strings.Cut(assignment, "="); strings.HasPrefix(name, "OTEL_") {
			_ = os.Unsetenv(name)
		}
	}
	goleak.VerifyTestMain(m)
}

// setenv sets variables for one test, and has exporters send at once and give up soon.
func setenv(t *testing.T, assignments ...string) {
	t.Helper()
	quick := []string{
		"OTEL_BSP_SCHEDULE_DELAY=1", "OTEL_BLRP_SCHEDULE_DELAY=1", "OTEL_METRIC_EXPORT_INTERVAL=20", "OTEL_EXPORTER_OTLP_TIMEOUT=300",
		"OTEL_BSP_EXPORT_TIMEOUT=300", "OTEL_BLRP_EXPORT_TIMEOUT=300", "OTEL_METRIC_EXPORT_TIMEOUT=300",
	}
	for _, assignment := range append(quick, assignments...) {
		name, value, _ := strings.Cut(assignment, "=")
		t.Setenv(name, value)
	}
}

// unhurried has exporters wait for the collector, for tests in which it always answers, maybe late.
var unhurried = []string{
	"OTEL_EXPORTER_OTLP_TIMEOUT=60000", "OTEL_BSP_EXPORT_TIMEOUT=60000", "OTEL_BLRP_EXPORT_TIMEOUT=60000", "OTEL_METRIC_EXPORT_TIMEOUT=60000",
}

// start gives telemetry that is shut down at the end of the test, and what it tells.
func start(t *testing.T, o Options) (*Telemetry, *told) {
	t.Helper()
	said := newTold(t)
	if o.Logger == nil {
		o.Logger = slog.New(slog.NewTextHandler(said, nil))
	}
	if o.Console == nil {
		o.Console = said
	}
	o.Version = "1.2.3"
	tel, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond) // the test has seen what it wants
		defer cancel()
		_ = tel.Shutdown(ctx)
	})
	return tel, said
}

// told keeps lines that were written.
type told struct {
	t       *testing.T
	mu      sync.Mutex
	text    strings.Builder
	changed chan struct{}
}

func newTold(t *testing.T) *told { return &told{t: t, changed: make(chan struct{})} }

func (s *told) Write(line []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.changed)
	s.changed = make(chan struct{})
	return s.text.Write(line)
}

func (s *told) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// await waits until text was written n times.
func (s *told) await(text string, n int) {
	s.t.Helper()
	timeout := time.After(30 * time.Second)
	for {
		s.mu.Lock()
		so, changed := s.text.String(), s.changed
		s.mu.Unlock()
		if strings.Count(so, text) >= n {
			return
		}
		select {
		case <-changed:
		case <-timeout:
			s.t.Fatalf("%q was not written %d times:\n%s", text, n, so)
		}
	}
}

// atMost fails the test if text was written more than n times.
func (s *told) atMost(text string, n int) {
	s.t.Helper()
	if so := s.String(); strings.Count(so, text) > n {
		s.t.Errorf("%q was written more than %d times:\n%s", text, n, so)
	}
}

// inTurn fails the test if one of two texts was written twice without the other in between.
func (s *told) inTurn(first, second string) {
	s.t.Helper()
	var last string
	for line := range strings.Lines(s.String()) {
		for _, text := range []string{first, second} {
			if !strings.Contains(line, text) {
				continue
			}
			if text == last || last == "" && text == second {
				s.t.Errorf("%q was written after %q:\n%s", text, last, s)
				return
			}
			last = text
		}
	}
}
