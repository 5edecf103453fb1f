package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

// waitJobs is how many jobs one request of awaitBatch waits for: whole jobs come back, and the bar moves by that much.
const waitJobs = 100

// summary is how the jobs of a batch ended.
type summary struct {
	States map[string]int `json:"states"` // how many ended in which state

	firstFailed *jsonrpc.Job // of those that ended otherwise than well, the one with the smallest id
}

// awaitBatch waits for jobs, says on stderr how they ended, and fails if one did.
func (c *console) awaitBatch(ctx context.Context, client *whipper.Client, ids []int64) (*summary, error) {
	begin := time.Now()
	bar := newProgress(c.err, "finished", int64(len(ids)))
	s := &summary{States: map[string]int{}}
	var mu sync.Mutex
	requests, ctx := errgroup.WithContext(ctx)
	requests.SetLimit(chunksInFlight)
	for part := range slices.Chunk(ids, waitJobs) {
		requests.Go(func() error {
			done, err := client.Wait(ctx, jsonrpc.WaitParams{IDs: part})
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			s.add(done.Jobs)
			bar.add(len(done.Jobs))
			return nil
		})
	}
	err := requests.Wait()
	bar.stop()
	if err != nil {
		return nil, err
	}
	c.say("whipper: %s in %s: %s", plural(len(ids), "job"), brief(time.Since(begin)), s)
	if s.firstFailed == nil {
		return s, nil
	}
	c.say("whipper: the first that did not succeed: %s", jobFailure(s.firstFailed))
	return s, &failure{Err: errors.New("a job failed"), Code: exitFailed, Quiet: true}
}

func (s *summary) add(jobs []jsonrpc.Job) {
	for i := range jobs {
		job := &jobs[i]
		s.States[job.State]++
		if job.State != string(ledger.Succeeded) && (s.firstFailed == nil || job.ID < s.firstFailed.ID) {
			s.firstFailed = job
		}
	}
}

func (s *summary) String() string {
	var parts []string
	for _, state := range jobStates {
		if n := s.States[string(state)]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, state))
		}
	}
	if parts == nil {
		return "none"
	}
	return strings.Join(parts, ", ")
}
