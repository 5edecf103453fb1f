package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/whipper-sidecar/whipper/ledger"
)

const (
	claimWindow = 512 // jobs that are claimed and wait for a slot
	claimSlots  = 256 // jobs that are under way at once
)

// besideHistory measures claim and completion on a ledger with a history and on an empty one, in turns, and prints the medians of the rates and of the
// turns' ratios.
func besideHistory(ctx context.Context, w *tabwriter.Writer, h *history, dir string, runs, jobs int) (err error) {
	full, err := ledger.Open(ctx, ledger.Options{Dir: h.dir})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, full.Close()) }()
	if _, err := claimAndComplete(ctx, full, jobs/4); err != nil { // its pages are read, as they are of the other, which is written anew
		return err
	}
	var rates, floors, ratios, cpus []float64
	for n := range runs {
		var rate, floor claimRate
		filled := func() (err error) {
			rate, err = claimAndComplete(ctx, full, jobs)
			return err
		}
		empty := func() (err error) {
			floor, err = onEmpty(ctx, filepath.Join(dir, fmt.Sprint("empty", n)), jobs)
			return err
		}
		if err := inTurn(n, filled, empty); err != nil {
			return err
		}
		rates, floors = append(rates, rate.jobs), append(floors, floor.jobs)
		ratios, cpus = append(ratios, rate.jobs/floor.jobs), append(cpus, floor.cpu.Seconds()/rate.cpu.Seconds())
	}
	fmt.Fprintf(w, "claim, start and finish, %s finished jobs in the ledger\t%.0f/s\t%.0f/s (empty ledger)\t%.2f\t%.2f\n",
		humanize.Comma(h.jobs), median(rates), median(floors), median(ratios), median(cpus))
	return nil
}

// claimRate is how fast jobs were claimed and completed: jobs a second, and the processor time of one, which other load on the machine changes less.
type claimRate struct {
	jobs float64
	cpu  time.Duration
}

// inTurn does two things, the other way round every second time.
func inTurn(n int, a, b func() error) error {
	if n%2 == 1 {
		a, b = b, a
	}
	if err := a(); err != nil {
		return err
	}
	return b()
}

func onEmpty(ctx context.Context, dir string, jobs int) (rate claimRate, err error) {
	l, err := ledger.Open(ctx, ledger.Options{Dir: dir})
	if err != nil {
		return claimRate{}, err
	}
	defer func() { err = errors.Join(err, l.Close(), os.RemoveAll(dir)) }()
	if _, err := claimAndComplete(ctx, l, jobs/4); err != nil {
		return claimRate{}, err
	}
	return claimAndComplete(ctx, l, jobs)
}

// claimAndComplete submits jobs and then takes them from queued to succeeded, through the ledger's package as a supervisor's pool does it: a claimer keeps a window
// filled, starts are handed over without waiting, and a slot is free when its job's outcome is on disk. Their submission is not measured.
func claimAndComplete(ctx context.Context, l *ledger.Ledger, n int) (claimRate, error) {
	if _, err := submitJobs(ctx, l, n, job()); err != nil {
		return claimRate{}, err
	}
	var mu sync.Mutex
	held := make(map[int64]struct{}) // from the claim until the outcome is on disk
	window := make(chan ledger.Job, claimWindow)
	slots := make(chan struct{}, claimSlots)
	claimed := make(chan error, 1)
	took, used := stopwatch(), processor()
	go func() { // ends when all jobs are claimed
		defer close(window)
		for left := n; left > 0; {
			mu.Lock()
			skip := maps.Clone(held)
			mu.Unlock()
			jobs, _, err := l.Ready(ctx, pool, time.Now(), claimWindow/2, skip)
			if err == nil && len(jobs) == 0 {
				err = fmt.Errorf("no job is ready, though %d have not run", left)
			}
			if err != nil {
				claimed <- err
				return
			}
			mu.Lock()
			for i := range jobs {
				held[jobs[i].ID] = struct{}{}
			}
			mu.Unlock()
			for i := range jobs {
				window <- jobs[i]
			}
			left -= len(jobs)
		}
		claimed <- nil
	}()
	var failed error
	for j := range window {
		slots <- struct{}{}
		runJob(l, j, []byte(`"a-100.png"`), func(err error) {
			mu.Lock()
			delete(held, j.ID)
			failed = errors.Join(failed, err)
			mu.Unlock()
			<-slots
		})
	}
	if err := errors.Join(<-claimed, l.Flush(ctx)); err != nil {
		return claimRate{}, err
	}
	return claimRate{rate(n, took()), used() / time.Duration(n)}, failed
}

// pool and method are of the jobs that are measured.
const pool, method = "default", "m0"

func job() ledger.Job {
	return ledger.Job{Pool: pool, Method: method, Params: []byte(`["a.png",100]`)}
}

// submitJobs submits n jobs like one.
func submitJobs(ctx context.Context, l *ledger.Ledger, n int, like ledger.Job) ([]int64, error) {
	var ids []int64
	for len(ids) < n {
		jobs := make([]ledger.Job, min(n-len(ids), 1000))
		for i := range jobs {
			jobs[i] = like
		}
		answers, err := l.Submit(ctx, jobs)
		if err != nil {
			return nil, err
		}
		for _, a := range answers {
			ids = append(ids, a.ID)
		}
	}
	return ids, nil
}

// runJob hands over a queued job's start and its end.
func runJob(l *ledger.Ledger, j ledger.Job, result []byte, done func(error)) {
	j = ledger.Begin(j, "w1", 4711, time.Now())
	l.Start(j, nil)
	j, attempt := ledger.Settle(j, ledger.Ending{Outcome: ledger.OutcomeSucceeded, At: time.Now(), Result: result}, 0)
	l.Finish(j, attempt, done)
}
