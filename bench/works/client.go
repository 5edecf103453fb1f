package works

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

// call is an echo of params.
func call(ctx context.Context, c *whipper.Client, method string, params json.RawMessage) error {
	_, _, err := c.Invoke(ctx, whipper.InvokeParams{Method: method, Params: params})
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
			submitted, err := c.SubmitBatch(ctx, whipper.SubmitBatchParams{Jobs: jobs[:min(batchJobs, n-from)]})
			<-slots
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
		for _, job := range ended.Jobs {
			if job.State != "succeeded" {
				return fmt.Errorf("job %d has %s", job.ID, job.State)
			}
		}
		return nil
	})
}
