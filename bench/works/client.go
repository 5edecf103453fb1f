package works

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

// call calls a method that answers with one value.
func call(ctx context.Context, c *whipper.Client, method string, params json.RawMessage) (json.RawMessage, error) {
	answer, _, err := c.Invoke(ctx, whipper.InvokeParams{Method: method, Params: params})
	return answer, err
}

// echo calls echo with params, which are one value, and checks that it is what comes back.
func echo(ctx context.Context, c *whipper.Client, params json.RawMessage) error {
	answer, err := call(ctx, c, "echo", params)
	if want := params[1 : len(params)-1]; err == nil && !bytes.Equal(answer, want) {
		err = fmt.Errorf("the echo of %.40s is %.40s", want, answer)
	}
	return err
}

// flood does something n times, so often at once, and gives how many times a second that was.
func flood(n, atOnce int, one func() error) (float64, error) {
	began := time.Now()
	var all sync.WaitGroup
	failed := make([]error, atOnce)
	for lane := range atOnce {
		all.Go(func() {
			for i := lane; i < n && failed[lane] == nil; i += atOnce {
				failed[lane] = one()
			}
		})
	}
	all.Wait()
	return float64(n) / time.Since(began).Seconds(), errors.Join(failed...)
}

// trips does something n times, one after the other, and gives how long each took.
func trips(n int, one func() error) ([]time.Duration, error) {
	times := make([]time.Duration, n)
	for i := range times {
		began := time.Now()
		if err := one(); err != nil {
			return nil, err
		}
		times[i] = time.Since(began)
	}
	return times, nil
}

// A client submits so many jobs at once, and has so many such requests under way.
const (
	batchJobs  = 1000
	batchDepth = 4
)

// submitBatches submits n jobs, and tells of the ids of each batch once it is on disk.
func submitBatches(ctx context.Context, c *whipper.Client, n int, told func(context.Context, []int64) error) error {
	jobs := make([]whipper.SubmitParams, batchJobs)
	for i := range jobs {
		jobs[i] = whipper.SubmitParams{Method: "echo", Params: json.RawMessage(`[1]`)}
	}
	tasks, ctx := errgroup.WithContext(ctx)
	slots := make(chan struct{}, batchDepth)
	for from := 0; from < n && ctx.Err() == nil; from += batchJobs {
		slots <- struct{}{}
		tasks.Go(func() error {
			batch := jobs[:min(batchJobs, n-from)]
			submitted, err := c.SubmitBatch(ctx, whipper.SubmitBatchParams{Jobs: batch})
			<-slots
			if err == nil && len(submitted.IDs) != len(batch) {
				err = fmt.Errorf("%d of a batch's %d jobs were submitted", len(submitted.IDs), len(batch))
			}
			if err != nil {
				return err
			}
			return told(ctx, submitted.IDs)
		})
	}
	return tasks.Wait()
}

// submitAndWait submits n jobs and returns when the outcome of each is on disk. Submissions and waits overlap.
func submitAndWait(ctx context.Context, c *whipper.Client, n int) error {
	payloads := false
	return submitBatches(ctx, c, n, func(ctx context.Context, ids []int64) error {
		ended, err := c.Wait(ctx, whipper.WaitParams{IDs: ids, Payloads: &payloads})
		if err != nil {
			return err
		}
		if len(ended.Jobs) != len(ids) {
			return fmt.Errorf("%d of a batch's %d jobs have ended", len(ended.Jobs), len(ids))
		}
		for _, job := range ended.Jobs {
			if job.State != "succeeded" {
				return fmt.Errorf("job %d has %s", job.ID, job.State)
			}
		}
		return nil
	})
}
