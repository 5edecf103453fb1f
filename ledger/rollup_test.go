package ledger

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pressly/goose/v3"

	"github.com/whipper-sidecar/whipper/migrations"
)

// mustBalance compares the rollup with the rows, of which none may have been pruned or given another run.
func mustBalance(t testing.TB, r *Reader) {
	t.Helper()
	const hour = " - finished_at % 3600000000"
	for what, queries := range map[string][2]string{
		"jobs": {
			`SELECT pool, method, hour, succeeded, failed, cancelled, dropped FROM rollup
				WHERE succeeded + failed + cancelled + dropped > 0 ORDER BY 1, 2, 3`,
			`SELECT pool, method, finished_at` + hour + `, sum(state = 'succeeded'), sum(state = 'failed'), sum(state = 'cancelled'), sum(state = 'dropped')
				FROM job WHERE finished_at IS NOT NULL GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`,
		},
		"attempts": {
			`SELECT pool, method, hour, attempts, crashes FROM rollup WHERE attempts > 0 ORDER BY 1, 2, 3`,
			`SELECT pool, method, a.finished_at - a.finished_at % 3600000000, count(*), sum(outcome = 'crashed')
				FROM attempt a JOIN job ON id = job_id GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`,
		},
	} {
		if got, want := dump(t, r.db, queries[0]), dump(t, r.db, queries[1]); !slices.Equal(got, want) {
			t.Errorf("of %s the rollup says\n%s\nbut the rows are\n%s", what, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

func TestATransactionThatFailedIsNotRolledUpTwice(t *testing.T) {
	l := open(t, t.TempDir())
	ids := submit(t, l, Job{Pool: "p", Method: "m"}, Job{Pool: "p", Method: "m"})
	first, _ := get(t, l.Reader, ids[0])
	run(l, first, Ending{Outcome: OutcomeSucceeded}) // now the cell is in memory
	flush(t, l)
	second, _ := get(t, l.Reader, ids[1])
	together(t, l, func() {
		run(l, second, Ending{Outcome: OutcomeSucceeded})
		l.writer.put(&op{kind: opCall, call: func(b *batch) error {
			return b.conn.run("PRAGMA query_only = 1") // what the transaction still has to write fails, until it is tried on a new connection
		}})
	})
	if l.Err() != nil {
		t.Error(l.Err())
	}
	mustBalance(t, l.Reader)
	mustBeSound(t, l.Reader)
}

func TestACallThatIsRefusedIsNotRolledUp(t *testing.T) {
	l := open(t, t.TempDir())
	ids := submit(t, l, Job{Pool: "p", Method: "m"})
	refused := errors.New("no")
	err := l.writer.do(t.Context(), 1, func(b *batch) error {
		if _, err := b.cancelQueued(ids, noon, nil); err != nil {
			return err
		}
		return refused
	})
	if !errors.Is(err, refused) {
		t.Fatal(err)
	}
	mustBalance(t, l.Reader)
	mustBeSound(t, l.Reader)
}

func TestStatisticsThatCannotBeReadDoNotKeepJobsFromEnding(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	id := submit(t, l, Job{Pool: "p", Method: "m", CreatedAt: noon})[0]
	err := l.writer.do(t.Context(), 1, func(b *batch) error {
		_, err := b.conn.exec(`INSERT INTO rollup (pool, method, hour, succeeded, wait_sketch) VALUES ('p', 'm', ?, 5, x'80')`, hourOf(noon))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	job, _ := get(t, l.Reader, id)
	run(l, job, Ending{Outcome: OutcomeSucceeded})
	flush(t, l)
	if got := dump(t, l.db, "SELECT succeeded, hex(wait_sketch) <> '80' FROM rollup"); got[0] != "6 1" {
		t.Errorf("the row is %s", got[0])
	}
}

func TestHoursBeforeTheEpochBeginAtTheirStart(t *testing.T) {
	at := time.Date(1969, 12, 31, 23, 59, 59, 0, time.UTC)
	if got := time.UnixMicro(hourOf(at)).UTC(); !got.Equal(time.Date(1969, 12, 31, 23, 0, 0, 0, time.UTC)) {
		t.Errorf("got %v", got)
	}
}

func TestAnUpgradeCountsWhatHasEndedBefore(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, fileName)
	if err := makePrivate(path); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", writerDSN(path, Full))
	if err != nil {
		t.Fatal(err)
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, migrations.SQLite())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.UpTo(context.Background(), 1); err != nil {
		t.Fatal(err)
	}
	for i, state := range []string{"succeeded", "failed", "succeeded", "queued"} {
		at := any(noon.UnixMicro() + int64(i))
		if state == "queued" {
			at = nil
		}
		if _, err := db.Exec(`INSERT INTO job (id, pool, method, state, max_attempts, delivery, origin, created_at, run_at, finished_at)
			VALUES (?, 'p', 'm', ?, 3, 'at-least-once', 'submit', 0, 0, ?)`, i+1, state, at); err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec(`INSERT INTO attempt (job_id, number, outcome, started_at, finished_at) VALUES (?, 1, 'crashed', 0, ?)`,
			i+1, noon.Add(time.Duration(i)*time.Hour).UnixMicro()); err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec(`INSERT INTO tally VALUES ('p', 'm', ?, 1) ON CONFLICT DO UPDATE SET n = n + 1`, state); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	l := open(t, dir)
	mustBalance(t, l.Reader)
	mustBeSound(t, l.Reader)
}
