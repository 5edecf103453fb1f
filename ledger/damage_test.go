package ledger

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestAfterAFailureTheLedgerIsLookedThroughBeforeAnythingIsWritten(t *testing.T) {
	dir := t.TempDir()
	d := useDisk(t, dir, 1)
	l, job := ledgerOfPages(t, dir)
	d.failAt(1, ioError, true)
	if _, err := l.Submit(t.Context(), []Job{{Pool: "p", Method: "m"}}); err == nil {
		t.Fatal("the disk has not failed")
	}
	damagePages(t, dir, l.db, "name = 'job' AND pagetype = 'leaf' ORDER BY pageno LIMIT 1 OFFSET 2") // where none of what follows comes by
	d.mend()
	answered := make(chan error, 1)
	l.Start(Begin(job, "w1", 1, noon), func(err error) { answered <- err })
	var damaged *DamagedError
	_, err := l.Submit(t.Context(), []Job{{Pool: "p", Method: "m"}})
	if !errors.As(err, &damaged) || !errors.As(l.Err(), &damaged) {
		t.Errorf("a submission to a damaged ledger: %v; Err: %v", err, l.Err())
	}
	if err := l.Close(); !errors.As(err, &damaged) {
		t.Errorf("Close: %v", err)
	}
	if err := <-answered; !errors.Is(err, ErrClosed) {
		t.Errorf("what could not be written was answered: %v", err)
	}
}

func TestDamageThatAWriteMeetsIsToldAsDamage(t *testing.T) {
	dir := t.TempDir()
	l, _ := ledgerOfPages(t, dir)
	damagePages(t, dir, l.db, "name = 'job_ready'")
	var damaged *DamagedError
	if _, err := l.Submit(t.Context(), []Job{{Pool: "p", Method: "m"}}); !errors.As(err, &damaged) {
		t.Errorf("%v", err)
	}
	if err := l.Close(); !errors.As(err, &damaged) {
		t.Errorf("Close: %v", err)
	}
}

// ledgerOfPages opens a ledger with a few hundred jobs, all of which is in the database and none in the memory of the writer's connection.
// One of the jobs is returned.
func ledgerOfPages(t *testing.T, dir string) (*Ledger, Job) {
	t.Helper()
	l, err := Open(t.Context(), Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	ids := submit(t, l, slices.Repeat([]Job{{Pool: "p", Method: "m", Params: []byte(`["0123456789012345678901234567890123456789"]`)}}, 500)...)
	job, _ := get(t, l.Reader, ids[0])
	after := l.writer.afterCommit(t.Context(), func(c *conn) { err = errors.Join(c.emptyWAL(), c.run("PRAGMA shrink_memory")) })
	if err := errors.Join(after, err); err != nil {
		t.Fatal(err)
	}
	return l, job
}

// damagePages writes over those pages of a ledger that a condition on dbstat means.
func damagePages(t *testing.T, dir string, db *sql.DB, which string) {
	t.Helper()
	pages := dump(t, db, "SELECT pgoffset, pgsize FROM dbstat WHERE "+which)
	if pages == nil {
		t.Fatalf("there is no page for which %s", which)
	}
	file, err := os.OpenFile(filepath.Join(dir, fileName), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, page := range pages {
		var off, size int64
		if _, err := fmt.Sscan(page, &off, &size); err != nil {
			t.Fatal(err)
		}
		if _, err := file.WriteAt(bytes.Repeat([]byte{0xa5}, int(size)), off); err != nil {
			t.Fatal(err)
		}
	}
}
