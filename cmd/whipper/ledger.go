package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/urfave/cli/v2"

	"github.com/whipper-sidecar/whipper/ledger"
	whipper "github.com/whipper-sidecar/whipper/sdk-go"
	"github.com/whipper-sidecar/whipper/server"
)

// defaultList is how many jobs a listing shows.
const defaultList = 20

func ledgerCommand(c *console) *cli.Command {
	flags := func() []cli.Flag {
		return append(filterFlags(),
			countFlag("limit", defaultList, "", "most jobs to list"),
			boolFlag("all", "list all jobs, however many"),
			boolFlag("json", "print one job a line as JSON, without payloads"),
			ledgerDirFlag())
	}
	list := func(cc *cli.Context) error { return listJobs(c, cc) }
	return &cli.Command{
		Name:        "ledger",
		Usage:       "look at the jobs on the ledger, and change them",
		Description: "Without a subcommand it lists the newest jobs. It reads the ledger itself: no supervisor needs to run.",
		Flags:       flags(),
		Action:      list,
		Subcommands: []*cli.Command{
			{Name: "list", Usage: "list the newest jobs", Flags: flags(), Action: list},
			showCommand(c),
			tailCommand(c),
			ledgerStatsCommand(c),
			retryCommand(c),
			cancelCommand(c),
			pruneCommand(c),
			backupCommand(c),
			checkCommand(c),
			exportCommand(c),
			importCommand(c),
		},
	}
}

// openLedger opens the ledger that is meant for reading.
func (c *console) openLedger(ctx context.Context, cc *cli.Context) (*ledger.Reader, error) {
	dir, err := c.existingDir(cc)
	if err != nil {
		return nil, err
	}
	return ledger.OpenReader(ctx, dir)
}

// withLedger has read do its work on the ledger that is meant. Ctrl-C ends its context.
func (c *console) withLedger(cc *cli.Context, read func(context.Context, *ledger.Reader) error) (err error) {
	ctx, stop := interruptible(cc.Context)
	defer stop()
	r, err := c.openLedger(ctx, cc)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	return read(ctx, r)
}

// existingDir is the folder of the ledger that is meant, where it may be one.
func (c *console) existingDir(cc *cli.Context) (string, error) {
	dir, err := c.ledgerDir(cc)
	var none *whipper.NoFolderError
	switch info, e := os.Stat(dir); {
	case errors.As(err, &none): // that no supervisor runs does not matter here
		return "", &failure{Err: fmt.Errorf("no ledger: %w", err), Code: exitLedger, Hint: "whipper exec tasks.py makes one"}
	case err != nil:
		return "", err
	case e == nil && !info.IsDir():
		return "", misuse("choose another --dir", "%s is not a folder", dir)
	}
	return dir, nil
}

func listJobs(c *console, cc *cli.Context) (err error) {
	if err := noArguments(cc); err != nil {
		return err
	}
	ctx, stop := interruptible(cc.Context)
	defer stop()
	filter, err := jobFilter(cc)
	if err == nil && c.line.given["limit"] && c.line.given["all"] && cc.Bool("all") {
		err = misuse("give one of them", "--limit and --all cannot be combined")
	}
	if err != nil {
		return err
	}
	limit, all := countOf(cc, "limit"), cc.Bool("all")
	r, err := c.openLedger(ctx, cc)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	print := c.tabulate
	if cc.Bool("json") {
		print = c.printJobs
	}
	listed := 0
	for first := true; first || filter.Cursor != ""; first = false {
		filter.Limit = ledger.MaxListLimit
		if !all {
			filter.Limit = min(filter.Limit, limit-listed)
		}
		jobs, next, err := r.List(ctx, filter)
		if err != nil {
			return err
		}
		if err := print(jobs, first); err != nil {
			return err
		}
		listed += len(jobs)
		filter.Cursor = next
		if !all && listed >= limit {
			break
		}
	}
	if !cc.Bool("json") {
		c.afterList(listed, filter)
	}
	return nil
}

// afterList says what a table leaves open.
func (c *console) afterList(listed int, f ledger.Filter) {
	switch {
	case listed == 0 && filtered(f):
		c.say("whipper: no job on the ledger matches")
	case listed == 0:
		c.say("whipper: the ledger is empty: whipper submit METHOD puts a job on it")
	case f.Cursor != "":
		c.say("whipper: there are more jobs: --limit or --all lists them")
	}
}

func (c *console) printJobs(jobs []ledger.Job, _ bool) error {
	for i := range jobs {
		if err := c.printJSON(server.WireListedJob(&jobs[i])); err != nil {
			return err
		}
	}
	return nil
}

// tabulate prints a page of jobs as a table.
func (c *console) tabulate(jobs []ledger.Job, first bool) error {
	if len(jobs) == 0 {
		return nil
	}
	paint := painter(coloured(c.out))
	now := time.Now()
	var rows []table.Row
	for i := range jobs {
		j := &jobs[i]
		rows = append(rows, table.Row{
			fmt.Sprint(j.ID), paint.paint(stateColour(j.State), string(j.State)), oneLine(j.Method),
			fmt.Sprintf("%d/%d", j.Attempt, j.MaxAttempts), ago(j.CreatedAt, now),
			waitCell(j, now), runCell(j, now), orDash(oneLine(j.Worker)),
		})
	}
	const method = 2
	_, err := io.WriteString(c.out, fitted(columnsOf(c.out), method, rows, func() string {
		t := newTable([]string{"ID", "STATE", "METHOD", "ATTEMPTS", "QUEUED", "WAIT", "RUN", "WORKER"}, "ID")
		if !first {
			t.ResetHeaders()
		}
		t.AppendRows(rows)
		return t.Render() + "\n"
	}))
	return err
}

// waitCell is how long a job waited, or when it is due.
func waitCell(j *ledger.Job, now time.Time) string {
	switch {
	case j.State == ledger.Queued && j.RunAt.After(now):
		return "in " + brief(j.RunAt.Sub(now))
	case j.State == ledger.Queued:
		return brief(now.Sub(j.RunAt))
	case j.StartedAt.IsZero(), j.Wait() < 50*time.Microsecond: // it would show as nothing
		return "-"
	}
	return brief(j.Wait())
}

// runCell is how long a job's last run took, or has taken.
func runCell(j *ledger.Job, now time.Time) string {
	switch {
	case j.StartedAt.IsZero(), j.State == ledger.Queued:
		return "-"
	case j.FinishedAt.IsZero():
		return brief(max(0, now.Sub(j.StartedAt)))
	}
	return brief(max(0, j.FinishedAt.Sub(j.StartedAt)))
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
