// Command whipper runs any script as a durable, supervised worker pool.
//
// Each command is in the file of its name. Results go to stdout and everything else to stderr, so that a command's
// output can always be piped. The package refuses to know how jobs are run or stored: it turns a command line into
// calls on the supervisor, the ledger and the socket's client, and their answers into text and exit codes.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"

	"github.com/urfave/cli/v2"

	"github.com/whipper-sidecar/whipper/supervisor"
)

func init() { runtime.LockOSThread() } // main stays on the main thread, as supervisor.Main wants

func main() {
	supervisor.Launch()
	os.Exit(supervisor.Main(func() int {
		return run(context.Background(), os.Args, os.Stdin, os.Stdout, os.Stderr)
	}))
}

// run is the whole program: it runs the command that args name (args[0] is the program's own name) and returns the
// exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	c := &console{in: stdin, out: stdout, err: stderr}
	app := newApp(c)
	line, err := arrange(app, args)
	if err == nil {
		c.line = line
		err = app.RunContext(ctx, line.args)
	}
	return c.report(err)
}

// newApp is the tree of commands.
func newApp(c *console) *cli.App {
	app := &cli.App{
		Name:        "whipper",
		HelpName:    "whipper",
		Usage:       "run any script as a durable, supervised worker pool",
		Description: "State lives in one folder, .whipper by default; client commands look for it upward through parent folders.",
		Commands: []*cli.Command{
			execCommand(c),
			serveCommand(c),
			callCommand(c),
			submitCommand(c),
			waitCommand(c),
			ledgerCommand(c),
			scheduleCommand(c),
			statsCommand(c),
			eventsCommand(c),
			poolCommand(c),
			doctorCommand(c),
			completionCommand(c),
			versionCommand(c),
			docsCommand(c),
		},
		HideVersion:               true,
		HideHelpCommand:           true,
		DisableSliceFlagSeparator: true, // a value of --env may hold commas
		Reader:                    c.in,
		Writer:                    c.out,
		ErrWriter:                 c.err,
		OnUsageError:              usageError,
		ExitErrHandler:            func(*cli.Context, error) {}, // run reports errors and chooses the exit code
		Action: func(cc *cli.Context) error {
			cc.App.Writer = c.err // nobody asked for help
			_ = cli.ShowAppHelp(cc)
			return &failure{Code: exitUsage, Err: fmt.Errorf("no command given")}
		},
	}
	finish(app.Commands)
	return app
}

// finish sets what all commands have in common.
func finish(commands []*cli.Command) {
	for _, command := range commands {
		command.HideHelpCommand = true // "call help" calls the method help
		command.OnUsageError = usageError
		finish(command.Subcommands)
	}
}
