package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/whipper-sidecar/whipper/internal/telemetry/otlptest"
	"github.com/whipper-sidecar/whipper/internal/telemetry/signals"
)

const (
	toldLost  = "telemetry cannot be delivered"
	toldAgain = "telemetry is delivered again"
)

func TestAnOutageIsToldOnceAndItsEndOnce(t *testing.T) {
	for _, protocol := range []string{"grpc", "http/protobuf"} {
		for _, how := range []struct {
			name string
			fail func(*otlptest.Collector)
		}{{"killed", (*otlptest.Collector).Stop}, {"hangs", (*otlptest.Collector).Hang}} {
			t.Run(protocol+" "+how.name, func(t *testing.T) {
				c := otlptest.New(t)
				endpoint := c.HTTP() + "/v1/metrics"
				if protocol == "grpc" {
					endpoint = c.GRPC()
				}
				// Metrics are sent again and again by themselves.
				setenv(t, "OTEL_METRICS_EXPORTER=otlp", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT="+endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL="+protocol)
				tel, said := start(t, Options{})
				counter, err := tel.Meter().Int64Counter("a.metric")
				if err != nil {
					t.Fatal(err)
				}
				counter.Add(t.Context(), 1)
				for outage := 1; outage <= 2; outage++ {
					before := len(c.Received().Ways)
					c.Await("another request", func(r otlptest.Received) bool { return len(r.Ways) > before })
					how.fail(c)
					said.await(toldLost, outage)
					c.Start()
					said.await(toldAgain, outage)
				}
				said.inTurn(toldLost, toldAgain) // a collector that is slow may have been given up once more
			})
		}
	}
}

// queued are the signals that wait in queues.
var queued = []struct {
	of       signal
	counted  string // as in the metric's name
	variable string // what its queue's variables begin with
	emit     func(context.Context, *Telemetry)
}{
	{traces, "spans", "OTEL_BSP_", func(ctx context.Context, tel *Telemetry) {
		_, span := tel.Tracer().Start(ctx, "s")
		span.End()
	}},
	{logs, "logs", "OTEL_BLRP_", func(ctx context.Context, tel *Telemetry) {
		_ = tel.Lines().Handle(ctx, slog.NewRecord(time.Now(), slog.LevelInfo, "a line", 0))
	}},
}

func TestAnOutageOfWhatWaitsInQueuesIsToldOnceToo(t *testing.T) {
	for _, q := range queued {
		t.Run(q.counted, func(t *testing.T) {
			c := otlptest.New(t)
			setenv(t, "OTEL_EXPORTER_OTLP_"+string(q.of)+"_ENDPOINT="+c.HTTP()+"/v1/"+strings.ToLower(string(q.of)))
			tel, said := start(t, Options{})
			ctx, end := context.WithCancel(t.Context())
			var emitting sync.WaitGroup
			emitting.Go(func() {
				pace := time.NewTicker(time.Millisecond)
				defer pace.Stop()
				for ctx.Err() == nil {
					q.emit(ctx, tel)
					<-pace.C
				}
			})
			defer emitting.Wait()
			defer end()
			c.Await("a request", func(r otlptest.Received) bool { return len(r.Ways) > 0 })
			c.Stop()
			said.await(toldLost, 1)
			c.Start()
			said.await(toldAgain, 1)
			said.inTurn(toldLost, toldAgain) // a collector that is slow may have been given up once more
		})
	}
}

func TestWhatAQueueHasNoRoomForIsCounted(t *testing.T) {
	for _, q := range queued {
		t.Run(q.counted, func(t *testing.T) {
			c := otlptest.New(t)
			c.Hang()
			setenv(t, "OTEL_"+string(q.of)+"_EXPORTER=otlp", "OTEL_EXPORTER_OTLP_ENDPOINT="+c.HTTP(), q.variable+"MAX_QUEUE_SIZE=10", q.variable+"MAX_EXPORT_BATCH_SIZE=4",
				"OTEL_EXPORTER_OTLP_TIMEOUT=3600000", q.variable+"EXPORT_TIMEOUT=3600000")
			tel, _ := start(t, Options{Scrape: true})
			const all = 1000
			for range all { // nothing here waits for the collector
				q.emit(t.Context(), tel)
			}
			if n := dropped(t, tel, q.counted, signals.DropQueueFull); n != all-10 {
				t.Errorf("%d were dropped because of the queue, which holds 10", n)
			}
		})
	}
}

func TestWhatTheCollectorDoesNotTakeIsCounted(t *testing.T) {
	for _, q := range queued {
		t.Run(q.counted, func(t *testing.T) {
			c := otlptest.New(t)
			c.Stop()
			// The third sends all three, and nothing else is sent, whose failure would be told first.
			setenv(t, append(slices.Clip(unhurried), "OTEL_EXPORTER_OTLP_"+string(q.of)+"_ENDPOINT="+c.HTTP()+"/v1/"+strings.ToLower(string(q.of)),
				q.variable+"MAX_EXPORT_BATCH_SIZE=3", q.variable+"SCHEDULE_DELAY=3600000")...)
			tel, said := start(t, Options{Scrape: true})
			for range 3 {
				q.emit(t.Context(), tel)
			}
			said.await(toldLost, 1)
			if n := dropped(t, tel, q.counted, signals.DropExportFailed); n != 3 {
				t.Errorf("%d were lost, not 3", n)
			}
			c.Start()
			for range 3 {
				q.emit(t.Context(), tel)
			}
			said.await("lost=3", 1)
		})
	}
}

func TestARoomyQueueDropsNothing(t *testing.T) {
	for _, q := range queued {
		t.Run(q.counted, func(t *testing.T) {
			c := otlptest.New(t)
			setenv(t, append(slices.Clip(unhurried), "OTEL_"+string(q.of)+"_EXPORTER=otlp", "OTEL_EXPORTER_OTLP_ENDPOINT="+c.HTTP(),
				q.variable+"MAX_QUEUE_SIZE=100")...)
			tel, _ := start(t, Options{Scrape: true})
			for n := range 50 { // three times what the queue holds, but not at once
				for range 6 {
					q.emit(t.Context(), tel)
				}
				c.Await("all of them", func(r otlptest.Received) bool { return len(r.Spans)+len(r.Logs) == 6*(n+1) })
			}
			if n := dropped(t, tel, q.counted, signals.DropQueueFull) + dropped(t, tel, q.counted, signals.DropExportFailed); n != 0 {
				t.Errorf("%d were dropped", n)
			}
		})
	}
}

func TestSignalsOfOneCollectorFailTogether(t *testing.T) {
	said := newTold(t)
	o := outages{log: slog.New(slog.NewTextHandler(said, nil)), all: map[string]*outage{}}
	a, b := o.at("http://a"), o.at("http://b")
	if o.at("http://a") != a {
		t.Fatal("a collector has two outages")
	}
	refused := errors.New("connection refused")
	for _, step := range []struct {
		where       *outage
		of          signal
		err         error
		lost, again int // told by then
	}{
		{a, traces, nil, 0, 0},
		{a, traces, refused, 1, 0},
		{a, logs, refused, 1, 0},
		{b, metrics, nil, 1, 0},
		{b, metrics, refused, 2, 0},
		{a, metrics, nil, 2, 0}, // that signal has not failed
		{a, logs, nil, 2, 1},
		{a, traces, nil, 2, 1},
		{b, metrics, nil, 2, 2},
		{a, logs, refused, 3, 2},
	} {
		err := step.where.note(step.of, 1, step.err)
		if !errors.Is(err, step.err) {
			t.Fatalf("got %v", err)
		}
		said.await(toldLost, step.lost)
		said.await(toldAgain, step.again)
		said.atMost(toldLost, step.lost)
		said.atMost(toldAgain, step.again)
	}
	said.await("lost=2", 1)
}

func TestTheSDKsComplaintsAreToldOnceAMinute(t *testing.T) {
	said := newTold(t)
	c := &complaints{log: slog.New(slog.NewTextHandler(said, nil))}
	c.Handle(fmt.Errorf("export: %w", reportedError{errors.New("refused")}))
	said.atMost("refused", 0)
	for range 5 {
		c.Handle(errors.New("partial success"))
	}
	said.await("partial success", 1)
	said.atMost("partial success", 1)
	c.last = c.last.Add(-complaintInterval)
	c.Handle(errors.New("partial success"))
	said.await("untold=4", 1)
}
