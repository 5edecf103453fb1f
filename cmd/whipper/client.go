package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/whipper-sidecar/whipper/internal/config"
	whipper "github.com/whipper-sidecar/whipper/sdk-go"
	"github.com/whipper-sidecar/whipper/server"
)

// placeFlags are how a command finds a supervisor.
func placeFlags() []cli.Flag {
	return []cli.Flag{
		stringFlag("dir", "", "folder of the supervisor (default: the nearest "+config.DefaultDir+" upward from here)"),
		stringFlag("socket", "", "path of the supervisor's socket (default: the one in --dir)"),
	}
}

// place is which supervisor is meant. A flag on the command line beats every environment variable: inside a worker those
// name the worker's own supervisor.
func (c *console) place(cc *cli.Context) whipper.Options {
	o := whipper.Options{Dir: cc.String("dir"), Socket: cc.String("socket"), Once: true}
	switch {
	case c.line.given["socket"]:
		o.Dir = ""
	case c.line.given["dir"]:
		o.Socket = ""
	case o.Socket != "":
		o.Dir = ""
	}
	return o
}

// withClient connects to the supervisor and runs f with a context that ends at Ctrl-C.
func (c *console) withClient(cc *cli.Context, f func(context.Context, *whipper.Client) error) error {
	ctx, stop := interruptible(cc.Context)
	defer stop()
	place := c.place(cc)
	if len(place.Socket) > server.MaxAddress {
		return &server.AddressTooLongError{Path: place.Socket}
	}
	client, err := whipper.Dial(ctx, place)
	if err != nil && explainClient(err) == nil && ctx.Err() == nil {
		return &failure{Err: err, Code: exitNoSupervisor}
	}
	if err != nil {
		return err
	}
	err = f(ctx, client)
	if e := client.Close(); e != nil && !errors.Is(e, whipper.ErrClosed) && err == nil {
		err = fmt.Errorf("close the connection: %w", e)
	}
	if f := (*failure)(nil); ctx.Err() != nil && errors.As(err, &f) {
		return &failure{Err: errors.New("interrupted"), Code: exitInterrupted, Hint: f.Hint}
	} else if ctx.Err() != nil && err != nil {
		return &failure{Err: errors.New("interrupted"), Code: exitInterrupted}
	}
	return err
}

// explainClient is for errors of the way to a supervisor.
func explainClient(err error) *failure {
	var none *whipper.NoSupervisorError
	var noFolder *whipper.NoFolderError
	switch {
	case errors.Is(err, whipper.ErrClosed):
		return &failure{Err: err, Code: exitNoSupervisor, Hint: "the supervisor ended before it answered; whipper ledger shows what became of the job"}
	case errors.As(err, &none):
	case errors.As(err, &noFolder):
		none = &whipper.NoSupervisorError{}
	default:
		return nil
	}
	f := &failure{Err: err, Code: exitNoSupervisor, Hint: "start one with: whipper exec tasks.py"}
	if cwd, e := os.Getwd(); e == nil && none.Dir != "" && none.Dir != filepath.Join(cwd, config.DefaultDir) {
		f.Hint = "start one with: whipper exec --dir " + none.Dir + " tasks.py"
	}
	return f
}
