package ledger

import (
	"os"
)

// walCare is when to look at the WAL again.
type walCare struct {
	due   int // at this number of commits
	tries int // in a row that a reader has thwarted
}

// after takes note of a look at the WAL. Each try to empty it waits for readers, so where one holds on to it the tries become rare: it
// grows until that reader is done in any case.
func (c *walCare) after(commits int, shortened bool) {
	if shortened {
		*c = walCare{due: commits + walCheckEvery}
		return
	}
	c.due = commits + walCheckEvery<<min(c.tries, mostWalTries)
	c.tries++
}

// shortenWAL makes the WAL start over where readers have kept SQLite's own checkpoints from doing so until it is longer
// than limit. It is false where a reader is in the way of that too.
func (w *writer) shortenWAL(limit int64) bool {
	info, err := os.Stat(w.path + "-wal")
	if err != nil || info.Size() <= limit {
		return true
	}
	if err := w.conn.emptyWAL(); err != nil {
		w.log.Warn("ledger's WAL could not be shortened", "error", err, "bytes", info.Size())
		return false
	}
	if after, err := os.Stat(w.path + "-wal"); err == nil && after.Size() > limit {
		if w.wal.tries == 0 {
			w.log.Warn("a read that goes on for long keeps the ledger's WAL from being emptied", "bytes", after.Size(), "file", w.path+"-wal")
		}
		return false
	}
	return true
}
