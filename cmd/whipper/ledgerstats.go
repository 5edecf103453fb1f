package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/dustin/go-humanize"
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
			"waits and runs are exact to within 2 %. On a terminal a line shows how many ended over the time, and where it is\n" +
			"narrow there are two tables, or a paragraph for each method. No supervisor needs to run.",
		Flags: []cli.Flag{
			stringFlag("method", "", "only this method"),
			stringFlag("pool", "", "only this pool"),
			momentFlag("since", -1, "what has ended since then: a time, or a duration back from now (default: 24h)"),
			momentFlag("until", -1, "what has ended before then: a time, or a duration back from now"),
			boolFlag("json", "print one method a line as JSON"),
			ledgerDirFlag(),
		},
		Action: func(cc *cli.Context) error { return c.ledgerStats(cc) },
	}
}

func (c *console) ledgerStats(cc *cli.Context) error {
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
	var methods []ledger.MethodStats
	err := c.withLedger(cc, func(ctx context.Context, r *ledger.Reader) (err error) {
		methods, err = r.Stats(ctx, f)
		return err
	})
	switch {
	case err != nil:
		return err
	case cc.Bool("json"):
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

// tabulateMethods prints a table, or what there is room for on a terminal: counts and times in a table each, or a paragraph for each method.
func (c *console) tabulateMethods(methods []ledger.MethodStats, f ledger.StatsFilter) error {
	methods = worthTelling(methods)
	if len(methods) == 0 {
		c.say("whipper: nothing has ended since %s, and nothing is queued", f.Since.Local().Format("2006-01-02 15:04"))
		return nil
	}
	if !isTerminal(c.out) {
		g := methodGrid(methods, f, 0, false)
		g.without("OVER TIME")
		return g.print(c.out)
	}
	width, colour := columnsOf(c.out), coloured(c.out)
	text, fits := methodGrid(methods, f, sparkWidth, colour).withoutZeros().fit(width)
	narrow := methodGrid(methods, f, sparkWidth/2, colour).withoutZeros()
	if !fits {
		counts, times := narrow.split([]string{"WAIT p50/p95/p99", "RUN p50/p95/p99"}, []string{"POOL", "METHOD"})
		one, oneFits := counts.fit(width)
		other, otherFits := times.fit(width)
		text, fits = one+"\n"+other, oneFits && otherFits
	}
	if !fits {
		text = narrow.paragraphs()
	}
	_, err := io.WriteString(c.out, text)
	return err
}

// methodGrid has a row for each method, with a line of so many bars for what ended over the time.
func methodGrid(methods []ledger.MethodStats, f ledger.StatsFilter, sparks int, colour bool) *grid {
	g := &grid{cut: "METHOD", columns: []gridColumn{
		{name: "POOL"},
		{name: "METHOD"},
		{name: "QUEUED", right: true},
		{name: "RUNNING", right: true},
		{name: "SUCCEEDED", right: true},
		{name: "FAILED", right: true},
		{name: "CANCELLED", right: true},
		{name: "DROPPED", right: true},
		{name: "ERRORS", right: true},
		{name: "WAIT p50/p95/p99"},
		{name: "RUN p50/p95/p99"},
		{name: "OVER TIME"},
	}}
	for i := range methods {
		m := &methods[i]
		g.rows = append(g.rows, []string{
			oneLine(m.Pool), oneLine(m.Method), humanize.Comma(m.Queued), humanize.Comma(m.Running),
			humanize.Comma(m.Ended[ledger.Succeeded]), humanize.Comma(m.Ended[ledger.Failed]), humanize.Comma(m.Ended[ledger.Cancelled]),
			humanize.Comma(m.Ended[ledger.Dropped]), rateCell(m, painter(colour)), latencyCell(m.Wait), latencyCell(m.Run),
			sparkline(throughput(m, f, sparks)),
		})
	}
	return g
}

// withoutZeros leaves out what tells nothing: counts that are all zero, and the pool where there is one.
func (g *grid) withoutZeros() *grid {
	for _, name := range []string{"QUEUED", "RUNNING", "CANCELLED", "DROPPED"} {
		if g.all(name, "0") {
			g.without(name)
		}
	}
	if g.all("POOL", g.rows[0][0]) {
		g.without("POOL")
	}
	return g
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

// throughput is how many jobs ended in each part of the time, of which there are most at the most; 0: nothing.
func throughput(m *ledger.MethodStats, f ledger.StatsFilter, most int) []int64 {
	if most == 0 {
		return nil
	}
	hours := int64(math.Ceil(f.Until.Sub(f.Since).Hours()))
	each := (hours + int64(most) - 1) / int64(most) // hours
	parts := make([]int64, (hours+each-1)/each)
	for _, h := range m.Hours {
		if i := int64(h.At.Sub(f.Since).Hours()) / each; i >= 0 && i < int64(len(parts)) {
			parts[i] += h.Ended
		}
	}
	return parts
}
