package whipper_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

func TestEventsTellWhatHappensFromTheSubscriptionOn(t *testing.T) {
	c, ctx := connect(t)
	events, err := c.Events(ctx, whipper.EventFilter{Types: []string{"job"}})
	if err != nil {
		t.Fatal(err)
	}
	const calls = 50
	for i := range calls {
		if _, _, err := c.Invoke(ctx, whipper.InvokeParams{Method: "sayHi", Params: args(t, fmt.Sprint(i))}); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := c.Invoke(ctx, whipper.InvokeParams{Method: "fail"}); err == nil {
		t.Fatal("it did not fail")
	}
	succeeded := 0
	for e, err := range events {
		if err != nil {
			t.Fatal(err)
		}
		if e.Lost != 0 || e.Subscription != 0 || e.Job == nil || e.Pool != "default" {
			t.Errorf("event = %+v", e)
		}
		if e.Type == whipper.EventJobSucceeded {
			succeeded++
		}
		if e.Type == whipper.EventJobFailed {
			if *e.Job.Error != (whipper.EventError{Code: 1, Type: "PrinterError", Message: "out of paper"}) {
				t.Errorf("error = %+v", e.Job.Error)
			}
			break
		}
	}
	if succeeded != calls {
		t.Errorf("%d of %d calls were told to have succeeded", succeeded, calls)
	}
	if _, err := c.Ping(ctx); err != nil {
		t.Errorf("after the loop was left: %v", err)
	}
}

func TestEventsEndWithTheirContext(t *testing.T) {
	c, ctx := connect(t)
	for range 40 { // more than a connection may have: those that are over count no more
		ctx, cancel := context.WithCancel(ctx)
		events, err := c.Events(ctx, whipper.EventFilter{Types: []string{"worker:inactivity-timeout"}})
		if err != nil {
			t.Fatal(err)
		}
		cancel()
		for _, err := range events {
			if !errors.Is(err, context.Canceled) {
				t.Errorf("it ended with %v", err)
			}
		}
	}
}

func TestSubscriptionsThatAreRefusedSayWhy(t *testing.T) {
	c, ctx := connect(t)
	_, err := c.Events(ctx, whipper.EventFilter{Types: []string{"jobs"}})
	var refused *whipper.Error
	if !errors.As(err, &refused) || refused.Code != whipper.CodeInvalidParams {
		t.Errorf("err = %v", err)
	}
}

func TestALoopThatIsSlowIsToldWhatItMissed(t *testing.T) {
	c, ctx := connect(t)
	events, err := c.Events(ctx, whipper.EventFilter{Types: []string{"job:progress", "job:succeeded"}})
	if err != nil {
		t.Fatal(err)
	}
	const values = 5000 // more than wait for a loop
	params := make([]any, values)
	for i := range params {
		params[i] = i
	}
	if _, _, err := c.Invoke(ctx, whipper.InvokeParams{Method: "tell", Params: args(t, params...)}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Ping(ctx); err != nil { // nothing else is held up
		t.Fatal(err)
	}
	known, lost := int64(0), int64(0)
	for e, err := range events {
		if err != nil {
			t.Fatal(err)
		}
		known, lost = known+1, lost+e.Lost
		if e.Type == whipper.EventJobSucceeded {
			break
		}
	}
	if lost == 0 || known+lost != values+1 {
		t.Errorf("%d events came and %d were lost, of %d", known, lost, values+1)
	}
}

func TestProgressIsToldOnTheWayToTheResult(t *testing.T) {
	c, ctx := connect(t)
	var told []string
	result, meta, err := c.InvokeProgress(ctx, whipper.InvokeParams{Method: "tell", Params: args(t, 0.5, map[string]int{"progress": 1}, "<x>")},
		func(p whipper.ProgressUpdate) { told = append(told, fmt.Sprintf("%d %s", p.Job, p.Value)) })
	if err != nil || string(result) != `"told"` {
		t.Fatalf("result = %s %v", result, err)
	}
	want := []string{fmt.Sprintf("%d 0.5", meta.Job), fmt.Sprintf(`%d {"progress":1}`, meta.Job), fmt.Sprintf(`%d "<x>"`, meta.Job)}
	if !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}

	heard := filepath.Join(t.TempDir(), "heard") // until it is there the job goes on telling
	s, err := c.Submit(ctx, whipper.SubmitParams{Method: "repeat", Params: args(t, heard)})
	if err != nil {
		t.Fatal(err)
	}
	told = nil
	jobs, err := c.WaitProgress(ctx, whipper.WaitParams{IDs: []int64{s.ID}}, func(p whipper.ProgressUpdate) {
		told = append(told, fmt.Sprintf("%d %s", p.Job, p.Value))
		if err := os.WriteFile(heard, nil, 0o600); err != nil {
			t.Error(err)
		}
	})
	told = slices.Compact(told)
	if err != nil || len(jobs.Jobs) != 1 || jobs.Jobs[0].State != "succeeded" || !slices.Equal(told, []string{fmt.Sprintf("%d 7", s.ID)}) {
		t.Errorf("jobs = %+v %v, told %q", jobs, err, told)
	}

	hanging, cancel := context.WithCancel(ctx)
	cancel()
	if _, _, err := c.InvokeProgress(hanging, whipper.InvokeParams{Method: "hang"}, func(whipper.ProgressUpdate) {}); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that has ended: %v", err)
	}
}

func TestEventsEndWhenTheSupervisorDoes(t *testing.T) {
	dir, stop, err := startSupervisor()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, err := whipper.Dial(ctx, whipper.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	events, err := c.Events(ctx, whipper.EventFilter{})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Invoke(ctx, whipper.InvokeParams{Method: "sayHi", Params: args(t, "Ted")}); err != nil {
		t.Fatal(err)
	}
	stop()
	var types []string
	for e, err := range events {
		if err != nil {
			if !errors.Is(err, whipper.ErrClosed) {
				t.Error(err)
			}
			types = append(types, "end")
			break
		}
		types = append(types, e.Type)
	}
	if !slices.Contains(types, whipper.EventProcessExited) || types[len(types)-1] != "end" {
		t.Errorf("told were %v", types)
	}
}
