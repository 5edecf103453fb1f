package ledger

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A reader of another process, or a query that goes on, keeps a snapshot while thousands of commits are made.
func TestTheWALShrinksAgainAfterALongReader(t *testing.T) {
	dir := t.TempDir()
	var log bytes.Buffer
	l, err := Open(t.Context(), Options{Dir: dir, Durability: Normal, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	long, err := OpenReader(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer long.Close()
	snapshot, err := long.db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer snapshot.Rollback()
	count := func() (n int) {
		if err := snapshot.QueryRow("SELECT count(*) FROM job").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	count()
	wal := func() int64 {
		info, err := os.Stat(filepath.Join(dir, fileName+"-wal"))
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	const commits = 3000
	payload := []byte(`"` + strings.Repeat("x", 60_000) + `"`)
	for i := range commits {
		submit(t, l, Job{Pool: "p", Method: "m", Params: payload, IdempotencyKey: fmt.Sprint(i)})
	}
	if n := count(); n != 0 {
		t.Errorf("the snapshot has %d jobs", n)
	}
	if wal() <= walTooLong {
		t.Fatalf("the WAL has only %d bytes: nothing is tested", wal())
	}
	if n := strings.Count(log.String(), "keeps the ledger's WAL from being emptied"); n != 1 {
		t.Errorf("that was told %d times:\n%s", n, log.String())
	}
	if err := snapshot.Rollback(); err != nil {
		t.Fatal(err)
	}
	// SQLite's own checkpoint gets through with one of the next commits, and the one after that begins the WAL anew.
	for range 2 {
		submit(t, l, Job{Pool: "p", Method: "m"})
	}
	if wal() > walKeep {
		t.Errorf("the WAL still has %d bytes", wal())
	}
	mustBeSound(t, l.Reader)
}

func TestTriesInVainToEmptyTheWALBecomeRare(t *testing.T) {
	var c walCare
	var dues []int
	for range 12 {
		c.after(c.due, false)
		dues = append(dues, c.due)
	}
	if got := fmt.Sprint(dues); got != "[64 192 448 960 1984 4032 8128 16320 32704 49088 65472 81856]" {
		t.Errorf("tries at %s", got)
	}
	if c.after(c.due, true); c.due != 81856+walCheckEvery || c.tries != 0 {
		t.Errorf("after success %+v", c)
	}
}
