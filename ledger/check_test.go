package ledger

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"pgregory.net/rapid"

	"github.com/whipper-sidecar/whipper/migrations"
)

func TestCheckFindsDamageInsideTheFile(t *testing.T) {
	dir := t.TempDir()
	l, err := Open(t.Context(), Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	jobs := make([]Job, 500)
	for i := range jobs {
		jobs[i] = Job{Pool: "default", Method: "echo", Params: []byte(`["0123456789012345678901234567890123456789"]`)}
	}
	if _, err := l.Submit(t.Context(), jobs); err != nil {
		t.Fatal(err)
	}
	if err := l.Check(t.Context()); err != nil {
		t.Errorf("a sound ledger: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}

	damage(t, dir)
	r, err := OpenReader(t.Context(), dir)
	if err != nil {
		t.Fatalf("the damage is not where the reader looks first: %v", err)
	}
	defer r.Close()
	var damaged *DamagedError
	if err := r.Check(t.Context()); !errors.As(err, &damaged) {
		t.Errorf("a damaged ledger: %v", err)
	}
}

func TestASoundLedgerHasNoFaults(t *testing.T) {
	l := open(t, t.TempDir())
	if faults, err := l.CheckAll(t.Context()); err != nil || len(faults) != 0 {
		t.Errorf("an empty ledger: %+v, %v", faults, err)
	}
	rapid.Check(t, func(t *rapid.T) {
		job := drawJob(t)
		submitted, err := l.Submit(context.Background(), []Job{job})
		if err != nil {
			t.Fatal(err)
		}
		if job, _, err = l.Get(context.Background(), submitted[0].ID); err != nil {
			t.Fatal(err)
		}
		for range rapid.IntRange(0, 3).Draw(t, "runs") {
			if job.State == Queued {
				job = run(l, job, drawEnding(t, noon))
			}
		}
		if err := l.Flush(context.Background()); err != nil {
			t.Fatal(err)
		}
		if faults, err := l.CheckAll(context.Background()); err != nil || len(faults) != 0 {
			t.Errorf("%+v, %v", faults, err)
		}
	})
}

func TestEveryFaultOfTheBooksIsFound(t *testing.T) {
	for statement, want := range map[string]string{
		`UPDATE tally SET n = n + 2 WHERE state = 'queued'`:                                                    `pool "p", method "m": the tally counts jobs that are queued wrongly: as 4, but there are 2`,
		`INSERT INTO tally VALUES ('q', 'm', 'failed', 1)`:                                                     `pool "q", method "m": the tally counts jobs that are failed wrongly: as 1, but there are 0`,
		`INSERT INTO attempt (job_id, number, outcome, started_at, finished_at) VALUES (99, 1, 'error', 0, 0)`: "there is no job 99, but 1 attempts of it",
		`INSERT INTO attempt (job_id, number, outcome, started_at, finished_at) VALUES (1, 3, 'error', 0, 0)`:  "job 1 has an attempt 3, but only 0 runs",
		`UPDATE counter SET n = 2`:                    "job 2 is there, but ids are given out from 2 on",
		`DELETE FROM counter`:                         "job 2 is there, but ids are given out from 0 on",
		`UPDATE job SET finished_at = 1 WHERE id = 1`: "job 1 is queued, and when it finished does not fit that",
		`UPDATE job SET params = x'' WHERE id = 2`:    "job 2 has lost its params",
		`INSERT INTO payload VALUES (40, x'31')`:      "there is no job 10, but 1 payloads of it",
		`UPDATE job SET labels = '{' WHERE id = 2`:    "job 2 has labels or a backoff that are no JSON",
		`UPDATE job SET state = 'running' WHERE id = 1; UPDATE tally SET n = 1 WHERE state = 'queued'; INSERT INTO tally VALUES ('p', 'm', 'running', 1)`: "job 1 is running, but has no start",
	} {
		dir := t.TempDir()
		l := open(t, dir)
		submit(t, l, Job{Pool: "p", Method: "m"}, Job{Pool: "p", Method: "m"})
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		edit(t, dir, statement)
		r, err := OpenReader(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		faults, err := r.CheckAll(t.Context())
		if err != nil || len(faults) != 1 || faults[0].What != want || faults[0].Fix == "" {
			t.Errorf("%s\n%+v, %v\nwant %s", statement, faults, err, want)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

// damage writes over a part of a ledger's file that no reader looks at first.
func damage(t *testing.T, dir string) {
	t.Helper()
	path := filepath.Join(dir, fileName)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := len(content) * 3 / 4; i < len(content)*3/4+8192; i++ {
		content[i] = 0xa5
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestADamagedLedgerIsNotOpenedForWritingAndItsFaultsAreListed(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	submit(t, l, slices.Repeat([]Job{{Pool: "p", Method: "m", Params: []byte(`["0123456789012345678901234567890123456789"]`)}}, 500)...)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	damage(t, dir)
	_, err := Open(t.Context(), Options{Dir: dir})
	var damaged *DamagedError
	if !errors.As(err, &damaged) || !strings.Contains(err.Error(), "`whipper ledger check` lists every fault") {
		t.Errorf("opened: %v", err)
	}
	r, err := OpenReader(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	faults, err := r.CheckAll(t.Context())
	if err != nil || len(faults) == 0 || faults[0].Fix != fixFile {
		t.Errorf("%+v, %v", faults, err)
	}
}

func TestALedgerIsBackedUpBeforeItIsUpgraded(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	ids := submit(t, l, Job{Pool: "p", Method: "m"}, Job{Pool: "p", Method: "m"})
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, fileName)
	old, err := migrations.Latest(migrations.SQLite())
	if err != nil {
		t.Fatal(err)
	}
	saved, err := migrate(t.Context(), path, Full, migrations.SQLite())
	if err != nil || saved != "" {
		t.Errorf("without an upgrade %q was written: %v", saved, err)
	}
	steps := func(last string) fstest.MapFS {
		files := fstest.MapFS{fmt.Sprintf("%04d_newer.sql", old+1): {Data: []byte("-- +goose Up\n" + last)}}
		names, _ := fs.Glob(migrations.SQLite(), "*.sql")
		for _, name := range names {
			text, err := fs.ReadFile(migrations.SQLite(), name)
			if err != nil {
				t.Fatal(err)
			}
			files[name] = &fstest.MapFile{Data: text}
		}
		return files
	}
	want := fmt.Sprintf("%s.v%d.bak", path, old)
	// An upgrade that fails leaves the ledger as it was; the next takes the backup again.
	if _, err := migrate(t.Context(), path, Full, steps("NONSENSE;")); err == nil {
		t.Fatal("nonsense was taken for an upgrade")
	}
	if err := open(t, dir).Close(); err != nil {
		t.Fatal(err)
	}
	saved, err = migrate(t.Context(), path, Full, steps("ALTER TABLE job ADD COLUMN newer TEXT;"))
	if err != nil || saved != want {
		t.Fatalf("saved %q, want %q: %v", saved, want, err)
	}
	if info, err := os.Stat(saved); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	var newer *SchemaError
	if _, err := Open(t.Context(), Options{Dir: dir}); !errors.As(err, &newer) {
		t.Errorf("the upgraded ledger: %v", err)
	}
	before := restore(t, saved)
	if n, err := before.Count(t.Context(), Filter{}); err != nil || int(n) != len(ids) {
		t.Errorf("%d jobs in the backup: %v", n, err)
	}
	mustBeSound(t, before.Reader)
	// A ledger that is new is no upgrade.
	fresh := filepath.Join(t.TempDir(), fileName)
	if err := makePrivate(fresh); err != nil {
		t.Fatal(err)
	}
	if saved, err := migrate(t.Context(), fresh, Full, steps("SELECT 1;")); err != nil || saved != "" {
		t.Errorf("a new ledger: %q, %v", saved, err)
	}
}
