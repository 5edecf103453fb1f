package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"
)

// doctorTimeout bounds a check that has to ask somebody.
const doctorTimeout = 10 * time.Second

func doctorCommand(c *console) *cli.Command {
	return &cli.Command{
		Name:        "doctor",
		Usage:       "check runtimes, folder, socket and ledger, and say how to fix what is wrong",
		Description: "Exits with 1 if a check fails. It changes nothing.",
		Flags:       append([]cli.Flag{boolFlag("json", "print one check a line as JSON")}, placeFlags()...),
		Action: func(cc *cli.Context) error {
			if err := noArguments(cc); err != nil {
				return err
			}
			ctx, stop := interruptible(cc.Context)
			defer stop()
			return c.examine(ctx, cc)
		},
	}
}

// verdict is how a check came out.
type verdict string

const (
	fine    verdict = "ok"
	warning verdict = "warn"
	failing verdict = "fail"
)

// finding is what one check found out.
type finding struct {
	Check   string  `json:"check"`
	Verdict verdict `json:"verdict"`
	Found   string  `json:"found"`
	Fix     string  `json:"fix,omitempty"`
}

func (c *console) examine(ctx context.Context, cc *cli.Context) error {
	findings := runtimeFindings(ctx)
	if dir, err := c.ledgerDir(cc); err != nil {
		findings = append(findings, finding{"state folder", warning, err.Error(), "whipper exec tasks.py makes one"})
	} else {
		findings = append(findings, folderFindings(ctx, dir, c.place(cc).Socket)...)
	}
	findings = append(findings, c.supervisorFinding(ctx, cc))
	paint := painter(coloured(c.out))
	failed := 0
	for _, f := range findings {
		if f.Verdict == failing {
			failed++
		}
		var err error
		if cc.Bool("json") {
			err = c.printJSON(f)
		} else {
			_, err = fmt.Fprint(c.out, f.text(paint))
		}
		if err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if failed > 0 {
		return &failure{Err: errors.New(plural(failed, "check") + " failed"), Code: exitFailed}
	}
	return nil
}

func (f finding) text(paint painter) string {
	colour := map[verdict]string{fine: green, warning: yellow, failing: red}[f.Verdict]
	text := fmt.Sprintf("%s %-13s %s\n", paint.paint(colour, fmt.Sprintf("%-4s", f.Verdict)), f.Check, oneLine(f.Found))
	if f.Fix != "" {
		text += fmt.Sprintf("     %-13s %s\n", "", oneLine(f.Fix))
	}
	return text
}
