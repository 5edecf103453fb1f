package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/urfave/cli/v2"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
)

const (
	statsPeriod = 24 * time.Hour // if no other was said
	sparkWidth  = 25             // bars, at most: the hours that the last 24 are part of
)

func ledgerStatsCommand(c *console) *cli.Command {
	return &cli.Command{
		Name:  "stats",
		Usage: "print for each method how many jobs ended in which way, and how long they waited and ran",
		Description: "It tells of jobs that ended within the last 24 hours, or since --since, also of those that have been pruned. Times are in whole hours,\n" +
			"waits and runs are exact to within 2 %. On a terminal a line shows how many ended over the time. No supervisor needs to run.",
		Flags: []cli.Flag{
			stringFlag("method", "", "only this method"),
			stringFlag("pool", "", "only this pool"),
			momentFlag("since", true, "what has ended since then: a time, or a duration back from now (default: 24h)"),
			momentFlag("until", true, "what has ended before then: a time, or a duration back from now"),
			boolFlag("json", "print one method a line as JSON"),
			ledgerDirFlag(),
		},
		Action: func(cc *cli.Context) error { return c.ledgerStats(cc) },
	}
}

func (c *console) ledgerStats(cc *cli.Context) (err error) {
	if err := noArguments(cc); err != nil {
		return err
	}
	f := ledger.StatsFilter{Pool: cc.String("pool"), Method: cc.String("method"), Since: momentOf(cc, "since"), Until: momentOf(cc, "until")}
	now := time.Now()
	if f.Until.IsZero() {
		f.Until = now
	}
	if f.Since.IsZero() {
		f.Since = f.Until.Add(-statsPeriod)
	}
	if !f.Since.Before(f.Until) {
		return misuse("--since is where the time begins, --until where it ends", "--since is not before --until, so no job could match")
	}
	f.Since = f.Since.Truncate(time.Hour)
	ctx, stop := interruptible(cc.Context)
	defer stop()
	r, err := c.openLedger(ctx, cc)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	methods, err := r.Stats(ctx, f)
	if err != nil {
		return err
	}
	if cc.Bool("json") {
		return c.printMethods(methods, f)
	}
	return c.tabulateMethods(methods, f)
}

// wireStats is a method's statistics as --json has them.
type wireStats struct {
	Pool      string       `json:"pool"`
	Method    string       `json:"method"`
	Since     jsonrpc.Time `json:"since"`
	Until     jsonrpc.Time `json:"until"`
	Queued    int64        `json:"queued"`
	Running   int64        `json:"running"`
	Succeeded int64        `json:"succeeded"`
	Failed    int64        `json:"failed"`
	Cancelled int64        `json:"cancelled"`
	Dropped   int64        `json:"dropped"`
	ErrorRate float64      `json:"errorRate"`
	Attempts  int64        `json:"attempts"`
	Crashes   int64        `json:"crashes"`
	Wait      wireLatency  `json:"wait"`
	Run       wireLatency  `json:"run"`
	Hours     []wireHour   `json:"hours"`
}

type wireLatency struct {
	Count  int64   `json:"count"`
	MeanMs float64 `json:"meanMs"`
	P50Ms  float64 `json:"p50Ms"`
	P95Ms  float64 `json:"p95Ms"`
	P99Ms  float64 `json:"p99Ms"`
}

type wireHour struct {
	At     jsonrpc.Time `json:"at"`
	Ended  int64        `json:"ended"`
	Failed int64        `json:"failed"`
}

func (c *console) printMethods(methods []ledger.MethodStats, f ledger.StatsFilter) error {
	for i := range methods {
		m := &methods[i]
		wire := wireStats{
			Pool: m.Pool, Method: m.Method, Since: jsonrpc.Time{Time: f.Since}, Until: jsonrpc.Time{Time: f.Until}, Queued: m.Queued, Running: m.Running,
			Succeeded: m.Ended[ledger.Succeeded], Failed: m.Ended[ledger.Failed], Cancelled: m.Ended[ledger.Cancelled],
			Dropped: m.Ended[ledger.Dropped], ErrorRate: math.Round(m.ErrorRate()*1e6) / 1e6, Attempts: m.Attempts, Crashes: m.Crashes,
			Wait: toWireLatency(m.Wait), Run: toWireLatency(m.Run), Hours: []wireHour{},
		}
		for _, h := range m.Hours {
			wire.Hours = append(wire.Hours, wireHour{jsonrpc.Time{Time: h.At}, h.Ended, h.Failed})
		}
		if err := c.printJSON(wire); err != nil {
			return err
		}
	}
	return nil
}

func toWireLatency(l ledger.Latency) wireLatency {
	ms := func(d time.Duration) float64 { return float64(d.Round(time.Microsecond)) / float64(time.Millisecond) }
	return wireLatency{l.N, ms(l.Mean), ms(l.P50), ms(l.P95), ms(l.P99)}
}

// statsColumn is one column of the table of methods.
type statsColumn struct {
	name string
	cell func(m *ledger.MethodStats) string
	zero func(m *ledger.MethodStats) bool // a terminal does without the column where it holds of all methods; nil: never
}

func countColumn(name string, n func(m *ledger.MethodStats) int64) statsColumn {
	return statsColumn{
		name, func(m *ledger.MethodStats) string { return humanize.Comma(n(m)) },
		func(m *ledger.MethodStats) bool { return n(m) == 0 },
	}
}

// tabulateMethods prints a table that fits a terminal, or has every column elsewhere.
func (c *console) tabulateMethods(methods []ledger.MethodStats, f ledger.StatsFilter) error {
	methods = worthTelling(methods)
	if len(methods) == 0 {
		c.say("whipper: nothing has ended since %s, and nothing is queued", f.Since.Local().Format("2006-01-02 15:04"))
		return nil
	}
	pools := map[string]bool{}
	for i := range methods {
		pools[methods[i].Pool] = true
	}
	ended := func(s ledger.State) func(*ledger.MethodStats) int64 {
		return func(m *ledger.MethodStats) int64 { return m.Ended[s] }
	}
	paint := painter(coloured(c.out))
	columns := []statsColumn{
		{"POOL", func(m *ledger.MethodStats) string { return oneLine(m.Pool) }, func(*ledger.MethodStats) bool { return len(pools) == 1 }},
		{"METHOD", func(m *ledger.MethodStats) string { return oneLine(m.Method) }, nil},
		countColumn("QUEUED", func(m *ledger.MethodStats) int64 { return m.Queued }),
		countColumn("RUNNING", func(m *ledger.MethodStats) int64 { return m.Running }),
		{"SUCCEEDED", func(m *ledger.MethodStats) string { return humanize.Comma(m.Ended[ledger.Succeeded]) }, nil},
		{"FAILED", func(m *ledger.MethodStats) string { return humanize.Comma(m.Ended[ledger.Failed]) }, nil},
		countColumn("CANCELLED", ended(ledger.Cancelled)),
		countColumn("DROPPED", ended(ledger.Dropped)),
		{"ERRORS", func(m *ledger.MethodStats) string { return rateCell(m, paint) }, nil},
		{"WAIT p50/p95/p99", func(m *ledger.MethodStats) string { return latencyCell(m.Wait) }, nil},
		{"RUN p50/p95/p99", func(m *ledger.MethodStats) string { return latencyCell(m.Run) }, nil},
	}
	if isTerminal(c.out) {
		columns = append(columns, statsColumn{"OVER TIME", func(m *ledger.MethodStats) string { return sparkline(throughput(m, f)) }, nil})
		columns = withoutZero(columns, methods)
	}
	var header []string
	method := 0
	for i, column := range columns {
		header = append(header, column.name)
		if column.name == "METHOD" {
			method = i
		}
	}
	var rows []table.Row
	for i := range methods {
		row := table.Row{}
		for _, column := range columns {
			row = append(row, column.cell(&methods[i]))
		}
		rows = append(rows, row)
	}
	_, err := io.WriteString(c.out, fitted(columnsOf(c.out), method, rows, func() string {
		t := newTable(header, "QUEUED", "RUNNING", "SUCCEEDED", "FAILED", "CANCELLED", "DROPPED", "ERRORS")
		t.AppendRows(rows)
		return t.Render() + "\n"
	}))
	return err
}

// worthTelling leaves out methods of which nothing has ended and nothing is queued.
func worthTelling(methods []ledger.MethodStats) []ledger.MethodStats {
	var some []ledger.MethodStats
	for i := range methods {
		if m := &methods[i]; m.Total() > 0 || m.Queued > 0 || m.Running > 0 {
			some = append(some, *m)
		}
	}
	return some
}

func withoutZero(columns []statsColumn, methods []ledger.MethodStats) []statsColumn {
	var some []statsColumn
	for _, column := range columns {
		all := column.zero != nil
		for i := range methods {
			all = all && column.zero(&methods[i])
		}
		if !all {
			some = append(some, column)
		}
	}
	return some
}

func rateCell(m *ledger.MethodStats, paint painter) string {
	rate := m.ErrorRate()
	switch {
	case m.Ended[ledger.Succeeded]+m.Ended[ledger.Failed] == 0:
		return "-"
	case rate == 0:
		return "0%"
	}
	return paint.paint(red, fmt.Sprintf("%.1f%%", max(0.1, 100*rate)))
}

func latencyCell(l ledger.Latency) string {
	if l.N == 0 {
		return "-"
	}
	return brief(l.P50) + " " + brief(l.P95) + " " + brief(l.P99)
}

// throughput is how many jobs ended in each part of the time.
func throughput(m *ledger.MethodStats, f ledger.StatsFilter) []int64 {
	hours := int64(math.Ceil(f.Until.Sub(f.Since).Hours()))
	each := (hours + sparkWidth - 1) / sparkWidth // hours
	parts := make([]int64, (hours+each-1)/each)
	for _, h := range m.Hours {
		if i := int64(h.At.Sub(f.Since).Hours()) / each; i >= 0 && i < int64(len(parts)) {
			parts[i] += h.Ended
		}
	}
	return parts
}
