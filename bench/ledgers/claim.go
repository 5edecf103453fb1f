package ledgers

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/whipper-sidecar/whipper/bench/floor"
	"github.com/whipper-sidecar/whipper/bench/result"
	"github.com/whipper-sidecar/whipper/ledger"
)

const (
	claimWindow = 512 // jobs that are claimed and wait for a slot
	claimSlots  = 256 // jobs that are under way at once
)

// besideHistory measures claim and completion on a ledger with a history and on an empty one.
func (b Bench) besideHistory(ctx context.Context, h *history) (err error) {
	full, err := ledger.Open(ctx, ledger.Options{Dir: h.dir})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, full.Close()) }()
	if _, err := claimAndComplete(ctx, full, b.Jobs/4); err != nil { // its pages are read, as they are of the other, which is written anew
		return err
	}
	w := b.Report.Work(fmt.Sprintf("history of %s jobs", humanize.Comma(h.jobs)),
		fmt.Sprintf("%d jobs are claimed, started and finished through the package ledger as a pool does it, %d under way; with workers the rate would be theirs", b.Jobs, claimSlots))
	ours := &result.Contender{Name: "whipper", Kind: result.Ours, Run: func(ctx context.Context) (result.Figures, error) {
		return claimAndComplete(ctx, full, b.Jobs)
	}}
	empty := &result.Contender{Name: "an empty ledger", Kind: result.Floor, Run: func(ctx context.Context) (result.Figures, error) {
		return onEmpty(ctx, filepath.Join(b.Dir, "empty"), b.Jobs)
	}}
	if err := w.Take(ctx, b.Turns, ours, empty); err != nil {
		return err
	}
	w.Compare(ours.Name, result.Rate, empty.Name, 0.9)
	w.Compare(ours.Name, result.Processor, empty.Name, 0)
	return nil
}

func onEmpty(ctx context.Context, dir string, jobs int) (f result.Figures, err error) {
	l, err := ledger.Open(ctx, ledger.Options{Dir: dir})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, l.Close(), os.RemoveAll(dir)) }()
	if _, err := claimAndComplete(ctx, l, jobs/4); err != nil {
		return nil, err
	}
	return claimAndComplete(ctx, l, jobs)
}

// claimAndComplete submits jobs and then takes them from queued to succeeded, through the ledger's package as a supervisor's pool does it: a claimer keeps a window
// filled, starts are handed over without waiting, and a slot is free when its job's outcome is on disk. Their submission is not measured.
func claimAndComplete(ctx context.Context, l *ledger.Ledger, n int) (result.Figures, error) {
	if err := submitJobs(ctx, l, n, job()); err != nil {
		return nil, err
	}
	var mu sync.Mutex
	held := make(map[int64]struct{}) // from the claim until the outcome is on disk
	window := make(chan ledger.Job, claimWindow)
	claim := func() error {
		defer close(window)
		for left := n; left > 0; {
			mu.Lock()
			skip := maps.Clone(held)
			mu.Unlock()
			jobs, err := readyJobs(ctx, l, claimWindow/2, skip)
			if err != nil {
				return err
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
		return nil
	}
	return paceOf(n, func() error {
		claimed := make(chan error, 1)
		go func() { claimed <- claim() }()
		slots := make(chan struct{}, claimSlots)
		var failed error // written by the ledger's one goroutine
		for j := range window {
			slots <- struct{}{}
			runJob(l, j, floor.Result, func(err error) {
				failed = errors.Join(failed, err)
				mu.Lock()
				delete(held, j.ID)
				mu.Unlock()
				<-slots
			})
		}
		err := errors.Join(<-claimed, l.Flush(ctx))
		return errors.Join(err, failed)
	})
}

// readyJobs is Ready, where there must be one.
func readyJobs(ctx context.Context, l *ledger.Ledger, limit int, skip map[int64]struct{}) ([]ledger.Job, error) {
	jobs, _, err := l.Ready(ctx, floor.Pool, time.Now(), limit, skip)
	if err == nil && len(jobs) == 0 {
		err = errors.New("no job is ready, though not all have run")
	}
	return jobs, err
}

// job is what is measured.
func job() ledger.Job {
	return ledger.Job{Pool: floor.Pool, Method: floor.Method, Params: floor.Params}
}

// submitJobs submits n jobs like one.
func submitJobs(ctx context.Context, l *ledger.Ledger, n int, like ledger.Job) error {
	for n > 0 {
		jobs := slices.Repeat([]ledger.Job{like}, min(n, 1000))
		if _, err := l.Submit(ctx, jobs); err != nil {
			return err
		}
		n -= len(jobs)
	}
	return nil
}

// runJob hands over a queued job's start and its end.
func runJob(l *ledger.Ledger, j ledger.Job, result []byte, done func(error)) {
	j = ledger.Begin(j, "w1", 4711, time.Now())
	l.Start(j, nil)
	j, attempt := ledger.Settle(j, ledger.Ending{Outcome: ledger.OutcomeSucceeded, At: time.Now(), Result: result}, 0)
	l.Finish(j, attempt, done)
}
