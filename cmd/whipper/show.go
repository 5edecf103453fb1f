package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/whipper-sidecar/whipper/internal/telemetry/signals"
	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
	"github.com/whipper-sidecar/whipper/server"
)

func showCommand(c *console) *cli.Command {
	return &cli.Command{
		Name:        "show",
		Usage:       "print one job whole: what it is, how it ended, and every attempt",
		ArgsUsage:   "ID",
		Description: "It reads the ledger itself: no supervisor needs to run.",
		Flags: []cli.Flag{
			boolFlag("json", "print the job as JSON, in the shape of the socket's job.get; with --trace-url it has a traceUrl too"),
			stringFlag("trace-url", "", "`URL` of a trace, with {traceId} in it, to link to"),
			ledgerDirFlag(),
		},
		Action: func(cc *cli.Context) error { return show(c, cc) },
	}
}

func show(c *console, cc *cli.Context) error {
	ids, err := jobIDs(cc.Args().Slice())
	if err != nil {
		return err
	}
	if len(ids) != 1 {
		return misuse("whipper ledger show 1", "show needs the id of one job")
	}
	traceURL := cc.String("trace-url")
	if traceURL != "" && !strings.Contains(traceURL, placeOfTraceID) {
		return misuse("put it where the trace's id belongs, as in http://127.0.0.1:16686/trace/"+placeOfTraceID, "--trace-url %q has no %s", traceURL, placeOfTraceID)
	}
	var job ledger.Job
	var attempts []ledger.Attempt
	err = c.withLedger(cc, func(ctx context.Context, r *ledger.Reader) (err error) {
		job, attempts, err = r.Get(ctx, ids[0])
		return err
	})
	if err != nil {
		return err
	}
	id := traceID(job.Traceparent)
	if id == "" {
		traceURL = ""
	}
	traceURL = strings.ReplaceAll(traceURL, placeOfTraceID, id)
	if cc.Bool("json") {
		return c.printJSON(struct {
			jsonrpc.Job
			TraceURL string `json:"traceUrl,omitempty"`
		}{server.WireJob(&job, attempts), traceURL})
	}
	v := &jobPage{traceURL: traceURL, out: &strings.Builder{}, paint: painter(coloured(c.out)), now: time.Now(), told: map[string]int{}}
	v.job(&job, attempts)
	for i := range attempts {
		v.attempt(&attempts[i], job.CreatedAt)
	}
	_, err = io.WriteString(c.out, v.out.String())
	return err
}

// jobPage writes one job for people.
type jobPage struct {
	out   *strings.Builder
	paint painter
	now   time.Time
	told  map[string]int // errors, and the attempts that they were told with

	traceURL string // "": nobody has said where traces are
}

const clock = "2006-01-02 15:04:05.000 -07:00"

func (v *jobPage) job(j *ledger.Job, attempts []ledger.Attempt) {
	fmt.Fprintf(v.out, "%s  %s\n", v.paint.paint(bold, fmt.Sprintf("job %d", j.ID)), v.paint.paint(stateColour(j.State), string(j.State)))
	v.field("method", oneLine(j.Method))
	v.field("pool", oneLine(j.Pool))
	v.payload("params", j.Params)
	v.payload("result", j.Result)
	if e := server.WireError(j.Error); e != nil {
		v.message("error", e, string(j.ErrorSource))
		if !slices.ContainsFunc(attempts, func(a ledger.Attempt) bool { return bytes.Equal(a.Error, j.Error) }) {
			v.details(e) // else they are below, with the attempt
		}
	}
	v.payload("progress", j.Progress)
	count := fmt.Sprintf("%d of %d", j.Attempt, j.MaxAttempts)
	if j.Runs != j.Attempt {
		count += fmt.Sprintf("; %s in all", plural(j.Runs, "run"))
	}
	v.field("attempts", count)
	if j.Origin == ledger.FromInvoke {
		v.field("origin", string(j.Origin)) // it runs once, and has no delivery to speak of
	} else {
		v.field("origin", fmt.Sprintf("%s, %s", j.Origin, j.Delivery))
	}
	if j.Priority != 0 {
		v.field("priority", fmt.Sprint(j.Priority))
	}
	if j.Timeout > 0 {
		v.field("timeout", brief(j.Timeout))
	}
	v.field("key", oneLine(j.IdempotencyKey))
	v.field("serial", oneLine(j.ConcurrencyKey))
	names := make([]string, 0, len(j.Labels))
	for name, value := range j.Labels {
		names = append(names, oneLine(name+"="+value))
	}
	slices.Sort(names)
	v.field("labels", strings.Join(names, " "))
	v.field("trace", cmp.Or(traceID(j.Traceparent), oneLine(j.Traceparent)))
	v.field("", oneLine(v.traceURL))
	v.timeline(j)
}

func (v *jobPage) timeline(j *ledger.Job) {
	v.field("queued", fmt.Sprintf("%s  %s", j.CreatedAt.Local().Format(clock), v.paint.paint(grey, ago(j.CreatedAt, v.now))))
	if j.RunAt.After(j.CreatedAt.Add(time.Millisecond)) {
		due := j.RunAt.Local().Format(clock)
		if j.State == ledger.Queued && j.RunAt.After(v.now) {
			due += "  in " + brief(j.RunAt.Sub(v.now))
		}
		v.field("due", due)
	}
	if !j.ExpiresAt.IsZero() {
		v.field("expires", j.ExpiresAt.Local().Format(clock))
	}
	if _, ended := j.Ran(); !j.StartedAt.IsZero() {
		text := j.StartedAt.Local().Format(clock)
		if ended || j.State == ledger.Running { // else RunAt is of another run
			text += "  after waiting " + brief(j.Wait())
		}
		v.field("started", text)
	}
	if !j.FinishedAt.IsZero() {
		text := j.FinishedAt.Local().Format(clock)
		if ran, ok := j.Ran(); ok {
			text += "  after running " + brief(ran)
		}
		v.field("finished", text)
	}
}

func (v *jobPage) attempt(a *ledger.Attempt, created time.Time) {
	outcome := string(a.Outcome)
	if outcome == "" {
		outcome = "running"
	}
	fmt.Fprintf(v.out, "\n%s  %s\n", v.paint.paint(bold, fmt.Sprintf("attempt %d", a.Number)), v.paint.paint(outcomeColour(a.Outcome), outcome))
	worker := oneLine(a.Worker)
	if a.PID != 0 {
		worker += fmt.Sprintf(", pid %d", a.PID)
	}
	v.field("worker", worker)
	v.field("started", fmt.Sprintf("%s  +%s", a.StartedAt.Local().Format(clock), brief(max(0, a.StartedAt.Sub(created)))))
	switch {
	case a.FinishedAt.IsZero():
		v.field("running", brief(max(0, v.now.Sub(a.StartedAt))))
	default:
		v.field("ran", brief(max(0, a.FinishedAt.Sub(a.StartedAt))))
	}
	switch {
	case a.Signal != "":
		v.field("process", "killed by "+oneLine(a.Signal))
	case a.ExitCode != nil:
		v.field("process", fmt.Sprintf("exited with %d", *a.ExitCode))
	}
	if e := server.WireError(a.Error); e != nil {
		v.message("error", e, "")
		switch first, told := v.told[string(a.Error)]; {
		case told && e.Details().Stack != "":
			v.field("stack", fmt.Sprintf("as in attempt %d", first))
		default:
			v.told[string(a.Error)] = a.Number
			v.details(e)
		}
	}
	if a.StderrTail != "" {
		v.block("stderr", a.StderrTail)
	}
}

// field writes one line, or nothing for an empty value.
func (v *jobPage) field(name, value string) {
	if value != "" {
		fmt.Fprintf(v.out, "  %-9s %s\n", name, value)
	}
}

// block writes lines below a name.
func (v *jobPage) block(name, text string) {
	fmt.Fprintf(v.out, "  %s\n%s\n", name, v.paint.paint(grey, indent(printable(text), "    ")))
}

// payload writes JSON: in its line if it fits, else indented below.
func (v *jobPage) payload(name string, raw []byte) {
	if raw == nil {
		return
	}
	const fits = 100
	text := escapeJSON(string(raw))
	var b bytes.Buffer
	if len(text) > fits && json.Indent(&b, []byte(text), "    ", "  ") == nil {
		fmt.Fprintf(v.out, "  %s\n    %s\n", name, b.String())
		return
	}
	v.field(name, text)
}

func (v *jobPage) message(name string, e *jsonrpc.Error, source string) {
	text := e.Error()
	if source == string(ledger.FromWhipper) {
		text += " (whipper's own)"
	}
	v.field(name, v.paint.paint(red, oneLine(text)))
}

// details are what an error has besides its message.
func (v *jobPage) details(e *jsonrpc.Error) {
	d := e.Details()
	if d.Stack != "" {
		v.block("stack", d.Stack)
	}
	v.payload("fields", d.Fields)
	if d.Type == "" && d.Stack == "" {
		v.payload("data", e.Data)
	}
}

// placeOfTraceID is what --trace-url has in the place of a trace's id.
const placeOfTraceID = "{traceId}"

// traceID is the id in a W3C traceparent, which is what tracing tools search for; "": it is none.
func traceID(traceparent string) string {
	if sc := (signals.W3C{Traceparent: traceparent}).SpanContext(); sc.IsValid() {
		return sc.TraceID().String()
	}
	return ""
}

func outcomeColour(o ledger.Outcome) string {
	switch o {
	case ledger.OutcomeSucceeded:
		return green
	case ledger.OutcomeError, ledger.OutcomeTimeout, ledger.OutcomeCrashed:
		return red
	case "":
		return cyan
	}
	return yellow
}
