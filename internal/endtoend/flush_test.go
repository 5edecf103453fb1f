package endtoend

import (
	"net"
	"os"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"
	"time"

	"github.com/whipper-sidecar/whipper/internal/telemetry/otlptest"
	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

// sendingAtTheEnd has a supervisor send no spans before its end.
func sendingAtTheEnd(s *supervisor) { s.cmd.Env = append(s.cmd.Env, "OTEL_BSP_SCHEDULE_DELAY=3600000") }

func TestTheLastSpansAreSentAfterTheDrain(t *testing.T) {
	t.Parallel()
	collector := otlptest.New(t)
	s := prepare(t, filepath.Join(t.TempDir(), "state"), "testdata/endings.py")
	exporting(s, collector, false)
	sendingAtTheEnd(s)
	s.begin()
	s.says(1, "pool default is ready")
	gate := filepath.Join(t.TempDir(), "gate")
	check(t, syscall.Mkfifo(gate, 0o600))
	job, err := s.client().Submit(t.Context(), whipper.SubmitParams{Method: "speak", Params: raw(t, "it runs", gate)})
	check(t, err)
	s.says(1, "it runs")
	s.signal(syscall.SIGTERM)
	s.says(1, "draining with 1 running call")
	if r := collector.Received(); len(r.Spans) > 0 {
		t.Errorf("%s came before the end", r)
	}
	check(t, os.WriteFile(gate, nil, 0))
	if code := s.exitCode(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	r := collector.Received()
	if all, complete := endings(r, job.ID, 1); !complete || len(r.Named("send default")) != 1 {
		t.Errorf("%s came, and of the last job %v", r, all)
	}
}

func TestTheEndDoesNotWaitForACollectorThatHangs(t *testing.T) {
	for name, test := range map[string]struct {
		again bool // a second signal comes
		why   string
	}{
		"for longer than five seconds": {false, "context deadline exceeded"},
		"after a second signal":        {true, "context canceled"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			collector, err := net.Listen("tcp", "127.0.0.1:0") // which answers nothing
			check(t, err)
			defer collector.Close()
			s := prepare(t, filepath.Join(t.TempDir(), "state"), "testdata/worker.py")
			s.cmd.Env = append(s.cmd.Env, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://"+collector.Addr().String(), "OTEL_EXPORTER_OTLP_TIMEOUT=3600000",
				"OTEL_BSP_EXPORT_TIMEOUT=3600000")
			sendingAtTheEnd(s)
			s.begin()
			s.says(1, "pool default is ready")
			must(t, s.dir, "call", "add", "1", "2")
			s.signal(syscall.SIGTERM)
			check(t, collector.(*net.TCPListener).SetDeadline(time.Now().Add(patience)))
			conn, err := collector.Accept()
			check(t, err)
			defer conn.Close()
			if test.again {
				s.signal(syscall.SIGTERM)
			}
			if code := s.exitCode(); code != 0 {
				t.Errorf("exit code %d", code)
			}
			if told := regexp.MustCompile(`the last telemetry may be lost.*` + test.why); !told.MatchString(s.stderr.String()) {
				t.Errorf("it did not say %q", told)
			}
		})
	}
}
