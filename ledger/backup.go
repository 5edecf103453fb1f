package ledger

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	"modernc.org/sqlite"

	"github.com/whipper-sidecar/whipper/internal/ownership"
)

// backupStep is how many pages are copied between two looks at the context.
const backupStep = 512

// BackupOptions go with a backup. The zero value is a plain one.
type BackupOptions struct {
	Force    bool                    // replace a file that is there
	Progress func(done, total int64) // called now and then with the bytes copied, from the caller's goroutine; nil: not
}

// Backup describes a copy of a ledger.
type Backup struct {
	Path  string
	Jobs  int64
	Bytes int64
}

// Backup copies the ledger, as it is at one moment, into a file for its owner alone. Others go on writing meanwhile; what they commit
// until the copy is done stays in the WAL. The file appears under its name only when it is whole and on disk. A file that is there
// already is an error for which errors.Is(err, fs.ErrExist) holds, unless Force replaces it; one that is a database in use is ErrInUse
// whatever is forced. A folder in which another user could put a file in place of the copy is an *ownership.Error.
func (r *Reader) Backup(ctx context.Context, path string, o BackupOptions) (Backup, error) {
	b, err := backup(ctx, r.path, path, o)
	if err != nil {
		return Backup{}, fmt.Errorf("back up to %q: %w", path, err)
	}
	return b, nil
}

func backup(ctx context.Context, from, to string, o BackupOptions) (b Backup, err error) {
	if err := ownership.Shared(filepath.Dir(to)); err != nil { // SQLite opens the copy by its name
		return b, reasonOf(err)
	}
	temp, err := beside(from, to, o.Force)
	if err != nil {
		return b, err
	}
	defer func() {
		for _, suffix := range []string{"", "-journal"} {
			if e := os.Remove(temp.Name() + suffix); e != nil && !errors.Is(e, fs.ErrNotExist) {
				err = errors.Join(err, e)
			}
		}
	}()
	if err := temp.Close(); err != nil { // before SQLite opens it: see makePrivate
		return b, err
	}
	if err := copyPages(ctx, from, temp.Name(), o.Progress); err != nil {
		return b, err
	}
	if b.Jobs, err = countCopied(ctx, temp.Name()); err != nil {
		return b, err
	}
	if b.Bytes, err = syncFile(temp.Name()); err != nil {
		return b, err
	}
	b.Path = to
	return b, putInPlace(temp.Name(), to, o.Force)
}

// backuper is what the driver's connections can do beyond database/sql.
type backuper interface {
	NewBackup(destination string) (*sqlite.Backup, error)
}

// copyPages copies a database into an empty file. One read transaction around all steps keeps commits made meanwhile from starting the
// copy over; they wait for no step.
func copyPages(ctx context.Context, from, to string, progress func(done, total int64)) (err error) {
	c, err := openConn(ctx, readerDSN(from))
	if err != nil {
		return asDamaged(from, err)
	}
	defer func() { err = errors.Join(asDamaged(from, err), c.close()) }()
	if err := c.run("BEGIN"); err != nil {
		return err
	}
	pageSize := int64(0)
	const firstRead = `SELECT page_size FROM pragma_page_size, (SELECT count(*) FROM sqlite_schema)` // which takes the snapshot
	err = c.query(firstRead, func(values []driver.Value) error {
		pageSize, _ = values[0].(int64)
		return nil
	})
	if err != nil {
		return err
	}
	raw, ok := c.raw.(backuper)
	if !ok {
		return errors.New("the SQLite driver cannot copy a database")
	}
	// The copy is thrown away if it fails, and synced once, at its end.
	q := url.Values{"mode": {"rw"}, "_journal_mode": {"OFF"}, "_synchronous": {"OFF"}}
	copying, err := raw.NewBackup(dsn(to, q, readerCacheKiB))
	if err != nil {
		return err
	}
	for more := true; more && err == nil; {
		if err = ctx.Err(); err != nil {
			break
		}
		if more, err = copying.Step(backupStep); err == nil && progress != nil {
			total := int64(copying.PageCount())
			progress((total-int64(copying.Remaining()))*pageSize, total*pageSize)
		}
	}
	if err != nil {
		return errors.Join(err, copying.Finish())
	}
	copied, err := copying.Commit()
	if err != nil {
		return err
	}
	return errors.Join(copied.Close(), c.run("COMMIT"))
}

// countCopied opens a copy and counts its jobs, by which it shows that it can be read.
func countCopied(ctx context.Context, path string) (jobs int64, err error) {
	c, err := openConn(ctx, dsn(path, url.Values{"mode": {"ro"}, "immutable": {"1"}}, readerCacheKiB))
	if err != nil {
		return 0, err
	}
	err = c.query(`SELECT ifnull(sum(n), 0) FROM tally`, func(values []driver.Value) error {
		jobs, _ = values[0].(int64)
		return nil
	})
	return jobs, errors.Join(err, c.close())
}
