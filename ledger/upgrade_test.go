package ledger

import (
	"database/sql"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/whipper-sidecar/whipper/migrations"
)

// some gives those of the migrations whose names begin with one of the numbers, and stands in for those that there are not.
func some(t *testing.T, numbers ...string) fstest.MapFS {
	t.Helper()
	all, err := fs.Glob(migrations.SQLite(), "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	files := fstest.MapFS{}
	for _, number := range numbers {
		name, text := number+"_stand_in.sql", []byte("-- +goose Up\nCREATE TABLE stand_in_"+number+" (n INTEGER) STRICT;\n")
		if i := slices.IndexFunc(all, func(name string) bool { return strings.HasPrefix(name, number) }); i >= 0 {
			name = all[i]
			if text, err = fs.ReadFile(migrations.SQLite(), name); err != nil {
				t.Fatal(err)
			}
		}
		files[name] = &fstest.MapFile{Data: text}
	}
	return files
}

func TestAVersionThatIsMissingBelowTheHighestIsMadeUpFor(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, fileName)
	if err := makePrivate(path); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", readerDSN(path))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	const first = "0001"
	// The numbers are those of files that there never were, but for the first.
	for _, step := range []struct {
		numbers []string
		before  int64 // as which the ledger counts with these files
	}{
		{[]string{first}, 0},
		{[]string{first, "9004"}, 1},
		{[]string{first, "9002", "9003", "9004"}, 1},
		{[]string{first, "9002", "9003", "9004", "9005"}, 9004},
	} {
		files := some(t, step.numbers...)
		latest, _ := migrations.Latest(files)
		found, known, err := schemaVersions(t.Context(), db, files, path)
		if found != step.before || known != latest || err != nil {
			t.Errorf("with %v: version %d of %d, want %d of %d: %v", step.numbers, found, known, step.before, latest, err)
		}
		if err := migrateTo(t.Context(), files, path, Normal); err != nil {
			t.Fatal(err)
		}
		if found, _, err := schemaVersions(t.Context(), db, files, path); found != latest || err != nil {
			t.Errorf("with %v: version %d after the upgrade: %v", step.numbers, found, err)
		}
	}
	var newer *SchemaError
	if err := migrateTo(t.Context(), some(t, first), path, Normal); !errors.As(err, &newer) || newer.Found != 9005 {
		t.Errorf("fewer files than the ledger has: %v", err)
	}
}

func TestALedgerOfTheFirstReleaseIsUpgradedAndKeepsItsJobs(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, fileName)
	if err := makePrivate(path); err != nil {
		t.Fatal(err)
	}
	if err := migrateTo(t.Context(), some(t, "0001"), path, Normal); err != nil {
		t.Fatal(err)
	}
	edit(t, dir, `INSERT INTO job (id, pool, method, state, max_attempts, delivery, origin, created_at, run_at)
		VALUES (7, 'p', 'm', 'queued', 3, 'at-least-once', 'submit', 1, 1);
		INSERT INTO tally (pool, method, state, n) VALUES ('p', 'm', 'queued', 1)`)
	l := open(t, dir)
	if job, _ := get(t, l.Reader, 7); job.Method != "m" {
		t.Errorf("%+v", job)
	}
	mustBeSound(t, l.Reader)
}
