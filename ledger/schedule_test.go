package ledger

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
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
