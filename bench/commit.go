package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"text/tabwriter"

	"github.com/whipper-sidecar/whipper/ledger"
)

// groupSizes are how many callers wait for the ledger at once, and how many jobs the bare loop writes in a transaction.
var groupSizes = []int{1, 32, 256}

// groupJobs is how many of the jobs are written in groups of a size: alone, each waits for the disk.
func groupJobs(jobs, size int) int { return max(1, jobs*min(size, 32)/32) }

// groupCommits measures the ledger's writer against a bare loop of the same statements, in turns.
func groupCommits(ctx context.Context, w *tabwriter.Writer, dir string, runs, jobs int) error {
	fmt.Fprintln(w, "\nGROUP COMMIT, FULL SYNC\tLEDGER\tBARE LOOP\tRATIO\tOF CPU TIME")
	for _, size := range groupSizes {
		n := groupJobs(jobs, size)
		var submits, finishes race
		for i := range runs {
			var ours, floor written
			ledgers := func() (err error) {
				ours, err = byLedger(ctx, filepath.Join(dir, "grouped"), n, size)
				return err
			}
			bare := func() (err error) {
				floor, err = byLoop(ctx, filepath.Join(dir, "looped"), n, size)
				return err
			}
			if err := inTurn(i, ledgers, bare); err != nil {
				return err
			}
			submits.add(ours.submit, floor.submit)
			finishes.add(ours.finish, floor.finish)
		}
		submits.print(w, fmt.Sprintf("submit, %d at once", size))
		finishes.print(w, fmt.Sprintf("start and finish, %d at once", size))
	}
	return nil
}

// written is how fast jobs were written: submitted, and started and finished.
type written struct{ submit, finish pace }

// byLedger has callers submit one job after the other to a new ledger, and then starts and finishes all of them, as many at once.
func byLedger(ctx context.Context, dir string, n, callers int) (w written, err error) {
	l, err := ledger.Open(ctx, ledger.Options{Dir: dir})
	if err != nil {
		return w, err
	}
	defer func() { err = errors.Join(err, l.Close(), os.RemoveAll(dir)) }()
	if w.submit, err = paceOf(n, func() error { return submitEach(ctx, l, n, callers) }); err != nil {
		return w, err
	}
	jobs, err := readyJobs(ctx, l, n, nil)
	if err != nil {
		return w, err
	}
	w.finish, err = paceOf(n, func() error { return completeEach(ctx, l, jobs, result, callers) })
	return w, err
}

// submitEach has callers submit n jobs, each on its own and one after the other.
func submitEach(ctx context.Context, l *ledger.Ledger, n, callers int) error {
	var all sync.WaitGroup
	failed := make([]error, callers)
	for c := range callers {
		all.Go(func() {
			for i := c; i < n && failed[c] == nil; i += callers {
				_, failed[c] = l.Submit(ctx, []ledger.Job{job()})
			}
		})
	}
	all.Wait()
	return errors.Join(failed...)
}

// completeEach starts and finishes queued jobs, with so many under way at once. A job is under way until its outcome is on disk.
func completeEach(ctx context.Context, l *ledger.Ledger, jobs []ledger.Job, result []byte, atOnce int) error {
	var failed error // written by the ledger's one goroutine
	slots := make(chan struct{}, atOnce)
	for _, j := range jobs {
		slots <- struct{}{}
		runJob(l, j, result, func(err error) {
			failed = errors.Join(failed, err)
			<-slots
		})
	}
	if err := l.Flush(ctx); err != nil {
		return err
	}
	return failed
}

// byLoop writes the same rows by bare statements, size jobs in a transaction.
func byLoop(ctx context.Context, dir string, n, size int) (w written, err error) {
	l, err := newLoop(ctx, dir)
	if err != nil {
		return w, err
	}
	defer func() { err = errors.Join(err, l.close(), os.RemoveAll(dir)) }()
	groups := func(write func(first, end int) error) (pace, error) {
		return paceOf(n, func() error {
			for from := 1; from <= n; from += size {
				if err := write(from, min(from+size, n+1)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if w.submit, err = groups(l.submit); err != nil {
		return w, err
	}
	w.finish, err = groups(l.finish)
	return w, err
}
