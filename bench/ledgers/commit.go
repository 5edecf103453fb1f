package ledgers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/whipper-sidecar/whipper/bench/floor"
	"github.com/whipper-sidecar/whipper/bench/result"
	"github.com/whipper-sidecar/whipper/ledger"
)

// groupSizes are how many callers wait for the ledger at once, and how many jobs the bare loop writes in a transaction.
var groupSizes = []int{1, 32, 256}

// groupJobs is how many of the jobs are written in groups of a size: alone, each waits for the disk.
func groupJobs(jobs, size int) int { return max(1, jobs*min(size, 32)/32) }

// groupCommits measures the ledger's writer against a bare loop of the same statements.
func (b Bench) groupCommits(ctx context.Context) error {
	for _, size := range groupSizes {
		n := groupJobs(b.Jobs, size)
		w := b.Report.Work(fmt.Sprintf("ledger's writer, %d at once", size),
			fmt.Sprintf("%d jobs; the bare loop of statements writes %d of them in a transaction, with the same sync and cache settings", n, size))
		var submits, finishes [2]*result.Contender
		for i, name := range []string{"whipper", "bare statements"} {
			kind := []result.Kind{result.Ours, result.Floor}[i]
			finishes[i] = &result.Contender{Name: name + ", start and finish", Kind: kind}
			submits[i] = &result.Contender{Name: name + ", submit", Kind: kind, Run: func(ctx context.Context) (result.Figures, error) {
				write := []func(context.Context, string, int, int) (written, error){byLedger, byLoop}[i]
				done, err := write(ctx, filepath.Join(b.Dir, "grouped"), n, size)
				finishes[i].Turns = append(finishes[i].Turns, done.finish)
				return done.submit, err
			}}
		}
		if err := w.Take(ctx, b.Turns, submits[0], submits[1]); err != nil {
			return err
		}
		w.Contenders = append(w.Contenders, finishes[0], finishes[1])
		for _, pair := range [][2]*result.Contender{submits, finishes} {
			w.Compare(pair[0].Name, result.Rate, pair[1].Name, 0)
			w.Compare(pair[0].Name, result.Processor, pair[1].Name, 0)
		}
	}
	return nil
}

// written is how fast jobs were written: submitted, and started and finished.
type written struct{ submit, finish result.Figures }

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
	w.finish, err = paceOf(n, func() error { return completeEach(ctx, l, jobs, floor.Result, callers) })
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
	l, err := floor.NewStatements(ctx, dir)
	if err != nil {
		return w, err
	}
	defer func() { err = errors.Join(err, l.Close(), os.RemoveAll(dir)) }()
	groups := func(write func(first, end int) error) (result.Figures, error) {
		return paceOf(n, func() error {
			for from := 1; from <= n; from += size {
				if err := write(from, min(from+size, n+1)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if w.submit, err = groups(l.Submit); err != nil {
		return w, err
	}
	w.finish, err = groups(l.Finish)
	return w, err
}
