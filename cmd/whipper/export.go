package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
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
			"FILE appears when it is whole, for its owner alone.",
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
		e := &exporter{c: c, ledger: r, filter: filter}
		name := cc.Args().First()
		if name == "" || name == "-" {
			return e.toStdout(ctx)
		}
		jobs, err := e.toFile(ctx, name, cc.Bool("force"))
		if errors.Is(err, fs.ErrExist) {
			return misuse("choose another name, or add --force", "write %s: %w", name, fs.ErrExist)
		}
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(c.out, "%s: %s\n", oneLine(name), plural(int(jobs), "job"))
		return err
	})
}

// exporter is one export under way.
type exporter struct {
	c      *console
	ledger *ledger.Reader
	filter ledger.Filter
}

// toStdout writes lines as they are, or on a terminal without anything that it would obey.
func (e *exporter) toStdout(ctx context.Context) error {
	if isTerminal(e.c.out) {
		_, err := e.ledger.Export(ctx, tameWriter{e.c.out}, e.filter, nil)
		return err
	}
	_, err := e.buffered(ctx, e.c.out)
	return err
}

// buffered writes in large pieces, and draws how far it is.
func (e *exporter) buffered(ctx context.Context, w io.Writer) (int64, error) {
	total, err := e.ledger.Count(ctx, e.filter)
	if err != nil {
		return 0, err
	}
	bar := &lateBar{w: e.c.err, what: "exported", total: total, begun: time.Now()}
	defer bar.stop()
	b := bufio.NewWriterSize(w, 1<<16)
	jobs, err := e.ledger.Export(ctx, b, e.filter, bar.reach)
	if err == nil {
		err = b.Flush()
	}
	return jobs, err
}

// toFile writes a file beside the one that is meant, and gives it its name when it is whole and on disk.
func (e *exporter) toFile(ctx context.Context, name string, force bool) (jobs int64, err error) {
	info, err := os.Stat(name)
	switch {
	case err == nil && !info.Mode().IsRegular():
		return 0, misuse("choose another name", "%s is no regular file", name)
	case err == nil && !force:
		return 0, fs.ErrExist
	}
	temp, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*.tmp")
	if err != nil {
		return 0, fmt.Errorf("export jobs: write %s: %w", name, bareReason(err))
	}
	defer func() { _ = os.Remove(temp.Name()) }() // it has its own name by then, or is worth nothing
	jobs, err = e.buffered(ctx, temp)
	if err == nil {
		err = temp.Sync()
	}
	if err = errors.Join(err, temp.Close()); err != nil {
		return 0, err
	}
	if !force { // a file that has come meanwhile stays
		return jobs, os.Link(temp.Name(), name)
	}
	return jobs, os.Rename(temp.Name(), name)
}

// bareReason is the system's, without the name of a file that nobody knows of.
func bareReason(err error) error {
	if path := (*fs.PathError)(nil); errors.As(err, &path) {
		return path.Err
	}
	return err
}

// tameWriter is a terminal that gets whole lines of JSON.
type tameWriter struct{ io.Writer }

func (t tameWriter) Write(line []byte) (int, error) {
	if _, err := io.WriteString(t.Writer, escapeJSON(string(line))); err != nil {
		return 0, err
	}
	return len(line), nil
}
