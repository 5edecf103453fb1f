package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/whipper-sidecar/whipper/ledger"
)

func checkCommand(c *console) *cli.Command {
	return &cli.Command{
		Name:  "check",
		Usage: "look through the whole ledger for damage",
		Description: "It reads everything: SQLite's own integrity check, and then whether counts, attempts and ids fit the jobs. Every fault is\n" +
			"printed with what to do about it, and the exit code is 4 if there is one. It changes nothing; a supervisor may run.",
		Flags:  []cli.Flag{boolFlag("json", "print the outcome as JSON"), ledgerDirFlag()},
		Action: func(cc *cli.Context) error { return checkLedger(c, cc) },
	}
}

// checked is what check --json prints.
type checked struct {
	Sound  bool          `json:"sound"`
	Jobs   int64         `json:"jobs"` // by the tally
	Faults []ledgerFault `json:"faults"`
}

type ledgerFault struct {
	What string `json:"what"`
	Fix  string `json:"fix"`
}

func checkLedger(c *console, cc *cli.Context) error {
	if err := noArguments(cc); err != nil {
		return err
	}
	return c.withLedger(cc, func(ctx context.Context, r *ledger.Reader) error { return checkOf(ctx, c, cc, r) })
}

func checkOf(ctx context.Context, c *console, cc *cli.Context, r *ledger.Reader) error {
	faults, err := r.CheckAll(ctx)
	if err != nil {
		return err
	}
	outcome := checked{Sound: len(faults) == 0, Faults: []ledgerFault{}}
	for _, f := range faults {
		outcome.Faults = append(outcome.Faults, ledgerFault(f))
	}
	if counts, e := r.Counts(ctx, ""); e == nil { // where it fails, that is among the faults
		for _, n := range counts {
			outcome.Jobs += n
		}
	}
	if cc.Bool("json") {
		err = c.printJSON(outcome)
	} else {
		_, err = fmt.Fprint(c.out, outcome.text(painter(coloured(c.out))))
	}
	if err != nil || outcome.Sound {
		return err
	}
	return &failure{Err: errors.New("the ledger has " + plural(len(faults), "fault")), Code: exitLedger}
}

// text is the outcome for people: each fault, and what to do about it where that differs from the fault before.
func (o checked) text(paint painter) string {
	if o.Sound {
		return "the ledger is sound: " + plural(int(o.Jobs), "job") + "\n"
	}
	var b strings.Builder
	for i, f := range o.Faults {
		fmt.Fprintf(&b, "%s %s\n", paint.paint(red, "fault"), oneLine(f.What))
		if i == len(o.Faults)-1 || o.Faults[i+1].Fix != f.Fix {
			fmt.Fprintf(&b, "  fix %s\n", f.Fix)
		}
	}
	return b.String()
}
