// Package ledger keeps jobs and their attempts in one SQLite file, so that what was acknowledged survives the process.
//
// It records; it decides nothing about workers, knows no clock but the one it is given, and never looks into a payload.
// The rules by which a job moves on (Begin, Settle) are pure functions. All writes go through one goroutine, which
// belongs to the Ledger and has ended when Close returns; it commits whatever is waiting in one transaction, so that many
// callers share one fsync. Reads have connections of their own that change no row. One process at a time may have a
// ledger open for writing.
package ledger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"modernc.org/sqlite"

	"github.com/whipper-sidecar/whipper/internal/ownership"
	"github.com/whipper-sidecar/whipper/migrations"
)

// Durability says what a commit waits for.
type Durability string

// The two durabilities.
const (
	Full   Durability = "full"   // the disk: nothing acknowledged is lost when power fails
	Normal Durability = "normal" // the operating system: the last commits may be lost when power fails, not when a process dies
)

// Options says where the ledger is and how it behaves.
type Options struct {
	Dir        string           // folder of the ledger, created for its owner alone if missing; required
	Durability Durability       // "": Full
	Logger     *slog.Logger     // nil: none
	Now        func() time.Time // nil: time.Now
	Existing   bool             // the folder must hold a ledger; without, one is created there

	// Wrote is called after each commit, and each try at one, with how long it took and how many operations it held. It runs on the writer's
	// goroutine, which it must not hold up. Nil: nobody is told.
	Wrote func(took time.Duration, operations int, err error)
}

func (o Options) withDefaults() Options {
	if o.Durability == "" {
		o.Durability = Full
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

func (o Options) validate() error {
	var errs []error
	if o.Dir == "" {
		errs = append(errs, errors.New("dir is empty"))
	}
	if o.Durability != Full && o.Durability != Normal {
		errs = append(errs, fmt.Errorf("durability is %q, but must be %q or %q", o.Durability, Full, Normal))
	}
	return errors.Join(errs...)
}

// Ledger is a ledger open for writing. It is safe for concurrent use.
type Ledger struct {
	*Reader
	log     *slog.Logger
	now     func() time.Time
	aged    func() time.Time // that ages of jobs are reckoned by
	lock    *lock
	ids     *sequence
	watches *watches
	writer  *writer
	pruned  bell // there may be room to give back
	wrote   func(time.Duration, int, error)

	schedules *scheduleNews

	closing  sync.Once
	closeErr error
}

// Open takes the folder's lock, opens or creates the ledger in it and brings its schema up to date. It returns a
// *LockedError where another process has it, a *SchemaError where a newer whipper wrote it, a *DamagedError where the
// file is no ledger, a *NoLedgerError where one must exist and does not, and an *ownership.Error where another user could reach into
// the folder. It leaves what a dead supervisor left as it
// is; see Recover. ctx bounds the opening only.
func Open(ctx context.Context, o Options) (*Ledger, error) {
	aged := o.Now
	if aged == nil {
		aged = ageClock{time.Now()}.now
	}
	o = o.withDefaults()
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("ledger options: %w", err)
	}
	if o.Existing {
		if err := mustExist(o.Dir); err != nil {
			return nil, err
		}
		if err := ownership.Own(o.Dir); err != nil {
			return nil, err
		}
	} else if err := makeDir(o.Dir); err != nil {
		return nil, err
	}
	lock, err := acquireLock(filepath.Join(o.Dir, lockName))
	if err != nil {
		return nil, err
	}
	l := &Ledger{log: o.Logger, now: o.Now, aged: aged, lock: lock, watches: newWatches(), pruned: newBell(), schedules: newScheduleNews(), wrote: o.Wrote}
	path := filepath.Join(o.Dir, fileName)
	if err := l.open(ctx, path, o.Durability); err != nil {
		return nil, errors.Join(fmt.Errorf("open ledger %q: %w", path, inWords(err)), lock.release())
	}
	return l, nil
}

func (l *Ledger) open(ctx context.Context, path string, d Durability) error {
	// fdatasync is as durable as the fsync that the driver uses by default, and spares a journal commit for timestamps.
	// Where the system has none, the error says only that the default stays.
	_, _ = sqlite.Fdatasync(true)
	if err := makePrivate(path); err != nil {
		return err
	}
	if err := rewrite(path + "-wal"); err != nil {
		return err
	}
	saved, err := migrate(ctx, path, d, migrations.SQLite())
	if err != nil {
		return err
	}
	if saved != "" {
		l.log.Info("ledger was upgraded; a backup of it as it was before is kept", "backup", saved)
	}
	conn, err := openConn(ctx, writerDSN(path, d))
	if err != nil {
		return asDamaged(path, err)
	}
	if l.ids, err = loadSequence(conn); err != nil {
		return errors.Join(asDamaged(path, err), conn.close())
	}
	if l.Reader, err = openReader(ctx, path); err != nil {
		return errors.Join(err, conn.close())
	}
	l.writer = startWriter(path, d, conn, l.ids, l.watches, l.schedules, l.log, l.wrote)
	l.catchUp = l.writer.catchUp
	return nil
}

// Err returns why commits fail at the moment, or nil. While it is not nil, submissions fail, and changes that must not
// be lost wait in memory; no new work should be started.
func (l *Ledger) Err() error { return l.writer.err() }

// Flush waits until every change that was handed over before is on disk, or has been refused.
func (l *Ledger) Flush(ctx context.Context) error {
	select {
	case err := <-l.flushed():
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// FlushLong is Flush for as long as it takes, but for a commit that takes longer than stall: that is context.DeadlineExceeded.
func (l *Ledger) FlushLong(stall time.Duration) error {
	tick := time.NewTicker(stall)
	defer tick.Stop()
	return l.flushWhile(tick.C, l.writer.written.Load)
}

// flushWhile is Flush as long as the number of commits is another at each tick.
func (l *Ledger) flushWhile(tick <-chan time.Time, commits func() int64) error {
	flushed, before := l.flushed(), commits()
	for {
		select {
		case err := <-flushed:
			return err
		case <-tick:
		}
		now := commits()
		if now == before {
			return context.DeadlineExceeded
		}
		before = now
	}
}

// flushed tells when every change that was handed over before is on disk.
func (l *Ledger) flushed() <-chan error {
	flushed := make(chan error, 1)
	l.writer.put(&op{kind: opNothing, keep: true, done: func(err error) { flushed <- err }})
	return flushed
}

// Close writes what is pending, ends the writer and the reads, and lets go of the lock. Where the last commit fails,
// it returns why, and the changes that are lost have been told so. Close may be called again, to no effect.
func (l *Ledger) Close() error {
	l.closing.Do(func() {
		err := l.writer.stop()
		l.watches.close()
		// The readers go first, so that none of them holds up the writer's last checkpoint.
		l.closeErr = errors.Join(err, l.Reader.Close(), l.writer.finish(), l.lock.release())
	})
	return l.closeErr
}
