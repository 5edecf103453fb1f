package endtoend

import (
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/whipper-sidecar/whipper/internal/telemetry/otlptest"
	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

// ending is how a run and its request ended, by their spans: what does not depend on that is left out.
type ending struct {
	Run, Request             map[string]any
	Events, Links            []string
	RunStatus, RequestStatus string
}

// varying are the attributes that depend on how a run ends.
var varying = []string{
	"whipper.job.run", "whipper.job.attempt", "whipper.outcome", "error.type", "process.exit.code", "whipper.exit.signal", "rpc.response.status_code",
}

// process is how whipper's errors name one.
var process = regexp.MustCompile(`worker w\d+ \(pid \d+\)`)

// endings gives those of a job's runs, in their order; false: not all have come.
func endings(r otlptest.Received, job int64, runs int) (all []ending, complete bool) {
	pick := func(s otlptest.Span) map[string]any {
		picked := map[string]any{}
		for _, key := range varying {
			if value, has := otlptest.Attributes(s.Attributes)[key]; has {
				picked[key] = value
			}
		}
		return picked
	}
	names := map[string]string{}
	for _, run := range runsOf(r, job) {
		v := seen(run)
		names[hex.EncodeToString(run.SpanId)] = fmt.Sprintf("run %v", v.Attributes["whipper.job.run"])
		e := ending{Run: pick(run), Events: v.Events, RunStatus: process.ReplaceAllString(v.Status, "the worker")}
		for _, link := range v.Links {
			kind, to, _ := strings.Cut(link, " ")
			e.Links = append(e.Links, kind+" "+names[to])
		}
		for _, request := range r.Spans {
			if kindOf(request) == "client" && string(request.ParentSpanId) == string(run.SpanId) {
				e.Request, e.RequestStatus = pick(request), process.ReplaceAllString(seen(request).Status, "the worker")
			}
		}
		complete = e.Request != nil
		all = append(all, e)
	}
	return all, complete && len(all) == runs
}

// runsOf gives the spans of a job's runs.
func runsOf(r otlptest.Received, job int64) (runs []otlptest.Span) {
	for _, span := range r.Named("process default") {
		if otlptest.Attributes(span.Attributes)["messaging.message.id"] == strconv.FormatInt(job, 10) {
			runs = append(runs, span)
		}
	}
	return runs
}

// charged is the attributes of a run that was charged, as all before it were.
func charged(outcome string, attempt int64, more ...any) map[string]any {
	return attributes(append(more, "whipper.outcome", outcome, "whipper.job.run", attempt, "whipper.job.attempt", attempt)...)
}

func attributes(pairs ...any) map[string]any {
	all := map[string]any{}
	for i := 0; i < len(pairs); i += 2 {
		all[pairs[i].(string)] = pairs[i+1]
	}
	return all
}

func TestHowARunEndsShowsInItsSpans(t *testing.T) {
	t.Parallel()
	collector := otlptest.New(t)
	s := traced(t, filepath.Join(t.TempDir(), "state"), collector, false, "--at-capacity", "drop", "testdata/endings.py")
	c := s.client()
	file := func() string { return filepath.Join(t.TempDir(), "file") }
	for _, test := range []struct {
		name string
		job  whipper.SubmitParams
		want []ending
	}{
		{
			"a crash by an exit", whipper.SubmitParams{Method: "exits", Params: raw(t, 7), MaxAttempts: 1},
			[]ending{{
				Run:    charged("crashed", 1, "error.type", "crashed", "process.exit.code", int64(7)),
				Events: []string{"whipper.crash map[process.exit.code:7]"}, RunStatus: "ERROR: the worker ended with exit code 7",
				Request: attributes("error.type", "crashed"), RequestStatus: "ERROR: crashed",
			}},
		},
		{
			"a crash by a signal", whipper.SubmitParams{Method: "killed", MaxAttempts: 1},
			[]ending{{
				Run:    charged("crashed", 1, "error.type", "crashed", "whipper.exit.signal", "SIGKILL"),
				Events: []string{"whipper.crash map[whipper.exit.signal:SIGKILL]"}, RunStatus: "ERROR: the worker ended with signal SIGKILL",
				Request: attributes("error.type", "crashed"), RequestStatus: "ERROR: crashed",
			}},
		},
		{
			"a timeout", whipper.SubmitParams{Method: "hangs", TimeoutMs: 100, MaxAttempts: 1},
			[]ending{{
				Run:    charged("timeout", 1, "error.type", "timeout"),
				Events: []string{"whipper.timeout"}, RunStatus: "ERROR: no answer within 100ms",
				Request: attributes("error.type", "timeout"), RequestStatus: "ERROR: timeout",
			}},
		},
		{
			"a failure for good", whipper.SubmitParams{Method: "fails"},
			[]ending{{
				Run: charged("error", 1, "error.type", "1"), RunStatus: "ERROR: no more ink",
				Request: attributes("error.type", "1", "rpc.response.status_code", "1"), RequestStatus: "ERROR: no more ink",
			}},
		},
		{
			"a retry", whipper.SubmitParams{Method: "exits", Params: raw(t, 7), MaxAttempts: 2, Backoff: soon},
			[]ending{{
				Run:       charged("crashed", 1, "error.type", "crashed", "process.exit.code", int64(7)),
				Events:    []string{"whipper.crash map[process.exit.code:7]", "whipper.retry map[whipper.retry.delay:0.001]"},
				RunStatus: "ERROR: the worker ended with exit code 7",
				Request:   attributes("error.type", "crashed"), RequestStatus: "ERROR: crashed",
			}, {
				Run:    charged("crashed", 2, "error.type", "crashed", "process.exit.code", int64(7)),
				Events: []string{"whipper.crash map[process.exit.code:7]"}, Links: []string{"previous run 1"},
				RunStatus: "ERROR: the worker ended with exit code 7",
				Request:   attributes("error.type", "crashed"), RequestStatus: "ERROR: crashed",
			}},
		},
		{
			"a snooze", whipper.SubmitParams{Method: "naps", Params: raw(t, file())},
			[]ending{{
				Run:     charged("snoozed", 1),
				Events:  []string{"whipper.snooze map[whipper.retry.delay:0.1]"},
				Request: attributes("error.type", "1", "rpc.response.status_code", "1"), RequestStatus: "ERROR: run again in 100 ms",
			}, {
				Run:   attributes("whipper.outcome", "succeeded", "whipper.job.run", int64(2), "whipper.job.attempt", int64(1)),
				Links: []string{"previous run 1"}, Request: attributes(),
			}},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			job, err := c.Submit(t.Context(), test.job)
			check(t, err)
			s.await(c, job.ID)
			var got []ending
			collector.Await("the spans of its runs", func(r otlptest.Received) (complete bool) {
				got, complete = endings(r, job.ID, len(test.want))
				return complete
			})
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}

	hanging := func(t *testing.T) (job int64) { // which runs
		gate := file()
		check(t, syscall.Mkfifo(gate, 0o600))
		submitted, err := c.Submit(t.Context(), whipper.SubmitParams{Method: "hangs", Params: raw(t, gate)})
		check(t, err)
		_, err = os.ReadFile(gate)
		check(t, err)
		return submitted.ID
	}
	t.Run("a cancellation while it runs", func(t *testing.T) {
		running := hanging(t)
		_, err := c.Cancel(t.Context(), whipper.CancelJobsParams{IDs: []int64{running}})
		check(t, err)
		s.await(c, running)
		var got []ending
		collector.Await("the spans of its run", func(r otlptest.Received) (complete bool) {
			got, complete = endings(r, running, 1)
			return complete
		})
		want := []ending{{
			Run: charged("cancelled", 1), Events: []string{"whipper.cancel"},
			Request: attributes("error.type", "-32800", "rpc.response.status_code", "-32800"), RequestStatus: "ERROR: the call was cancelled",
		}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})

	// What no worker has had is a span of its sending alone.
	var unrun []int64
	t.Run("a drop", func(t *testing.T) {
		running := hanging(t)
		_, meta, err := c.Invoke(t.Context(), whipper.InvokeParams{Method: "fails"})
		if err != nil || !meta.Dropped {
			t.Errorf("got %+v, %v", meta, err)
		}
		unrun = append(unrun, meta.Job)
		_, err = c.Cancel(t.Context(), whipper.CancelJobsParams{IDs: []int64{running}})
		check(t, err)
		s.await(c, running)
	})
	_, err := c.Pause(t.Context(), whipper.PauseParams{Method: "fails"})
	check(t, err)
	t.Run("a cancellation while it is queued", func(t *testing.T) {
		job, err := c.Submit(t.Context(), whipper.SubmitParams{Method: "fails"})
		check(t, err)
		_, err = c.Cancel(t.Context(), whipper.CancelJobsParams{IDs: []int64{job.ID}})
		check(t, err)
		if end := s.await(c, job.ID); end.State != "cancelled" {
			t.Errorf("it is %s", end.State)
		}
		unrun = append(unrun, job.ID)
	})
	t.Run("an expiry", func(t *testing.T) {
		expires := whipper.Time{Time: time.Now().Add(50 * time.Millisecond)}
		job, err := c.Submit(t.Context(), whipper.SubmitParams{Method: "fails", ExpiresAt: &expires})
		check(t, err)
		if end := s.await(c, job.ID); end.State != "failed" {
			t.Errorf("it is %s", end.State)
		}
		unrun = append(unrun, job.ID)
	})
	stop(t, s)
	r := collector.Received()
	for _, job := range unrun {
		sent := 0
		for _, span := range r.Named("send default") {
			if v := seen(span); v.Attributes["messaging.message.id"] == strconv.FormatInt(job, 10) {
				sent++
				if v.Status != "" || v.Events != nil || v.Attributes["error.type"] != nil {
					t.Errorf("job %d was sent as %v", job, v)
				}
			}
		}
		if runs := runsOf(r, job); sent != 1 || len(runs) > 0 {
			t.Errorf("job %d has %d spans of its sending, and the runs %v", job, sent, runs)
		}
	}
}
