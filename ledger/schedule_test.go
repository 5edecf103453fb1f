package ledger

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pressly/goose/v3"

	"github.com/whipper-sidecar/whipper/migrations"
)

// keys lists the idempotency keys of all jobs, by id.
func keys(t testing.TB, l *Ledger) []string {
	return dump(t, l.db, "SELECT idempotency_key FROM job ORDER BY id")
}

func TestWhatIsDueComesFromItsIndex(t *testing.T) {
	l := open(t, t.TempDir())
	for query, want := range map[string]string{
		dueSQL:     "SEARCH schedule USING INDEX schedule_due (next_at<?)",
		owedSQL:    "SCAN schedule USING INDEX schedule_owed", // which has only those that it is about
		nextDueSQL: "SEARCH schedule USING COVERING INDEX schedule_due (next_at>?)",
	} {
		plan := explain(t, l.Reader, query, []any{1}[:strings.Count(query, "?")]...)
		if !strings.Contains(plan, want) || strings.Contains(plan, "SCAN job") || strings.Contains(plan, "TEMP B-TREE") {
			t.Errorf("%s\nplan:\n%s", query, plan)
		}
	}
}

// fireForever lives through the seconds as fast as it can, from the one that has its turn next.
func fireForever(dir string) error {
	l, err := Open(context.Background(), Options{Dir: dir, Now: func() time.Time { return midday }})
	if err != nil {
		return err
	}
	if _, err := l.Recover(context.Background()); err != nil {
		return err
	}
	s, _, err := l.PutSchedule(context.Background(), Schedule{Name: "s", Spec: "@every 1s", Pool: "p", Method: "m", Overlap: OverlapQueue})
	if err != nil {
		return err
	}
	for {
		turned, err := l.Fire(context.Background(), []string{"s"}, Turns{Now: s.NextAt})
		if err != nil {
			return err
		}
		s = turned[0].Schedule
		if _, err := l.CancelQueued(context.Background(), []int64{s.LastJob}, midday, nil); err != nil {
			return err
		}
		fmt.Fprintln(os.Stdout, s.LastJob)
	}
}

func TestEachTimeHasOneJobHoweverOftenTheProcessIsKilled(t *testing.T) {
	dir := t.TempDir()
	for range 12 {
		child, out := startChild(t, "fire", dir)
		for range 1 + rand.IntN(30) {
			if !out.Scan() {
				t.Fatal("the child ended by itself")
			}
		}
		time.Sleep(time.Duration(rand.IntN(3000)) * time.Microsecond) // somewhere within a turn
		_ = child.Process.Kill()
		for out.Scan() { // until its end is closed
		}
		_ = child.Wait() // it was killed
	}
	l := open(t, dir)
	got := keys(t, l)
	var want []string
	for i := range got {
		want = append(want, ScheduleKey("s", midday.Add(time.Duration(1+i)*time.Second)))
	}
	if !slices.Equal(got, want) {
		t.Errorf("jobs:\n%s", cmp.Diff(want, got))
	}
	list, err := l.Schedules(t.Context())
	if err != nil || !list[0].LastAt.Equal(midday.Add(time.Duration(len(got))*time.Second)) {
		t.Errorf("%d jobs, the last for %v: %v", len(got), list[0].LastAt, err)
	}
	mustBeSound(t, l.Reader)
}

func TestSchedulesOfBeforeAreThereAfterAnUpgradeAndHaveNoTrace(t *testing.T) {
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
	if _, err := provider.UpTo(t.Context(), 4); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(`INSERT INTO schedule (name, pool, method, spec, timezone, overlap, missed, max_attempts, delivery, created_at, next_at)
		VALUES ('s', 'p', 'm', '@hourly', 'UTC', 'skip', 'once', 3, 'at-least-once', 0, ?)`, midday.UnixMicro()); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	l := open(t, dir)
	all, err := l.Schedules(t.Context())
	if err != nil || len(all) != 1 || all[0].Name != "s" || !all[0].NextAt.Equal(midday) || all[0].Traceparent != "" {
		t.Fatalf("got %+v, %v", all, err)
	}
	all[0].Traceparent, all[0].Tracestate = "00-x-y-01", "a=1"
	if _, _, err := l.PutSchedule(t.Context(), all[0]); err != nil {
		t.Fatal(err)
	}
	all, err = l.Schedules(t.Context())
	if err != nil || all[0].Traceparent != "00-x-y-01" || all[0].Tracestate != "a=1" {
		t.Errorf("got %+v, %v", all, err)
	}
	made := "no job"
	_, err = l.Fire(t.Context(), []string{"s"}, Turns{Now: all[0].NextAt, Prepare: func(s *Schedule, job *Job) {
		made = s.Traceparent + " " + job.IdempotencyKey
		job.Traceparent = "00-z-z-01"
	}})
	if err != nil || made != "00-x-y-01 "+ScheduleKey("s", all[0].NextAt) {
		t.Errorf("prepared %s: %v", made, err)
	}
	if job, _ := get(t, l.Reader, 1); job.Traceparent != "00-z-z-01" {
		t.Errorf("the job has %q", job.Traceparent)
	}
}

func TestTheOldestReadyJobIsFoundAmongAllPriorities(t *testing.T) {
	now := midday
	l, err := Open(t.Context(), Options{Dir: t.TempDir(), Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	oldest := func() time.Time {
		at, err := l.ReadySince(t.Context(), "p", now)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	submit(t, l, Job{Pool: "p", Method: "m", RunAt: now.Add(time.Hour)}, Job{Pool: "other", Method: "m", RunAt: now.Add(-time.Hour)})
	if at := oldest(); !at.IsZero() {
		t.Errorf("nothing is ready, but something since %v", at)
	}
	submit(t, l, Job{Pool: "p", Method: "m", Priority: 5, RunAt: now.Add(-time.Minute)}, Job{Pool: "p", Method: "m", RunAt: now.Add(-2 * time.Minute)})
	if at := oldest(); !at.Equal(now.Add(-2 * time.Minute)) {
		t.Errorf("the oldest is ready since %v", at)
	}
}
