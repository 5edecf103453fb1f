package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/whipper-sidecar/whipper/ledger"
	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

// For how long a command that would change the ledger itself tries to get its lock, and how often. A supervisor that starts holds it before it can
// be reached, and another command for as long as its change takes.
const (
	lockPatience = 5 * time.Second
	lockAgain    = 50 * time.Millisecond
)

// withLedger has read do its work on the ledger that is meant. Ctrl-C ends its context.
func (c *console) withLedger(cc *cli.Context, read func(context.Context, *ledger.Reader) error) (err error) {
	ctx, stop := interruptible(cc.Context)
	defer stop()
	dir, err := c.existingDir(cc)
	if err != nil {
		return err
	}
	r, err := ledger.OpenReader(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	return read(ctx, r)
}

// changeLedger has the running supervisor make a change. Where none runs the command makes it itself, under the ledger's lock; while another
// process holds that, it tries the one and then the other again. Either is called once at most.
func (c *console) changeLedger(cc *cli.Context, online func(context.Context, *whipper.Client) error, offline func(context.Context, *ledger.Ledger) error) error {
	ctx, stop := interruptible(cc.Context)
	defer stop()
	return whileLocked(ctx, func() error {
		err := c.withClient(cc, online)
		var none *whipper.NoSupervisorError
		var noFolder *whipper.NoFolderError
		if !errors.As(err, &none) && !errors.As(err, &noFolder) || c.place(cc).Socket != "" {
			return err
		}
		return c.withLock(ctx, cc, offline)
	})
}

// whileLocked tries again while it is only for a lock that another process holds. It counts its tries, not the time: where the machine stands still
// the other one does not get on either.
func whileLocked(ctx context.Context, try func() error) error {
	again := time.NewTicker(lockAgain)
	defer again.Stop()
	for tries := 0; ; tries++ {
		err := try()
		var locked *ledger.LockedError
		if !errors.As(err, &locked) || tries == int(lockPatience/lockAgain) {
			return err
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// withLock has change do its work on a ledger whose lock it holds.
func (c *console) withLock(ctx context.Context, cc *cli.Context, change func(context.Context, *ledger.Ledger) error) (err error) {
	dir, err := c.existingDir(cc)
	if err != nil {
		return err
	}
	l, err := ledger.Open(ctx, ledger.Options{Dir: dir, Existing: true})
	if err != nil {
		return err
	}
	defer func() {
		if e := l.Close(); e != nil && err == nil {
			err = &failure{Err: fmt.Errorf("close the ledger: %w", e), Code: exitLedger}
		}
	}()
	return change(ctx, l)
}

// ledgerDir is the folder of the ledger that is meant.
func (c *console) ledgerDir(cc *cli.Context) (string, error) {
	if dir := cc.String("dir"); dir != "" {
		return dir, nil
	}
	return whipper.FindDir("")
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
