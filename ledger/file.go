package ledger

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"

	"github.com/whipper-sidecar/whipper/internal/ownership"
)

const (
	fileName = "ledger.db"
	lockName = "lock"

	filePerm = 0o600
	dirPerm  = 0o700
)

const (
	busyTimeoutMs   = 5000 // for another program that has the file locked
	insistTimeoutMs = 200  // for readers, before the WAL is emptied

	writerCacheKiB = 32 << 10
	readerCacheKiB = 8 << 10
	maxReaderConns = 4

	checkpointPages = 4000        // of 4 KiB: what SQLite lets the WAL grow to before a commit checkpoints it
	walKeep         = 32 << 20    // bytes; a longer WAL file is cut to this once it starts over
	walTooLong      = 4 * walKeep // bytes; no checkpoint has got through for long
	walCheckEvery   = 64          // commits
	mostWalTries    = 8           // after so many in vain the next comes after 2^8 times as many commits
)

// makeDir creates the ledger's folder for its owner alone. A folder that is there keeps its permissions, but must be safe from others.
func makeDir(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return ownership.Own(dir)
	}
	if err := os.MkdirAll(dir, dirPerm); err != nil {
		return fmt.Errorf("create ledger folder: %w", err)
	}
	// SQLite syncs the folder itself, but not the one that the folder is in.
	parent, err := os.Open(filepath.Dir(dir))
	if err != nil {
		return fmt.Errorf("sync parent of ledger folder: %w", err)
	}
	if err := errors.Join(parent.Sync(), parent.Close()); err != nil {
		return fmt.Errorf("sync parent of ledger folder: %w", err)
	}
	return nil
}

// makePrivate makes sure that the database exists and that it and what SQLite keeps beside it are the owner's alone,
// whatever the umask. What another user may have put in their place is refused. SQLite gives the files it adds later the database's own permissions.
//
// It must run before this process opens the database: closing any descriptor of a file drops all POSIX locks that the
// process has on it, SQLite's too.
func makePrivate(path string) error {
	file, err := ownership.Open(path, os.O_RDWR|os.O_CREATE, filePerm)
	if err != nil {
		return fmt.Errorf("create ledger: %w", err)
	}
	if err := errors.Join(file.Chmod(filePerm), file.Close()); err != nil {
		return fmt.Errorf("make ledger private: %w", err)
	}
	for _, suffix := range []string{"-wal", "-shm"} {
		file, err := ownership.Open(path+suffix, os.O_RDWR, 0)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = errors.Join(file.Chmod(filePerm), file.Close())
		}
		if err != nil {
			return fmt.Errorf("make ledger private: %w", err)
		}
	}
	return nil
}

// rewrite writes a file's content over itself, and syncs it, if there is such a file. After a sync that failed, the system may go on to
// read from memory what the disk does not have, and take it for written. The one before, which was killed or gave up, may have seen such a failure,
// so what it left in the WAL is written anew before SQLite relies on it. A variable for tests, which know no other way to see it.
var rewrite = func(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("write the ledger's WAL anew: %w", err)
	}
	buffer := make([]byte, 1<<20)
	for off := int64(0); err == nil; {
		var n int
		n, err = file.ReadAt(buffer, off)
		if _, e := file.WriteAt(buffer[:n], off); e != nil {
			err = e
		}
		off += int64(n)
	}
	if errors.Is(err, io.EOF) {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("write the ledger's WAL anew: %w", err)
	}
	return nil
}

// writerDSN names the database for the one connection that writes.
func writerDSN(path string, d Durability) string {
	q := url.Values{}
	q.Set("mode", "rw")                  // the file is there, see makePrivate; one that has vanished is not replaced by an empty one
	q.Set("_auto_vacuum", "INCREMENTAL") // has an effect only before the first table
	q.Set("_journal_mode", "WAL")
	q.Set("_synchronous", "FULL")
	if d == Normal {
		q.Set("_synchronous", "NORMAL")
	}
	q.Add("_pragma", "wal_autocheckpoint("+strconv.Itoa(checkpointPages)+")")
	q.Add("_pragma", "journal_size_limit("+strconv.Itoa(walKeep)+")")
	q.Add("_pragma", "temp_store(memory)")
	return dsn(path, q, writerCacheKiB)
}

// readerDSN names the database for connections that no statement can write through. They are not read-only to SQLite: the
// last connection of all may then take the WAL and its index away when it closes, and leaves the folder as a clean stop
// does. Where this user may not write, SQLite makes them read-only by itself.
func readerDSN(path string) string {
	q := url.Values{}
	q.Set("mode", "rw")
	q.Set("_query_only", "1")
	return dsn(path, q, readerCacheKiB)
}

func dsn(path string, q url.Values, cacheKiB int) string {
	q.Set("_busy_timeout", strconv.Itoa(busyTimeoutMs))
	q.Set("_dqs", "0")
	q.Set("_error_rc", "1")
	q.Add("_pragma", "cache_size("+strconv.Itoa(-cacheKiB)+")")
	abs, err := filepath.Abs(path)
	if err != nil {
		abs = path // the working folder is gone: SQLite will say so
	}
	return (&url.URL{Scheme: "file", OmitHost: true, Path: abs, RawQuery: q.Encode()}).String()
}
