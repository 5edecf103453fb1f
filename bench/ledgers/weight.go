package ledgers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/dustin/go-humanize"

	"github.com/whipper-sidecar/whipper/bench/result"
	"github.com/whipper-sidecar/whipper/ledger"
)

// weights measures how large a ledger's file is by finished job, for small and for large payloads, and how large it is when all of them are pruned.
func (b Bench) weights(ctx context.Context, jobs int) error {
	for _, c := range []struct{ payload, jobs int }{{100, jobs}, {10 << 10, max(1, jobs/10)}} {
		w := b.Report.Work(fmt.Sprintf("file, params and results of %s each", humanize.IBytes(uint64(c.payload))), fmt.Sprintf("%d finished jobs", c.jobs))
		payloads := &result.Contender{Name: "its payloads", Kind: result.Floor}
		empty := &result.Contender{Name: "a new file", Kind: result.Floor}
		emptied := &result.Contender{Name: "all pruned", Kind: result.Ours}
		job := &result.Contender{Name: "a job", Kind: result.Ours, Run: func(ctx context.Context) (result.Figures, error) {
			fresh, full, pruned, err := weigh(ctx, filepath.Join(b.Dir, "weighed"), c.payload, c.jobs)
			if err != nil {
				return nil, err
			}
			payloads.Turns = append(payloads.Turns, result.Figures{result.Size: float64(2 * c.payload)})
			empty.Turns = append(empty.Turns, result.Figures{result.Size: float64(fresh)})
			emptied.Turns = append(emptied.Turns, result.Figures{result.Size: float64(pruned)})
			return result.Figures{result.Size: float64(full-fresh) / float64(c.jobs)}, nil
		}}
		if err := w.Take(ctx, 1, job); err != nil {
			return err
		}
		w.Contenders = append(w.Contenders, payloads, emptied, empty)
		w.Compare(job.Name, result.Size, payloads.Name, 0)
		w.Compare(emptied.Name, result.Size, empty.Name, 0)
	}
	return nil
}

// weigh is how large a ledger's file is when it is new, with finished jobs, and when they have been pruned: each time after a stop, so that there is no WAL.
func weigh(ctx context.Context, dir string, payload, n int) (fresh, full, pruned int64, err error) {
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	size := func(do func(*ledger.Ledger) error) (int64, error) {
		l, err := ledger.Open(ctx, ledger.Options{Dir: dir, Durability: ledger.Normal})
		if err != nil {
			return 0, err
		}
		if err := errors.Join(do(l), l.Close()); err != nil {
			return 0, err
		}
		info, err := os.Stat(filepath.Join(dir, "ledger.db"))
		if err != nil {
			return 0, err
		}
		return info.Size(), nil
	}
	if fresh, err = size(func(*ledger.Ledger) error { return nil }); err != nil {
		return 0, 0, 0, err
	}
	text := append(append([]byte{'"'}, bytes.Repeat([]byte{'x'}, payload-2)...), '"')
	full, err = size(func(l *ledger.Ledger) error {
		j := job()
		j.Params = text
		if err := submitJobs(ctx, l, n, j); err != nil {
			return err
		}
		for left := n; left > 0; { // not all at once, for their payloads are in memory
			jobs, err := readyJobs(ctx, l, claimWindow, nil)
			if err == nil {
				err = completeEach(ctx, l, jobs, text, claimSlots)
			}
			if err != nil {
				return err
			}
			left -= len(jobs)
		}
		return nil
	})
	if err != nil {
		return 0, 0, 0, err
	}
	pruned, err = size(func(l *ledger.Ledger) error {
		gone, err := l.Prune(ctx, ledger.PruneFilter{})
		if err == nil && gone != n {
			err = fmt.Errorf("%d of %d jobs were pruned", gone, n)
		}
		return errors.Join(err, l.Vacuum(ctx))
	})
	return fresh, full, pruned, err
}
