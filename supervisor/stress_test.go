package supervisor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/whipper-sidecar/whipper/ledger"
)

// run is one line of the effects file.
type effectLine struct {
	job     int64
	attempt int
}

// effects reads what workers have done, in order.
func (r *rig) effects() (effects []effectLine) {
	r.Helper()
	text, err := os.ReadFile(filepath.Join(r.dir, "effects"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.Fatal(err)
	}
	for _, line := range lines(text) {
		var e effectLine
		if _, err := fmt.Sscanf(line, "%d %d", &e.job, &e.attempt); err != nil {
			r.Fatalf("effect %q: %v", line, err)
		}
		effects = append(effects, e)
	}
	return effects
}

func TestJobsUnderARainOfKillsEndOnceAndTheirAttemptsAddUp(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	r := start(t, func(o *Options) {
		o.Env, o.MinWorkers, o.MaxWorkers = append(o.Env, envConcurrency+"=2"), 4, 4
	}).ready()
	jobs := make([]ledger.Job, 1000)
	for i := range jobs {
		jobs[i] = ledger.Job{
			Method: "effect", Params: []byte(`[]`), Priority: random.IntN(3), MaxAttempts: 1 + random.IntN(4),
			Backoff: ledger.Backoff{Base: time.Millisecond, Factor: 1},
		}
		switch random.IntN(10) {
		case 0:
			jobs[i].Delivery = ledger.AtMostOnce
		case 1:
			jobs[i].Method, jobs[i].Params = "fail", []byte(`[1]`)
		}
	}
	submitted, err := r.pool.Submit(t.Context(), jobs)
	if err != nil {
		t.Fatal(err)
	}
	ids := make([]int64, len(submitted))
	for i, s := range submitted {
		ids[i] = s.ID
	}
	ended := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*patience)
		defer cancel()
		_, err := r.ledger.Wait(ctx, ids, ledger.Reading{})
		ended <- err
	}()
	kills, handled := 0, int64(0)
	rain := time.NewTicker(10 * time.Millisecond)
	defer rain.Stop()
	for raining := true; raining; {
		select {
		case err := <-ended:
			if err != nil {
				t.Fatalf("%v\n%s", err, r.log)
			}
			raining = false
		case <-rain.C:
			now := r.pool.Stats().Workers.CallsHandled
			if now < handled+10 { // where processes take longer to start than to be killed nothing would ever end
				continue
			}
			workers := r.pool.Workers()
			if w := workers[random.IntN(len(workers))]; w.PID != 0 {
				handled = now
				_ = unix.Kill(w.PID, unix.SIGKILL)
				kills++
			}
		}
	}
	for range 3 { // calls of callers, too, end under kills
		r.call("effect", `[]`).answer()
	}
	r.checkLedger(jobs, ids)
	t.Logf("%d kills, stats %+v", kills, r.pool.Stats().Workers)
}

// checkLedger holds the ledger against the effects that the workers left.
func (r *rig) checkLedger(jobs []ledger.Job, ids []int64) {
	r.Helper()
	ran := map[int64]int{}
	for _, e := range r.effects() {
		ran[e.job]++
	}
	states := map[ledger.State]int{}
	for i, id := range ids {
		job, attempts := r.get(id)
		states[job.State]++
		if len(attempts) != job.Runs {
			r.Errorf("job %d: %d runs, %d attempts on record", id, job.Runs, len(attempts))
		}
		charged, successes := 0, 0
		for n, a := range attempts {
			if a.Number != n+1 || a.Outcome == "" {
				r.Errorf("job %d: attempt %+v", id, a)
			}
			switch a.Outcome {
			case ledger.OutcomeSucceeded:
				charged++
				if successes++; n != len(attempts)-1 {
					r.Errorf("job %d ran again after a recorded success", id)
				}
			case ledger.OutcomeError:
				charged++
			case ledger.OutcomeCrashed:
				charged++ // those that are shared are given back below
			}
		}
		if charged-job.Crashes != job.Attempt {
			r.Errorf("job %d: attempt %d, but %d charged and %d shared: %+v", id, job.Attempt, charged, job.Crashes, attempts)
		}
		switch {
		case job.State == ledger.Succeeded && (successes != 1 || job.Method == "effect" && ran[id] == 0):
			r.Errorf("job %d succeeded with %d successes and %d effects", id, successes, ran[id])
		case job.State != ledger.Succeeded && job.State != ledger.Failed:
			r.Errorf("job %d is %s", id, job.State)
		case job.State == ledger.Failed && successes != 0:
			r.Errorf("job %d failed, yet has a recorded success", id)
		case ran[id] > job.Runs:
			r.Errorf("job %d: %d effects of %d runs", id, ran[id], job.Runs)
		}
		if jobs[i].Delivery == ledger.AtMostOnce && ran[id] > 1 {
			r.Errorf("job %d may run once and ran %d times", id, ran[id])
		}
	}
	if n := countLines(r.log.String(), "recorded"); n != 0 {
		r.Errorf("%d changes were refused by the ledger", n)
	}
	r.Logf("states %v", states)
}
