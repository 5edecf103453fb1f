package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/whipper-sidecar/whipper/internal/config"
	"github.com/whipper-sidecar/whipper/ledger"
	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

func importCommand(c *console) *cli.Command {
	return &cli.Command{
		Name:      "import",
		Usage:     "put exported jobs into a ledger, with their ids and all that belongs to them",
		ArgsUsage: "FILE",
		Description: "FILE is what export has written; - is standard input. All jobs are imported or none: a line that is wrong, or a job whose id or\n" +
			"idempotency key is on the ledger with anything else, refuses the whole. Jobs that are there exactly so are passed over.\n" +
			"No supervisor may run on the ledger. Its folder is made if there is none, and appears when all is in it. What was running is\n" +
			"settled by the next start, as after a crash.",
		Flags:  []cli.Flag{boolFlag("json", "print the counts as JSON"), ledgerDirFlag()},
		Action: func(cc *cli.Context) error { return importJobs(c, cc) },
	}
}

// importedJobs is what import --json prints.
type importedJobs struct {
	Imported int64 `json:"imported"`
	There    int64 `json:"there"`
}

func importJobs(c *console, cc *cli.Context) error {
	if cc.NArg() != 1 {
		return misuse("whipper ledger import jobs.ndjson", "import needs the name of one file")
	}
	dir, err := c.importDir(cc)
	if err != nil {
		return err
	}
	name, from, size, err := c.openImport(cc.Args().First())
	if err != nil {
		return err
	}
	defer from.Close() // it was only read
	ctx, stop := interruptible(cc.Context)
	defer stop()
	into, err := newDir(dir)
	if err != nil {
		return err
	}
	if into != dir {
		defer func() { _ = os.RemoveAll(into) }() // where it has its own name by then there is none
	}
	bar := &lateBar{w: c.err, what: "MiB read", total: size >> 20, begun: time.Now()}
	if size == 0 {
		bar.what = "jobs"
	}
	done, err := ledger.Import(ctx, ledger.Options{Dir: into}, &callOffReader{ctx: ctx, from: from}, ledger.ImportOptions{
		Source: name,
		Progress: func(jobs, there, bytes int64) {
			if size == 0 {
				bar.reach(jobs + there)
			} else if (jobs+there)%64 == 0 {
				bar.reachMiB(bytes)
			}
		},
	})
	bar.stop()
	if err != nil {
		return importFailure(err, dir)
	}
	if into != dir {
		if err := nameDir(into, dir); err != nil {
			return err
		}
	}
	if cc.Bool("json") {
		return c.printJSON(importedJobs{done.Jobs, done.There})
	}
	text := plural(int(done.Jobs), "job") + " imported"
	if done.There > 0 {
		text += ", " + plural(int(done.There), "job") + " there already"
	}
	_, err = fmt.Fprintln(c.out, text)
	return err
}

// importFailure says what helps.
func importFailure(err error, dir string) error {
	var bad *ledger.ImportError
	var locked *ledger.LockedError
	switch {
	case errors.As(err, &bad) && bad.Conflict:
		return &failure{Err: bad, Code: exitFailed, Hint: "nothing was imported: take the line out, or import into another folder with --dir"}
	case errors.As(err, &bad):
		return &failure{Err: bad, Code: exitUsage, Hint: "nothing was imported: mend the line, or take it out"}
	case errors.As(err, &locked):
		return &failure{Err: locked, Code: exitLedger, Hint: "an import needs the ledger to itself: stop the supervisor of " + dir + " first, or wait for the other command, or import into another folder"}
	}
	return err
}

// importDir is the folder that is meant, which need not be there.
func (c *console) importDir(cc *cli.Context) (string, error) {
	dir, err := c.ledgerDir(cc)
	if none := (*whipper.NoFolderError)(nil); errors.As(err, &none) {
		dir, err = config.DefaultDir, nil
	}
	if err != nil {
		return "", err
	}
	return filepath.Abs(dir)
}

// newDir makes a folder beside dir, which is to become it when all jobs are in it, so that an import that is refused leaves none. Where dir is
// there, it is dir.
func newDir(dir string) (string, error) {
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return dir, makeStateDir(dir)
	}
	parent := filepath.Dir(dir)
	err := os.MkdirAll(parent, 0o755)
	temp := ""
	if err == nil {
		temp, err = os.MkdirTemp(parent, "."+filepath.Base(dir)+".*.tmp") // a name that nobody can have taken before
	}
	if err == nil {
		err = hideFromGit(temp)
	}
	if err != nil {
		_ = os.RemoveAll(temp) // of what is on a full disk
		return "", fmt.Errorf("create the folder of the ledger: %w", err)
	}
	return temp, nil
}

// nameDir gives a folder its name, on disk.
func nameDir(temp, dir string) error {
	err := os.Rename(temp, dir)
	if errors.Is(err, fs.ErrExist) {
		return &failure{Err: fmt.Errorf("import jobs: folder %s has come meanwhile", dir), Code: exitFailed, Hint: "nothing was imported: try it again"}
	}
	if err == nil {
		var parent *os.File
		if parent, err = os.Open(filepath.Dir(dir)); err == nil {
			err = errors.Join(parent.Sync(), parent.Close())
		}
	}
	if err != nil {
		return fmt.Errorf("import jobs: %w", err)
	}
	return nil
}

// openImport opens what is to be imported. size is 0 where it is not known.
func (c *console) openImport(file string) (name string, from io.ReadCloser, size int64, err error) {
	if file == "-" {
		return "standard input", io.NopCloser(c.in), 0, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return "", nil, 0, misuse("", "read what to import: %w", err)
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = misuse("import wants a file that whipper ledger export has written", "%s is a folder", file)
	}
	if err != nil {
		return "", nil, 0, errors.Join(err, f.Close())
	}
	if info.Mode().IsRegular() {
		size = info.Size()
	}
	return file, f, size, nil
}

// callOffReader is a reader whose reads end with a context. A read of a terminal or a pipe that nothing comes from goes on behind it,
// until the process ends.
type callOffReader struct {
	ctx  context.Context
	from io.Reader
}

type readResult struct {
	n   int
	err error
}

func (r *callOffReader) Read(p []byte) (int, error) {
	done := make(chan readResult, 1)
	own := make([]byte, len(p)) // p is the caller's again when the context ends
	go func() {
		n, err := r.from.Read(own)
		done <- readResult{n, err}
	}()
	select {
	case result := <-done:
		return copy(p, own[:result.n]), result.err
	case <-r.ctx.Done():
		return 0, r.ctx.Err()
	}
}
