package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/urfave/cli/v2"

	"github.com/whipper-sidecar/whipper/ledger"
)

func backupCommand(c *console) *cli.Command {
	return &cli.Command{
		Name:      "backup",
		Usage:     "copy the ledger into a file while it is in use",
		ArgsUsage: "FILE",
		Description: "The copy is the ledger as it is at one moment; a running supervisor goes on meanwhile. FILE appears when it is whole and\n" +
			"on disk, for its owner alone. To restore it, stop the supervisor and put it in place of ledger.db, without the\n" +
			"ledger.db-wal and ledger.db-shm that may lie beside that.",
		Flags: []cli.Flag{
			boolFlag("force", "replace FILE if it is there"),
			boolFlag("json", "print path, jobs and bytes as JSON"),
			ledgerDirFlag(),
		},
		Action: func(cc *cli.Context) error { return backUp(c, cc) },
	}
}

// backedUp is what backup --json prints.
type backedUp struct {
	Path  string `json:"path"`
	Jobs  int64  `json:"jobs"`
	Bytes int64  `json:"bytes"`
}

func backUp(c *console, cc *cli.Context) error {
	if cc.NArg() != 1 {
		return misuse("whipper ledger backup ledger.bak", "backup needs the name of one file")
	}
	var b ledger.Backup
	err := c.withLedger(cc, func(ctx context.Context, r *ledger.Reader) (err error) {
		b, err = c.copyLedger(ctx, r, cc.Args().First(), cc.Bool("force"))
		return err
	})
	if err != nil {
		return unwritable(err)
	}
	if cc.Bool("json") {
		return c.printJSON(backedUp(b))
	}
	_, err = fmt.Fprintf(c.out, "%s: %s, %s\n", oneLine(b.Path), plural(int(b.Jobs), "job"), humanize.IBytes(uint64(b.Bytes)))
	return err
}

// copyLedger makes the backup, and draws how far it is if it takes long.
func (c *console) copyLedger(ctx context.Context, r *ledger.Reader, path string, force bool) (ledger.Backup, error) {
	bar := &lateBar{w: c.err, what: "MiB copied", begun: time.Now()}
	defer bar.stop()
	return r.Backup(ctx, path, ledger.BackupOptions{Force: force, Progress: func(done, total int64) {
		bar.total = total >> 20
		bar.reachMiB(done)
	}})
}

// unwritable says what helps where a file cannot be written.
func unwritable(err error) error {
	switch {
	case errors.Is(err, fs.ErrExist):
		return misuse("choose another name, or add --force", "%w", err)
	case errors.Is(err, ledger.ErrInUse), errors.Is(err, ledger.ErrNoFile):
		return misuse("choose another name", "%w", err)
	}
	return err
}
