package main

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/whipper-sidecar/whipper/ledger"
	"github.com/whipper-sidecar/whipper/server"
)

// defaultList is how many jobs a listing shows.
const defaultList = 20

func ledgerCommand(c *console) *cli.Command {
	flags := func() []cli.Flag {
		return append(filterFlags(),
			countFlag("limit", defaultList, "", "most jobs to list"),
			boolFlag("all", "list all jobs, however many"),
			countFlag("before", 0, "the newest", "only jobs with lower ids than this: where a listing left off"),
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

func listJobs(c *console, cc *cli.Context) error {
	if err := noArguments(cc); err != nil {
		return err
	}
	filter, err := jobFilter(cc)
	if err == nil && c.line.given["limit"] && c.line.given["all"] && cc.Bool("all") {
		err = misuse("give one of them", "--limit and --all cannot be combined")
	}
	if err != nil {
		return err
	}
	if before := countOf(cc, "before"); before > 0 {
		filter.Cursor = ledger.CursorBelow(int64(before))
	}
	most := countOf(cc, "limit")
	if cc.Bool("all") {
		most = math.MaxInt
	}
	return c.withLedger(cc, func(ctx context.Context, r *ledger.Reader) error {
		l := &jobList{c: c, json: cc.Bool("json"), now: time.Now()}
		if filter.Pool == "" && !l.json {
			pools, err := r.Pools(ctx)
			if err != nil {
				return err
			}
			l.pools = len(pools) > 1
		}
		return l.list(ctx, r, filter, most)
	})
}

// jobList is one ledger list.
type jobList struct {
	c      *console
	json   bool
	pools  bool // jobs may be of several
	now    time.Time
	listed int
}

// list prints jobs, the newest first, up to most.
func (l *jobList) list(ctx context.Context, r *ledger.Reader, f ledger.Filter, most int) error {
	before := f.Cursor != ""
	for {
		f.Limit = min(ledger.MaxListLimit, most-l.listed)
		jobs, next, err := r.List(ctx, f)
		if err != nil {
			return err
		}
		if err := l.print(jobs); err != nil {
			return err
		}
		l.listed += len(jobs)
		if next == "" || l.listed >= most {
			l.afterwards(jobs, next, before || filtered(f))
			return nil
		}
		f.Cursor = next
	}
}

// afterwards says what a table leaves open.
func (l *jobList) afterwards(last []ledger.Job, next string, filtered bool) {
	switch {
	case l.json:
	case l.listed == 0 && filtered:
		l.c.say("whipper: no job on the ledger matches")
	case l.listed == 0:
		l.c.say("whipper: the ledger is empty: whipper submit METHOD puts a job on it")
	case next != "":
		l.c.say("whipper: there are more jobs: --before %d goes on from here, --limit and --all list more at once", last[len(last)-1].ID)
	}
}

// print prints a page of jobs: as JSON or in a table, of which the first page has the header.
func (l *jobList) print(jobs []ledger.Job) error {
	if l.json {
		for i := range jobs {
			if err := l.c.printJSON(server.WireListedJob(&jobs[i])); err != nil {
				return err
			}
		}
		return nil
	}
	if len(jobs) == 0 {
		return nil
	}
	g := &grid{headless: l.listed > 0, cut: "METHOD", columns: []gridColumn{
		{name: "ID", right: true},
		{name: "STATE"},
		{name: "POOL", spare: 2},
		{name: "METHOD"},
		{name: "ATTEMPTS", spare: 4},
		{name: "QUEUED", spare: 1},
		{name: "WAIT", spare: 5},
		{name: "RUN", spare: 3},
		{name: "WORKER", spare: 6},
	}}
	paint := painter(coloured(l.c.out))
	for i := range jobs {
		j := &jobs[i]
		g.rows = append(g.rows, []string{
			fmt.Sprint(j.ID), paint.paint(stateColour(j.State), string(j.State)), oneLine(j.Pool), oneLine(j.Method),
			fmt.Sprintf("%d/%d", j.Attempt, j.MaxAttempts), ago(j.CreatedAt, l.now),
			waitCell(j, l.now), runCell(j, l.now), orDash(oneLine(j.Worker)),
		})
	}
	if !l.pools {
		g.without("POOL")
	}
	return g.print(l.c.out)
}

// waitCell is how long a job waited, or when it is due.
func waitCell(j *ledger.Job, now time.Time) string {
	switch {
	case j.State == ledger.Queued && j.RunAt.After(now):
		return "in " + brief(j.RunAt.Sub(now))
	case j.State == ledger.Queued:
		return brief(now.Sub(j.RunAt))
	case j.Wait() < 50*time.Microsecond: // it would show as nothing
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
	if ran, ok := j.Ran(); ok {
		return brief(ran)
	}
	return "-" // it ended without another run
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
