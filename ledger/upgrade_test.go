package ledger

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/whipper-sidecar/whipper/migrations"
)

// earlierLedgers gives the ledgers of all earlier schemas, by version: as SQL, which migrations/testdata/make.sh has written. Each is what a
// supervisor left that was killed while jobs ran.
func earlierLedgers(t *testing.T) map[int64]string {
	t.Helper()
	latest, err := migrations.Latest(migrations.SQLite())
	if err != nil {
		t.Fatal(err)
	}
	ledgers := map[int64]string{}
	for version := range latest - 1 {
		text, err := os.ReadFile(fmt.Sprintf("../migrations/testdata/ledger.v%d.sql", version+1))
		if err != nil {
			t.Fatalf("schema %d has no ledger to try the upgrade with: migrations/testdata/make.sh makes it of the last commit that has it: %v", version+1, err)
		}
		ledgers[version+1] = string(text)
	}
	return ledgers
}

// restored is a folder with the ledger that SQL makes.
func restored(t *testing.T, text string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := makePrivate(filepath.Join(dir, fileName)); err != nil {
		t.Fatal(err)
	}
	edit(t, dir, text)
	return dir
}

// rowsOf gives all rows of a ledger, by table, with the columns that an earlier schema has; with nil those that this ledger has.
func rowsOf(t *testing.T, db *sql.DB, columns map[string][]string) (map[string][]string, map[string][]string) {
	t.Helper()
	if columns == nil {
		columns = map[string][]string{}
		for _, table := range []string{"job", "attempt", "tally", "counter", "process", "payload", "schedule", "pause"} {
			if names := dump(t, db, "SELECT name FROM pragma_table_info(?)", table); names != nil {
				columns[table] = names
			}
		}
	}
	found := map[string][]string{}
	for table, names := range columns {
		// The schedules of the first schema were never filled, and are made anew by the third.
		if table == "schedule" && slices.Contains(names, "enabled") {
			continue
		}
		found[table] = dump(t, db, "SELECT "+strings.Join(names, ", ")+" FROM "+table+" ORDER BY 1, 2")
	}
	return found, columns
}

// rowsBefore looks at a ledger as it is, without an upgrade.
func rowsBefore(t *testing.T, dir string) (map[string][]string, map[string][]string) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(dir, fileName))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	return rowsOf(t, db, nil)
}

// mustBeUpgraded holds a ledger to the rows that it had, and to the schema of one that is new.
func mustBeUpgraded(t *testing.T, l *Ledger, want, columns map[string][]string, schema []string) {
	t.Helper()
	got, _ := rowsOf(t, l.db, columns)
	for table := range want {
		if !slices.Equal(got[table], want[table]) {
			t.Errorf("table %s has the rows\n%s\nand had\n%s", table, strings.Join(got[table], "\n"), strings.Join(want[table], "\n"))
		}
	}
	if got := dump(t, l.db, schemaText); !slices.Equal(got, schema) {
		t.Errorf("the schema is\n%s\nand that of a new ledger\n%s", strings.Join(got, "\n"), strings.Join(schema, "\n"))
	}
	mustBeSound(t, l.Reader)
	if faults, err := l.CheckAll(t.Context()); err != nil || faults != nil {
		t.Errorf("faults %+v, %v", faults, err)
	}
}

const schemaText = "SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite%' ORDER BY 1, 2"

func TestALedgerOfEachEarlierSchemaKeepsItsJobsAndRunsThem(t *testing.T) {
	schema := dump(t, open(t, t.TempDir()).db, schemaText)
	for version, text := range earlierLedgers(t) {
		t.Run(fmt.Sprint("schema ", version), func(t *testing.T) {
			dir := restored(t, text)
			want, columns := rowsBefore(t, dir)
			if len(want["job"]) < 11 || len(want["attempt"]) < 5 {
				t.Fatalf("%d jobs with %d attempts are no trial", len(want["job"]), len(want["attempt"]))
			}
			l := open(t, dir)
			if _, err := os.Stat(fmt.Sprintf("%s.v%d.bak", filepath.Join(dir, fileName), version)); err != nil {
				t.Errorf("the backup: %v", err)
			}
			mustBeUpgraded(t, l, want, columns, schema)
			if _, err := l.Recover(t.Context()); err != nil {
				t.Fatal(err)
			}
			again, err := l.Submit(t.Context(), []Job{{Pool: "default", Method: "echo", Params: []byte(`["queued"]`), IdempotencyKey: "later"}, {Pool: "default", Method: "echo"}})
			if err != nil || !again[0].Duplicate || again[1].ID <= int64(len(want["job"])) {
				t.Errorf("a known key and a new job: %+v, %v", again, err)
			}
			var queued []int64
			for {
				ready, _, err := l.Ready(t.Context(), "default", time.Now().Add(time.Minute), 16, nil)
				if err != nil {
					t.Fatal(err)
				}
				if len(ready) == 0 {
					break
				}
				for _, job := range ready {
					queued = append(queued, job.ID)
					job = Begin(job, "w1", 1, time.Now())
					l.Start(job, nil)
					job, attempt := Settle(job, Ending{Outcome: OutcomeSucceeded, At: time.Now()}, 0)
					l.Finish(job, attempt, nil)
				}
				flush(t, l)
			}
			if len(queued) < 4 { // the one that ran, two that waited, and the new one
				t.Errorf("of what was queued only %d ran", queued)
			}
			left := dump(t, l.db, "SELECT id FROM job WHERE finished_at IS NULL AND run_at < ?", time.Now().Add(time.Hour).UnixMicro())
			if left != nil {
				t.Errorf("jobs %s have no end", left)
			}
			mustBeSound(t, l.Reader)
		})
	}
}

// What a process leaves, or power that fails, at any call of the disk during an upgrade is a ledger of one schema or the next.
func TestAnUpgradeThatIsCutShortAnywhereLosesNothing(t *testing.T) {
	schema := dump(t, open(t, t.TempDir()).db, schemaText)
	stride := 7
	if os.Getenv(faultsVar) != "" {
		stride = 1
	}
	for version, text := range earlierLedgers(t) {
		left, n := map[string]int{}, 1 // by schema
		for more := true; more; n += stride {
			t.Run(fmt.Sprintf("schema %d, call %d", version, n), func(t *testing.T) { // each with a disk of its own
				dir := restored(t, text)
				want, columns := rowsBefore(t, dir)
				d := useDisk(t, dir, uint64(n))
				d.failAt(n, ioError, true)
				l, err := Open(t.Context(), Options{Dir: dir})
				if err == nil {
					_ = l.Close() // it may meet the failure
				}
				if more = d.hit() != ""; !more {
					return
				}
				for _, power := range []bool{false, true} {
					dir := d.leave(t, power)
					d.mend()
					left[versionOf(t, dir)]++
					mustBeUpgraded(t, open(t, dir), want, columns, schema)
				}
				if t.Failed() {
					t.Logf("after %s", d.hit())
				}
			})
			if t.Failed() {
				t.FailNow() // one tells enough
			}
		}
		t.Logf("schema %d: about %d calls; what was left by schema: %v", version, n, left)
		if len(left) < 2 {
			t.Errorf("all that was left is of schema %v: no upgrade was cut short", left)
		}
	}
}

// versionOf is the version of a ledger as it is.
func versionOf(t *testing.T, dir string) string {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(dir, fileName))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	return dump(t, db, "SELECT max(version_id) FROM goose_db_version WHERE is_applied")[0]
}
