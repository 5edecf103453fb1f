package ledger

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/whipper-sidecar/whipper/migrations"
)

// edit runs a statement on a ledger that nobody has open.
func edit(t *testing.T, dir, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(dir, fileName))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(statement); err != nil {
		t.Fatal(err)
	}
}

func TestALedgerOfANewerWhipperIsRefusedUntouched(t *testing.T) {
	dir := t.TempDir()
	if err := open(t, dir).Close(); err != nil {
		t.Fatal(err)
	}
	edit(t, dir, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)")
	known, _ := migrations.Latest(migrations.SQLite())
	_, writeErr := Open(t.Context(), Options{Dir: dir})
	_, readErr := OpenReader(t.Context(), dir)
	for _, err := range []error{writeErr, readErr} {
		var schema *SchemaError
		if !errors.As(err, &schema) || schema.Found != 9999 || schema.Known != known {
			t.Errorf("got %v, want a schema error", err)
			continue
		}
		if !strings.Contains(err.Error(), "9999") || !strings.Contains(err.Error(), "newer whipper") {
			t.Errorf("%q names neither the version nor the way out", err)
		}
	}
	// It has let go of the lock.
	edit(t, dir, "DELETE FROM goose_db_version WHERE version_id = 9999")
	open(t, dir)
}

func TestEveryTableIsStrictAndTheFileIsSetUp(t *testing.T) {
	l := open(t, t.TempDir())
	// goose makes its own table of versions.
	for _, name := range dump(t, l.db, "SELECT name FROM pragma_table_list WHERE type = 'table' AND NOT strict") {
		if name != "goose_db_version" && !strings.HasPrefix(name, "sqlite_") {
			t.Errorf("table %s is not STRICT", name)
		}
	}
	for pragma, want := range map[string]string{"auto_vacuum": "2", "journal_mode": "wal", "application_id": "2003333234"} {
		if got := dump(t, l.db, "PRAGMA "+pragma); got[0] != want {
			t.Errorf("%s is %s, want %s", pragma, got[0], want)
		}
	}
	if _, err := l.db.Exec("DELETE FROM job"); err == nil {
		t.Error("a reader's connection could write")
	}
}

func TestDurabilitySetsWhatACommitWaitsFor(t *testing.T) {
	for durability, want := range map[Durability]int64{"": 2, Full: 2, Normal: 1} {
		l, err := Open(t.Context(), Options{Dir: t.TempDir(), Durability: durability})
		if err != nil {
			t.Fatal(err)
		}
		var got int64
		err = l.writer.do(t.Context(), 0, func(b *batch) error {
			return b.conn.query("PRAGMA synchronous", func(values []driver.Value) error {
				got, _ = values[0].(int64)
				return nil
			})
		})
		if err != nil || got != want {
			t.Errorf("durability %q: synchronous is %d, want %d: %v", durability, got, want, err)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := Open(t.Context(), Options{Durability: "none"}); err == nil || !strings.Contains(err.Error(), "dir is empty") || !strings.Contains(err.Error(), `"none"`) {
		t.Errorf("%v does not name every problem", err)
	}
}

func TestAMissingLedgerIsSaidToBeMissing(t *testing.T) {
	dir := t.TempDir()
	for _, dir := range []string{dir, filepath.Join(dir, "nowhere")} {
		_, err := OpenReader(t.Context(), dir)
		var missing *NoLedgerError
		if _, err := Open(t.Context(), Options{Dir: dir, Existing: true}); !errors.Is(err, ErrNoLedger) {
			t.Errorf("opened for writing: %v", err)
		}
		if !errors.Is(err, ErrNoLedger) || !errors.As(err, &missing) || missing.Dir != dir || !strings.Contains(err.Error(), dir) {
			t.Errorf("got %v", err)
		}
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 0 {
		t.Errorf("reading made %v", entries)
	}
}

func TestAFileThatIsNoLedgerIsRefused(t *testing.T) {
	text, foreign, torn := t.TempDir(), t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(text, fileName), []byte(strings.Repeat("not a database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	edit(t, foreign, "CREATE TABLE mine (x)")
	if err := open(t, torn).Close(); err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(filepath.Join(torn, fileName), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteAt(make([]byte, 4000), 100); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	for name, dir := range map[string]string{"text": text, "another program's database": foreign, "a torn ledger": torn} {
		_, writeErr := Open(t.Context(), Options{Dir: dir})
		_, readErr := OpenReader(t.Context(), dir)
		for _, err := range []error{writeErr, readErr} {
			var damaged *DamagedError
			if !errors.As(err, &damaged) || !strings.Contains(err.Error(), dir) {
				t.Errorf("%s: got %v", name, err)
			}
			if n := strings.Count(err.Error(), "not a readable whipper ledger"); n != 1 {
				t.Errorf("%s: said %d times in %v", name, n, err)
			}
		}
	}
}

func TestALedgerIsReadAfterACleanStopAndNothingIsLeftBehind(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	id := submit(t, l, Job{Pool: "p", Method: "m"})[0]
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, fileName+"-wal")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a clean stop left the WAL: %v", err)
	}
	r, err := OpenReader(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if job, _ := get(t, r, id); job.Method != "m" {
		t.Errorf("%+v", job)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if got := files(t, dir); !slices.Equal(got, []string{"ledger.db", "lock"}) {
		t.Errorf("reading left %q", got)
	}
}

// files lists a folder.
func files(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
