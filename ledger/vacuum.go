package ledger

import (
	"context"
	"database/sql/driver"
	"fmt"
)

const (
	vacuumPages = 256     // pages that one transaction gives back
	spareBytes  = 1 << 20 // free space that is not worth the work: new jobs will need it
	spareShare  = 32      // and this part of the file
)

const (
	vacuumSQL   = `PRAGMA incremental_vacuum(256)` // vacuumPages
	freePageSQL = `SELECT (SELECT freelist_count FROM pragma_freelist_count), (SELECT page_count FROM pragma_page_count),
		(SELECT page_size FROM pragma_page_size)`
)

// Space is what the database file is made of. The WAL beside it comes on top.
type Space struct {
	Bytes int64 // of the file
	Free  int64 // of those, what holds nothing: new rows fill it before the file grows
}

// spareOf is as much of a file as may stay free.
func spareOf(bytes int64) int64 { return max(spareBytes, bytes/spareShare) }

// Space reads how large the file is.
func (r *Reader) Space(ctx context.Context) (Space, error) {
	var free, pages, size int64
	if err := r.db.QueryRowContext(ctx, freePageSQL).Scan(&free, &pages, &size); err != nil {
		return Space{}, fmt.Errorf("read the ledger's size: %w", err)
	}
	return Space{Bytes: pages * size, Free: free * size}, nil
}

// Vacuum gives the pages that pruned jobs have left back to the file system, but for a spare that new jobs will fill. It works in
// small transactions that give way to everybody else's. What ctx cuts short is done another time.
func (l *Ledger) Vacuum(ctx context.Context) error {
	worked := false
	for {
		more := false
		err := l.writer.doBehind(ctx, vacuumPages, func(b *batch) (err error) {
			more, err = b.vacuum()
			return err
		})
		if err != nil {
			return fmt.Errorf("shrink the ledger: %w", err)
		}
		if !more {
			break
		}
		worked = true
	}
	if !worked {
		return nil
	}
	// SQLite cuts the file when the WAL is checkpointed. This one waits for nobody.
	err := l.writer.afterCommit(ctx, func(c *conn) {
		if err := c.run("PRAGMA wal_checkpoint(PASSIVE)"); err != nil {
			l.log.Warn("ledger's file could not be cut", "error", err)
		}
	})
	if err != nil {
		return fmt.Errorf("shrink the ledger: %w", err)
	}
	return nil
}

// vacuum gives some pages back and says whether there are more.
func (b *batch) vacuum() (more bool, err error) {
	err = b.conn.query(freePageSQL, func(values []driver.Value) error {
		s := scanner{values: values}
		free, pages, size := s.int(), s.int(), s.int()
		more = free*size > spareOf(pages*size)
		return nil
	})
	if err != nil || !more {
		return false, err
	}
	return true, b.conn.query(vacuumSQL, func([]driver.Value) error { return nil })
}
