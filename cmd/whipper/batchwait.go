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

// waitJobs is the most jobs that one request waits for.
const waitJobs = 100

// barSteps is in how many steps the bar moves at least, where there are as many jobs.
const barSteps = 50

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
	for part := range slices.Chunk(ids, perRequest(len(ids))) {
		requests.Go(func() error {
			payloads := false // the states tell, and errors come in any case
			for job, err := range endedJobs(ctx, client, jsonrpc.WaitParams{IDs: part, Payloads: &payloads}) {
				if err != nil {
					return err
				}
				mu.Lock()
				s.add(job)
				bar.add(1)
				mu.Unlock()
			}
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

// perRequest is how many of n jobs one request waits for. The bar moves when all of them have ended.
func perRequest(n int) int { return max(1, min(waitJobs, n/barSteps)) }

func (s *summary) add(job *jsonrpc.Job) {
	s.States[job.State]++
	if job.State != string(ledger.Succeeded) && (s.firstFailed == nil || job.ID < s.firstFailed.ID) {
		s.firstFailed = job
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
