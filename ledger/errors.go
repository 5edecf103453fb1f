package ledger

import (
	"errors"
	"fmt"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Conditions that callers test for with errors.Is.
var (
	// ErrNotFound: there is no such job. It comes as a *NotFoundError.
	ErrNotFound = errors.New("no such job")
	// ErrGuard: the row was not in the state that the change starts from, so nothing was written. It comes as a *GuardError.
	ErrGuard = errors.New("job is not in the expected state")
	// ErrClosed: the ledger was closed before the change was on disk.
	ErrClosed = errors.New("ledger is closed")
	// ErrNoLedger: the folder holds no ledger. It comes as a *NoLedgerError.
	ErrNoLedger = errors.New("no ledger")
	// ErrCursor: a cursor that did not come from List.
	ErrCursor = errors.New("cursor was not made by this ledger's list")
	// ErrInUse: the file that a backup or an export would replace is a database that somebody may have open.
	ErrInUse = errors.New("a database in use")
	// ErrNoFile: what a backup or an export would replace is a folder, a device or the like.
	ErrNoFile = errors.New("it is no regular file")
)

// NotFoundError names the job that is not in the ledger.
type NotFoundError struct{ ID int64 }

func (e *NotFoundError) Error() string        { return fmt.Sprintf("job %d is not in the ledger", e.ID) }
func (e *NotFoundError) Is(target error) bool { return target == ErrNotFound }

// NotEndedError names a job that was to be pruned before it has its final outcome.
type NotEndedError struct {
	ID    int64
	State State
}

func (e *NotEndedError) Error() string {
	return fmt.Sprintf("job %d is %s, and only jobs with a final outcome are pruned", e.ID, e.State)
}

// GuardError names the job whose change was refused.
type GuardError struct {
	ID       int64
	From, To State // From is "" for a row that must not be there yet
}

func (e *GuardError) Error() string {
	if e.From == "" {
		return fmt.Sprintf("job %d is in the ledger already, so it was not inserted as %s", e.ID, e.To)
	}
	return fmt.Sprintf("job %d is not %s in the ledger, so it did not become %s", e.ID, e.From, e.To)
}

func (e *GuardError) Is(target error) bool { return target == ErrGuard }

// KeyConflictError says that an idempotency key is taken by a job with another method or other params.
type KeyConflictError struct {
	Pool, Key string
	ID        int64 // the job that has the key; 0: another one of the same submission
}

func (e *KeyConflictError) Error() string {
	if e.ID == 0 {
		return fmt.Sprintf("idempotency key %q of pool %q is given twice with different method or params", e.Key, e.Pool)
	}
	return fmt.Sprintf("idempotency key %q of pool %q belongs to job %d, which has another method or other params",
		e.Key, e.Pool, e.ID)
}

// InvalidJobError lists everything that is wrong with one job of a submission.
type InvalidJobError struct {
	Index    int // in the submission
	Problems []string
}

func (e *InvalidJobError) Error() string {
	return fmt.Sprintf("job %d of the submission: %s", e.Index, strings.Join(e.Problems, "; "))
}

// BacklogError is a submission for which there is no room.
type BacklogError struct {
	Pool string
	Most int // jobs that may be queued
}

func (e *BacklogError) Error() string {
	return fmt.Sprintf("pool %q may have %d jobs queued, and would have more", e.Pool, e.Most)
}

// LockedError says that another process has the ledger.
type LockedError struct {
	Path string
	PID  int // 0: the holder has not written it yet
}

func (e *LockedError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("ledger is held by another process (lock %s): stop that one, or use another --dir", e.Path)
	}
	return fmt.Sprintf("ledger is held by process %d (lock %s): stop it with `kill %d`, or use another --dir",
		e.PID, e.Path, e.PID)
}

// NoLedgerError names the folder without a ledger.
type NoLedgerError struct{ Dir string }

func (e *NoLedgerError) Error() string {
	return fmt.Sprintf("no ledger in %s: `whipper exec` makes one there; --dir names another folder", e.Dir)
}

func (e *NoLedgerError) Is(target error) bool { return target == ErrNoLedger }

// SchemaError says that the ledger was written by another version of whipper.
type SchemaError struct {
	Path         string
	Found, Known int64 // versions of the schema: the file's, and this program's
}

func (e *SchemaError) Error() string {
	if e.Found > e.Known {
		return fmt.Sprintf("ledger %s has schema version %d, but this whipper knows versions up to %d: use a newer whipper, or another --dir",
			e.Path, e.Found, e.Known)
	}
	return fmt.Sprintf("ledger %s has schema version %d, but this whipper reads version %d: start `whipper exec` on it once to upgrade it",
		e.Path, e.Found, e.Known)
}

// DamagedError says that the file cannot be a whipper ledger, or no longer.
type DamagedError struct {
	Path string
	Err  error
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("%s is not a readable whipper ledger: %v: restore a backup, or move the file away to start afresh", e.Path, e.Err)
}

func (e *DamagedError) Unwrap() error { return e.Err }

// sqliteCode returns err's primary SQLite result code, or 0 where it is no SQLite error.
func sqliteCode(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code() & 0xff
	}
	return 0
}

// driverError is what the driver says by itself, where SQLite was not even asked: that there is no memory for an argument.
type driverError struct{ error }

func (e *driverError) Unwrap() error { return e.error }

// asDrivers marks what the driver says by itself.
func asDrivers(err error) error {
	if err == nil || sqliteCode(err) != 0 {
		return err
	}
	return &driverError{err}
}

// ofEveryWrite tells an error that strikes every write, such as a full disk, from one that a row brought upon itself.
func ofEveryWrite(err error) bool {
	if errors.As(err, new(*driverError)) {
		return true
	}
	switch sqliteCode(err) {
	case 0, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_RANGE:
		return false
	}
	return true
}

// asDamaged wraps what SQLite says of a file that is none of its own, or is corrupt, unless that has been done already.
func asDamaged(path string, err error) error {
	if errors.As(err, new(*DamagedError)) {
		return err
	}
	switch sqliteCode(err) {
	case sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT:
		return &DamagedError{Path: path, Err: err}
	}
	return err
}

// inWords says in words what SQLite says in numbers where it cannot make the WAL and its index, which it needs to open a ledger at all.
func inWords(err error) error {
	var e *sqlite.Error
	switch {
	case errors.As(err, &e) && e.Code() == sqlite3.SQLITE_IOERR_SHMSIZE:
		return fmt.Errorf("there is no room on the disk for the WAL's index: %w", err)
	case sqliteCode(err) == sqlite3.SQLITE_READONLY:
		return fmt.Errorf("this user may not write there, which even reading takes: be its owner, or look at a copy of ledger.db in a folder of your own: %w", err)
	}
	return err
}
