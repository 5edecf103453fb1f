package endtoend

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

// submitEffects submits n jobs that each leave a line behind under their own name, and gives the ids by name.
func submitEffects(t *testing.T, c *whipper.Client, log string, n int, seconds float64) map[string]int64 {
	t.Helper()
	batch := whipper.SubmitBatchParams{}
	for i := range n {
		batch.Jobs = append(batch.Jobs, whipper.SubmitParams{
			Method: "effect", Params: raw(t, log, fmt.Sprintf("job%d", i), seconds), MaxAttempts: 20,
			Backoff: &whipper.Backoff{BaseMs: 10, Factor: 1, CapMs: 10},
		})
	}
	result, err := c.SubmitBatch(t.Context(), batch)
	check(t, err)
	ids := map[string]int64{}
	for i, id := range result.IDs {
		ids[fmt.Sprintf("job%d", i)] = id
	}
	if len(ids) != n {
		t.Fatalf("%d ids for %d jobs", len(ids), n)
	}
	return ids
}

func TestEveryJobEndsOnceWhileWorkersAreKilled(t *testing.T) {
	const count = 1000
	eachLanguage(t, func(t *testing.T, command []string) {
		log := filepath.Join(t.TempDir(), "effects")
		dir := filepath.Join(t.TempDir(), "state")
		s := start(t, dir, append([]string{"--min-workers", "4", "--max-workers", "4"}, command...)...)
		c := s.client()
		ids := submitEffects(t, c, log, count, 0.005)

		kills := 0
		ctx, done := context.WithCancel(t.Context())
		var killer sync.WaitGroup
		killer.Go(func() {
			for tick := time.Tick(50 * time.Millisecond); ; {
				select {
				case <-ctx.Done():
					return
				case <-tick:
				}
				// One that is serving: to be killed while starting is what backoff is for, and loses nothing.
				if pids := s.workers(c, "processing"); len(pids) > 0 && ctx.Err() == nil {
					_ = syscall.Kill(pids[rand.IntN(len(pids))], syscall.SIGKILL) // it may just have ended
					kills++
				}
			}
		})
		all := make([]int64, 0, count)
		for _, id := range ids {
			all = append(all, id)
		}
		_, err := c.Wait(t.Context(), whipper.WaitParams{IDs: all, TimeoutMs: patience.Milliseconds()})
		done()
		killer.Wait()
		check(t, err)
		t.Logf("%d workers killed", kills)
		if kills < 5 {
			t.Errorf("only %d workers were killed: the test shows nothing", kills)
		}

		ran := effects(t, log)
		crashes := 0
		for name, id := range ids {
			job, err := c.Get(t.Context(), whipper.GetParams{ID: id})
			check(t, err)
			crashes += checkHistory(t, job, ran[name])
		}
		if crashes == 0 {
			t.Error("no attempt was hit by a kill: the test shows nothing")
		}
		t.Logf("%d attempts crashed", crashes)
		s.signal(syscall.SIGTERM)
		if code := s.exitCode(); code != 0 {
			t.Errorf("exit code after SIGTERM: %d", code)
		}
	})
}

// checkHistory holds a job's attempts against its outcome and against how often its function really began. It gives the
// number of attempts that crashed.
func checkHistory(t *testing.T, job whipper.Job, ran int) (crashes int) {
	t.Helper()
	id := job.ID
	charged, succeeded := 0, 0
	for i, a := range job.Attempts {
		if a.Attempt != i+1 {
			t.Errorf("job %d: attempt %d is numbered %d", id, i+1, a.Attempt)
		}
		switch a.Outcome {
		case "succeeded":
			succeeded++
			charged++
		case "crashed":
			crashes++
			if a.Signal != "SIGKILL" {
				t.Errorf("job %d: attempt %d crashed by %q", id, a.Attempt, a.Signal)
			}
			charged++
		case "interrupted":
		default:
			t.Errorf("job %d: attempt %d is %q", id, a.Attempt, a.Outcome)
		}
	}
	switch {
	case job.State == "succeeded" && succeeded != 1, job.State == "failed" && succeeded != 0:
		t.Errorf("job %d is %s after %d successes", id, job.State, succeeded)
	case job.State != "succeeded" && job.State != "failed":
		t.Errorf("job %d is %s", id, job.State)
	case ran > len(job.Attempts):
		t.Errorf("job %d ran %d times and has %d attempts on record", id, ran, len(job.Attempts))
	case job.State == "succeeded" && ran == 0:
		t.Errorf("job %d succeeded and left nothing behind", id)
	}
	return crashes
}

func TestNothingAcknowledgedIsLostWhenTheSupervisorIsKilled(t *testing.T) {
	const count = 500
	eachLanguage(t, func(t *testing.T, command []string) {
		log := filepath.Join(t.TempDir(), "effects")
		dir := filepath.Join(t.TempDir(), "state")
		// One call at a time, so that all of them take seconds and many are left when this test comes to kill it.
		args := append([]string{"--min-workers", "2", "--max-workers", "2", "--max-concurrent-calls", "1"}, command...)
		s := start(t, dir, args...)
		c := s.client()
		ids := submitEffects(t, c, log, count, 0.02)
		some := []int64{ids["job0"], ids["job1"], ids["job2"], ids["job3"]}
		_, err := c.Wait(t.Context(), whipper.WaitParams{IDs: some})
		check(t, err)
		workers := s.workers(c, anyState) // the second may still be starting
		if len(workers) == 0 {
			t.Fatal("no worker has a process")
		}

		s.signal(syscall.SIGKILL)
		s.exitCode()
		looks := 0 // a millisecond or more apart: a machine that stands still does not count
		for _, pid := range workers {
			for ; alive(pid); looks++ {
				if looks == 2000 {
					t.Fatalf("worker %d outlives its supervisor by more than 2 s", pid)
				}
				time.Sleep(time.Millisecond) // it is no child of ours, so not every system tells its end
			}
		}

		before := jobs(t, dir)
		ranBefore := effects(t, log)
		queued, done := 0, 0
		for _, id := range ids {
			switch before[id].State {
			case "queued", "running":
				queued++
			case "succeeded":
				done++
			}
		}
		if len(before) != count || queued == 0 || done == 0 {
			t.Fatalf("after the kill: %d jobs, %d queued or running, %d succeeded", len(before), queued, done)
		}

		s = start(t, dir, args...)
		all := make([]int64, 0, count)
		for _, id := range ids {
			all = append(all, id)
		}
		result, err := s.client().Wait(t.Context(), whipper.WaitParams{IDs: all, TimeoutMs: patience.Milliseconds()})
		check(t, err)
		for _, job := range result.Jobs {
			if job.State != "succeeded" {
				t.Errorf("job %d is %s", job.ID, job.State)
			}
		}
		ran := effects(t, log)
		for name, id := range ids {
			if before[id].State == "succeeded" && ran[name] != ranBefore[name] {
				t.Errorf("job %d had succeeded and ran again", id)
			}
			if ran[name] == 0 {
				t.Errorf("job %d never ran", id)
			}
		}
		s.signal(syscall.SIGTERM)
		s.exitCode()
	})
}

func TestSIGTERMUnderLoadLosesNothing(t *testing.T) {
	eachLanguage(t, func(t *testing.T, command []string) {
		t.Parallel()
		log := filepath.Join(t.TempDir(), "effects")
		dir := filepath.Join(t.TempDir(), "state")
		s := start(t, dir, command...)

		var mu sync.Mutex
		acknowledged := map[int64]string{}
		enough := make(chan struct{})
		var clients sync.WaitGroup
		for i := range 4 {
			c := s.client()
			clients.Go(func() {
				for n := 0; ; n++ {
					name := fmt.Sprintf("client%d-%d", i, n)
					r, err := c.Submit(t.Context(), whipper.SubmitParams{Method: "effect", Params: raw(t, log, name)})
					var refused *whipper.Error
					if errors.As(err, &refused) && refused.Code == whipper.CodeShuttingDown || errors.Is(err, whipper.ErrClosed) {
						return
					}
					if err != nil {
						t.Errorf("submit: %v", err)
						return
					}
					mu.Lock()
					acknowledged[r.ID] = name
					if len(acknowledged) == 200 {
						close(enough)
					}
					mu.Unlock()
				}
			})
		}
		<-enough
		workers := s.workers(s.client(), anyState)
		if len(workers) == 0 {
			t.Error("no worker has a process")
		}
		s.signal(syscall.SIGTERM)
		clients.Wait()
		if code := s.exitCode(); code != 0 {
			t.Errorf("exit code after SIGTERM: %d", code)
		}
		for _, pid := range workers {
			if alive(pid) {
				t.Errorf("worker %d outlives its supervisor", pid)
			}
		}
		nothingLeft(t, dir)

		stopped := jobs(t, dir)
		ran := effects(t, log)
		for id, name := range acknowledged {
			switch j, ok := stopped[id]; {
			case !ok:
				t.Errorf("job %d was acknowledged and is not in the ledger", id)
			case j.State == "succeeded" && ran[name] != 1:
				t.Errorf("job %d succeeded and ran %d times", id, ran[name])
			case j.State == "queued" && (j.Attempt != 0 || ran[name] != 0):
				t.Errorf("job %d was put back with %d attempts charged; it ran %d times", id, j.Attempt, ran[name])
			case j.State != "succeeded" && j.State != "queued":
				t.Errorf("job %d is %s", id, j.State)
			}
		}
		if len(stopped) < len(acknowledged) {
			t.Errorf("%d jobs in the ledger, %d acknowledged", len(stopped), len(acknowledged))
		}
	})
}
