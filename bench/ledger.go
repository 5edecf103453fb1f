package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/dustin/go-humanize"
	"golang.org/x/sys/unix"
)

// ledgerSizes are how much the ledger is measured with.
type ledgerSizes struct {
	history []int64 // finished jobs in the ledger, rising
	left    int     // jobs that a killed process leaves
	jobs    int     // in one repetition
}

// jobBytes is more than a job of the history takes on disk, with its share of the WAL.
const jobBytes = 1 << 10

// ledgers measures the ledger: beside its history, its listings, its start, its size and its writer. Each table is printed as soon as it is there.
func ledgers(ctx context.Context, out io.Writer, binary, dir string, runs int, sizes ledgerSizes) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, part := range []struct {
		what    string
		measure func() error
	}{
		{"history", func() error { return beside(ctx, w, binary, dir, runs, sizes) }},
		{"starts after SIGKILL", func() error { return starts(ctx, w, binary, dir, runs, sizes.left) }},
		{"size of the file", func() error { return weights(ctx, w, dir, sizes.left) }},
		{"group commit", func() error { return groupCommits(ctx, w, dir, runs, sizes.jobs) }},
	} {
		told(part.what)
		if err := errors.Join(part.measure(), w.Flush()); err != nil {
			return fmt.Errorf("%s: %w", part.what, err)
		}
	}
	synced, err := fsync(filepath.Join(dir, "fsync"), 200)
	if err != nil {
		return fmt.Errorf("fsync: %w", err)
	}
	_, err = fmt.Fprintf(out, "medians of %d runs; %s, %d cores; one write+fsync: %s\n", runs, runtime.Version(), runtime.NumCPU(), synced)
	return err
}

// beside measures what depends on how many jobs have ended. One ledger grows from size to size and is taken away at the end.
func beside(ctx context.Context, w *tabwriter.Writer, binary, dir string, runs int, sizes ledgerSizes) error {
	most := sizes.history[len(sizes.history)-1]
	var disk unix.Statfs_t
	if err := unix.Statfs(dir, &disk); err != nil {
		return err
	}
	if free := int64(disk.Bavail) * int64(disk.Bsize); free < most*jobBytes { //nolint:unconvert // it is a uint32 on macOS
		return fmt.Errorf("%s of history may need %s, and %s has %s: choose a smaller -history, or another TMPDIR",
			humanize.Comma(most), humanize.IBytes(uint64(most*jobBytes)), dir, humanize.IBytes(uint64(free)))
	}
	h := newHistory(filepath.Join(dir, "history"), sizes.history[0])
	defer func() { _ = os.RemoveAll(h.dir) }()
	fmt.Fprintln(w, "\nWORK\tLEDGER\tEMPTY LEDGER\tRATIO\tOF CPU TIME")
	var asked bytes.Buffer // a table of its own, printed after this one
	for i, n := range sizes.history {
		told(fmt.Sprintf("history of %s jobs", humanize.Comma(n)))
		if err := h.grow(ctx, n); err != nil {
			return err
		}
		if i == 0 {
			if err := askHistory(ctx, &asked, binary, h, runs); err != nil {
				return err
			}
		}
		if err := besideHistory(ctx, w, h, dir, runs, sizes.jobs); err != nil {
			return err
		}
	}
	_, err := asked.WriteTo(w)
	return err
}

// told says on stderr what is measured now.
func told(what string) { fmt.Fprintln(os.Stderr, "ledger:", what) }

// parseHistory reads sizes, as 1000000,5000000.
func parseHistory(text string) ([]int64, error) {
	var sizes []int64
	for _, part := range strings.Split(text, ",") {
		n, err := strconv.ParseInt(part, 10, 64)
		if err != nil || n < 1 || len(sizes) > 0 && n <= sizes[len(sizes)-1] {
			return nil, fmt.Errorf("-history %q: rising numbers of jobs are wanted, as 1000000,5000000", text)
		}
		sizes = append(sizes, n)
	}
	return sizes, nil
}
