// Package ledgers measures the ledger without workers: beside a history, after a crash, by the size of its file, and its writer beside bare statements.
package ledgers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/dustin/go-humanize"
	"golang.org/x/sys/unix"

	"github.com/whipper-sidecar/whipper/bench/result"
)

// Bench is what all of its measurements need.
type Bench struct {
	Report *result.Report
	Binary string // whipper
	Dir    string // for everything that is written
	Worker string // a script that whipper exec is started with
	Turns  int
	Jobs   int // in one turn
}

// jobBytes is more than a job of the history takes on disk, with its share of the WAL.
const jobBytes = 1 << 10

// History measures what depends on how many jobs have ended, with each of the sizes, which rise. One ledger grows from size to size and is taken away at the end.
func (b Bench) History(ctx context.Context, sizes []int64) (err error) {
	most := sizes[len(sizes)-1]
	var disk unix.Statfs_t
	if err := unix.Statfs(b.Dir, &disk); err != nil {
		return err
	}
	if free := int64(disk.Bavail) * int64(disk.Bsize); free < most*jobBytes { //nolint:unconvert // it is a uint32 on macOS
		return fmt.Errorf("%s jobs of history may need %s, and %s has %s: choose another TMPDIR",
			humanize.Comma(most), humanize.IBytes(uint64(most*jobBytes)), b.Dir, humanize.IBytes(uint64(free)))
	}
	h := newHistory(filepath.Join(b.Dir, "history"), sizes[0])
	defer func() { err = errors.Join(err, os.RemoveAll(h.dir)) }()
	for i, n := range sizes {
		b.Report.Progress(fmt.Sprintf("history of %s jobs", humanize.Comma(n)))
		if err := h.grow(ctx, n); err != nil {
			return err
		}
		if i == 0 {
			if err := b.listings(ctx, h); err != nil {
				return err
			}
		}
		if err := b.besideHistory(ctx, h); err != nil {
			return err
		}
	}
	return nil
}

// Rest measures what needs no history, with so many jobs that a killed process leaves or that are in the file.
func (b Bench) Rest(ctx context.Context, jobs int) error {
	if err := b.starts(ctx, jobs); err != nil {
		return err
	}
	if err := b.weights(ctx, jobs); err != nil {
		return err
	}
	return b.groupCommits(ctx)
}
