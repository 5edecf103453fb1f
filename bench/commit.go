package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/whipper-sidecar/whipper/ledger"
)

// groupSizes are how many callers wait for the ledger at once, and how many jobs the bare loop writes in a transaction.
var groupSizes = []int{1, 32, 256}

// groupJobs is how many jobs of those that are asked for are measured with groups of a size: alone, each waits for the disk.
func groupJobs(jobs, size int) int { return max(1, jobs*min(size, 32)/32/5*5) }

// groupCommits measures the ledger's writer against a bare loop of the same statements, and prints the medians of the rates and of the turns' ratios.
func groupCommits(ctx context.Context, w *tabwriter.Writer, dir string, runs, jobs int) error {
	fmt.Fprintln(w, "\nGROUP COMMIT, FULL SYNC\tLEDGER\tBARE LOOP\tRATIO")
	for _, size := range groupSizes {
		n := groupJobs(jobs, size)
		var submits, finishes, loopSubmits, loopFinishes, submitRatios, finishRatios []float64
		for i := range runs {
			var submit, finish, loopSubmit, loopFinish float64
			ledgers := func() (err error) {
				submit, finish, err = byLedger(ctx, filepath.Join(dir, "grouped"), n, size)
				return err
			}
			bare := func() (err error) {
				loopSubmit, loopFinish, err = byLoop(ctx, filepath.Join(dir, "looped"), n, size)
				return err
			}
			if err := inTurn(i, ledgers, bare); err != nil {
				return err
			}
			submits, loopSubmits, submitRatios = append(submits, submit), append(loopSubmits, loopSubmit), append(submitRatios, submit/loopSubmit)
			finishes, loopFinishes, finishRatios = append(finishes, finish), append(loopFinishes, loopFinish), append(finishRatios, finish/loopFinish)
		}
		fmt.Fprintf(w, "submit, %d at once\t%.0f/s\t%.0f/s\t%.2f\n", size, median(submits), median(loopSubmits), median(submitRatios))
		fmt.Fprintf(w, "start and finish, %d at once\t%.0f/s\t%.0f/s\t%.2f\n", size, median(finishes), median(loopFinishes), median(finishRatios))
	}
	return nil
}

// byLedger has callers submit one job after the other to a new ledger, and then start and finish all of them.
func byLedger(ctx context.Context, dir string, n, callers int) (submits, finishes float64, err error) {
	l, err := ledger.Open(ctx, ledger.Options{Dir: dir})
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, l.Close(), os.RemoveAll(dir)) }()
	if submits, err = submitEach(ctx, l, n, callers); err != nil {
		return 0, 0, err
	}
	jobs, _, err := l.Ready(ctx, pool, time.Now(), n, nil)
	if err != nil {
		return 0, 0, err
	}
	finishes, err = completeEach(ctx, l, jobs, []byte(`"a-100.png"`), callers)
	return submits, finishes, err
}

// submitEach has callers submit n jobs, each on its own and one after the other, and returns jobs a second.
func submitEach(ctx context.Context, l *ledger.Ledger, n, callers int) (float64, error) {
	var all sync.WaitGroup
	failed := make([]error, callers)
	took := stopwatch()
	for c := range callers {
		all.Go(func() {
			for i := c; i < n && failed[c] == nil; i += callers {
				_, failed[c] = l.Submit(ctx, []ledger.Job{job()})
			}
		})
	}
	all.Wait()
	return rate(n, took()), errors.Join(failed...)
}

// completeEach starts and finishes queued jobs, with so many under way at once, and returns jobs a second. A job is under way until its outcome is on disk.
func completeEach(ctx context.Context, l *ledger.Ledger, jobs []ledger.Job, result []byte, atOnce int) (float64, error) {
	var failed error // written by the ledger's one goroutine
	slots := make(chan struct{}, atOnce)
	took := stopwatch()
	for _, j := range jobs {
		slots <- struct{}{}
		runJob(l, j, result, func(err error) {
			failed = errors.Join(failed, err)
			<-slots
		})
	}
	if err := l.Flush(ctx); err != nil {
		return 0, err
	}
	return rate(len(jobs), took()), failed
}

// byLoop writes the same rows by bare statements, size jobs in a transaction.
func byLoop(ctx context.Context, dir string, n, size int) (submits, finishes float64, err error) {
	l, err := newLoop(ctx, dir)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, l.close(), os.RemoveAll(dir)) }()
	took := stopwatch()
	for from := 1; from <= n; from += size {
		if err := l.submit(from, min(from+size, n+1)); err != nil {
			return 0, 0, err
		}
	}
	submits = rate(n, took())
	took = stopwatch()
	for from := 1; from <= n; from += size {
		if err := l.finish(from, min(from+size, n+1)); err != nil {
			return 0, 0, err
		}
	}
	return submits, rate(n, took()), nil
}
