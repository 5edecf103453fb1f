package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/whipper-sidecar/whipper/ledger"
)

func exportCommand(c *console) *cli.Command {
	return &cli.Command{
		Name:      "export",
		Usage:     "write jobs with all that belongs to them as JSON, one a line",
		ArgsUsage: "[FILE]",
		Description: "Without FILE, or with -, it writes to standard output. The jobs are those of one moment, oldest first, and the same ledger gives\n" +
			"the same bytes; import makes the same ledger of them. A running supervisor goes on meanwhile.\n" +
			"FILE appears when it is whole and on disk, for its owner alone.",
		Flags: append(filterFlags(),
			boolFlag("force", "replace FILE if it is there"),
			ledgerDirFlag()),
		Action: func(cc *cli.Context) error { return exportJobs(c, cc) },
	}
}

func exportJobs(c *console, cc *cli.Context) error {
	if cc.NArg() > 1 {
		return misuse("whipper ledger export jobs.ndjson", "export takes the name of one file")
	}
	filter, err := jobFilter(cc)
	if err != nil {
		return err
	}
	return c.withLedger(cc, func(ctx context.Context, r *ledger.Reader) error {
		name := cc.Args().First()
		switch {
		case name != "" && name != "-":
			return c.exportFile(ctx, r, name, filter, cc.Bool("force"))
		case isTerminal(c.out):
			_, err := r.Export(ctx, tameWriter{c.out}, filter, nil)
			return err
		}
		b := bufio.NewWriterSize(c.out, 1<<16)
		_, err := c.showExported(ctx, r, filter, func(progress func(int64)) (int64, error) {
			return r.Export(ctx, b, filter, progress)
		})
		return errors.Join(err, b.Flush())
	})
}

func (c *console) exportFile(ctx context.Context, r *ledger.Reader, name string, f ledger.Filter, force bool) error {
	jobs, err := c.showExported(ctx, r, f, func(progress func(int64)) (int64, error) {
		return r.ExportFile(ctx, name, f, force, progress)
	})
	if err != nil {
		return unwritable(err)
	}
	_, err = fmt.Fprintf(c.out, "%s: %s\n", oneLine(name), plural(int(jobs), "job"))
	return err
}

// showExported draws how far an export is.
func (c *console) showExported(ctx context.Context, r *ledger.Reader, f ledger.Filter, export func(progress func(int64)) (int64, error)) (int64, error) {
	total, err := r.Count(ctx, f)
	if err != nil {
		return 0, err
	}
	bar := &lateBar{w: c.err, what: "exported", total: total, begun: time.Now()}
	defer bar.stop()
	return export(bar.reach)
}

// tameWriter is what may be a terminal, and gets whole lines of JSON.
type tameWriter struct{ io.Writer }

func (t tameWriter) Write(line []byte) (int, error) {
	if _, err := io.WriteString(t.Writer, escapeJSON(string(line))); err != nil {
		return 0, err
	}
	return len(line), nil
}
