package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

func eventsCommand(c *console) *cli.Command {
	return &cli.Command{
		Name:  "events",
		Usage: "follow what happens: workers, processes and jobs, one event a line",
		Description: "It begins with what happens next and goes on until Ctrl-C or the supervisor's end; both exit with 0.\n" +
			"Types are " + strings.Join(jsonrpc.EventTypes, ", ") + "; a group stands for all that begin with it: job, worker:process. " +
			"worker:state:dying and the like name one change alone.",
		Flags: append([]cli.Flag{
			listFlag("type", "only these types or groups; may be given several times"),
			stringFlag("pool", "", "only this pool"),
			boolFlag("json", "print each event as a line of JSON"),
		}, placeFlags()...),
		Action: func(cc *cli.Context) error {
			if err := noArguments(cc); err != nil {
				return err
			}
			return c.withClient(cc, func(ctx context.Context, client *whipper.Client) error {
				return c.follow(ctx, client, whipper.EventFilter{Types: cc.StringSlice("type"), Pool: cc.String("pool")}, cc.Bool("json"))
			})
		},
	}
}

// follow prints events until ctx or the supervisor ends.
func (c *console) follow(ctx context.Context, client *whipper.Client, f whipper.EventFilter, asJSON bool) error {
	list, err := client.Pools(ctx)
	if err != nil {
		return err
	}
	events, err := client.Events(ctx, f)
	if err != nil {
		return err
	}
	c.say("whipper: following events; Ctrl-C ends it")
	v := &eventLine{paint: painter(coloured(c.out)), pools: len(list.Pools) > 1 && f.Pool == "", types: typeWidth}
	for e, err := range events {
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, whipper.ErrClosed):
			c.say("whipper: the supervisor has ended")
			return nil
		case err != nil:
			return err
		case asJSON:
			err = c.printJSON(e)
		default:
			_, err = fmt.Fprint(c.out, v.line(&e))
		}
		if err != nil {
			return fmt.Errorf("print an event: %w", err)
		}
	}
	return nil
}

// eventLine writes events for people.
type eventLine struct {
	paint painter
	pools bool // there are several
	types int  // width of the column of types
}

// Widths of columns: most types, and most workers and jobs, fit.
const (
	typeWidth    = 29
	subjectWidth = 12
)

func (v *eventLine) line(e *whipper.Event) string {
	at := v.paint.paint(grey, e.At.Local().Format("15:04:05.000"))
	var b strings.Builder
	if e.Lost > 0 {
		fmt.Fprintf(&b, "%s  %s\n", at, v.paint.paint(yellow, plural(int(e.Lost), "event")+" lost here: this command, or what reads its output, was too slow"))
	}
	text := fmt.Sprintf("%-*s  %-*s  %s", v.types, e.Type, subjectWidth, v.subject(e), oneLine(details(e)))
	if colour := eventColour(e); colour != "" {
		text = v.paint.paint(colour, text[:len(e.Type)]) + text[len(e.Type):]
	}
	fmt.Fprintf(&b, "%s  %s\n", at, strings.TrimRight(text, " "))
	return b.String()
}

// subject is whom the event is about.
func (v *eventLine) subject(e *whipper.Event) string {
	subject := ""
	switch {
	case e.Job != nil:
		subject = "job " + strconv.FormatInt(e.Job.ID, 10)
	case e.Worker != nil && e.Worker.PID != 0:
		subject = fmt.Sprintf("%s[%d]", oneLine(e.Worker.ID), e.Worker.PID)
	case e.Worker != nil:
		subject = oneLine(e.Worker.ID)
	}
	if v.pools {
		subject = strings.TrimSpace(oneLine(e.Pool) + " " + subject)
	}
	return subject
}

// details are what else there is to say, in a few words.
func details(e *whipper.Event) string {
	switch {
	case e.Job != nil:
		return jobDetails(e)
	case e.To != "":
		return e.From + " → " + e.To
	case e.Type == whipper.EventProcessExited:
		return exitDetails(e)
	case e.Method != "":
		return e.Method
	}
	return e.Reason
}

// exitText is how a process ended, and why if it did not do so by itself.
func exitText(code *int, signal, reason string) string {
	text := signal
	if code != nil {
		text = "exit code " + strconv.Itoa(*code)
	}
	if reason != "" && reason != "exited" {
		text += " (" + oneLine(reason) + ")"
	}
	return text
}

func exitDetails(e *whipper.Event) string {
	text := exitText(e.ExitCode, e.Signal, e.Reason)
	if tail := strings.TrimSpace(e.StderrTail); tail != "" {
		text += ": " + tail[strings.LastIndexByte(tail, '\n')+1:]
	}
	return text
}

func jobDetails(e *whipper.Event) string {
	j := e.Job
	text := j.Method
	attempt := fmt.Sprintf(", attempt %d of %d", j.Attempt, j.MaxAttempts)
	switch e.Type {
	case whipper.EventJobQueued:
		if wait := j.RunAt.Sub(e.At.Time); wait > time.Second {
			text += ", to run in " + brief(wait)
		}
	case whipper.EventJobStarted:
		text += " on " + j.Worker
		if j.MaxAttempts > 1 {
			text += attempt
		}
		if j.WaitMs != nil && *j.WaitMs > 0 {
			text += ", waited " + wholeMs(*j.WaitMs)
		}
	case whipper.EventJobProgress:
		text += " " + progressText(e.Progress)
	case whipper.EventJobSucceeded:
		text += " on " + j.Worker + ranFor(j)
	default:
		if j.Worker != "" && j.StartedAt != nil {
			text += " on " + j.Worker + ranFor(j)
		}
		if j.Outcome != "" && j.Outcome != string(ledger.OutcomeError) && j.Outcome != j.State {
			text += ", " + j.Outcome
		}
		if j.Outcome != "" && j.MaxAttempts > 1 {
			text += attempt
		}
		if e.Type == whipper.EventJobRetrying {
			text += ", again in " + brief(max(0, j.RunAt.Sub(e.At.Time)))
		}
		if err := j.Error; err != nil {
			text += ": " + strings.TrimPrefix(err.Type+": "+err.Message, ": ")
		}
	}
	return text
}

func ranFor(j *whipper.EventJob) string {
	if j.RunMs == nil {
		return ""
	}
	return ", ran " + wholeMs(*j.RunMs)
}

// wholeMs is brief for a duration of which only whole milliseconds are known.
func wholeMs(ms int64) string {
	switch {
	case ms < 1:
		return "<1ms"
	case ms < 10:
		return fmt.Sprintf("%dms", ms)
	}
	return brief(time.Duration(ms) * time.Millisecond)
}

// progressText is a worker's value, in words where it is in the usual form.
func progressText(value json.RawMessage) string {
	var p struct {
		Progress, Total *float64
		Message         string
	}
	if json.Unmarshal(value, &p) != nil || p.Progress == nil {
		return string(value)
	}
	text := fmt.Sprint(*p.Progress)
	if p.Total != nil {
		text += " of " + fmt.Sprint(*p.Total)
	}
	if p.Message != "" {
		text += " " + p.Message
	}
	return text
}

func eventColour(e *whipper.Event) string {
	switch {
	case e.Job != nil && e.Type != whipper.EventJobProgress && e.Type != whipper.EventJobRetrying:
		return stateColour(ledger.State(e.Job.State))
	case e.Type == whipper.EventJobRetrying, jsonrpc.InEventGroup(e.Type, "at-capacity"):
		return yellow
	case e.Type == whipper.EventPoolAvailable:
		return green
	case e.Type == whipper.EventPoolUnavailable, e.Type == whipper.EventProcessExited && e.Reason == "exited":
		return red
	}
	return ""
}
