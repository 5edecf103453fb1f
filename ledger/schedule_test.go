package ledger

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/whipper-sidecar/whipper/ledger/cron"
)

// openAt is open with a clock that the test sets.
func openAt(t testing.TB, dir string, now *time.Time) *Ledger {
	t.Helper()
	l, err := Open(t.Context(), Options{Dir: dir, Durability: Normal, Now: func() time.Time { return *now }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func put(t testing.TB, l *Ledger, s Schedule) Schedule {
	t.Helper()
	written, _, err := l.PutSchedule(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return written
}

func fire(t testing.TB, l *Ledger, turns Turns, names ...string) []Turned {
	t.Helper()
	turned, err := l.Fire(t.Context(), names, turns)
	if err != nil {
		t.Fatal(err)
	}
	return turned
}

// end lets a queued job succeed.
func end(t testing.TB, l *Ledger, id int64) {
	t.Helper()
	job, _ := get(t, l.Reader, id)
	run(l, job, Ending{Outcome: OutcomeSucceeded, Result: []byte("1")})
	flush(t, l)
}

// keys lists the idempotency keys of all jobs, by id.
func keys(t testing.TB, l *Ledger) []string {
	return dump(t, l.db, "SELECT idempotency_key FROM job ORDER BY id")
}

func TestAScheduleIsKeptAsItWasPutAndReplacedByItsName(t *testing.T) {
	now := midday
	l := openAt(t, t.TempDir(), &now)
	s := Schedule{
		Name: "nightly", Spec: "0 3 * * *", Timezone: "Europe/Berlin", Overlap: OverlapQueue, Missed: MissedSkip, Jitter: time.Minute,
		Pool: "p", Method: "m", Params: []byte(`[1]`), Labels: map[string]string{"a": "b"}, Priority: 3, MaxAttempts: 7,
		Backoff: Backoff{Base: time.Second, Factor: 3, Cap: time.Minute, Jitter: 0.5}, Timeout: time.Hour, Delivery: AtMostOnce,
	}
	written, replaced, err := l.PutSchedule(t.Context(), s)
	if err != nil || replaced {
		t.Fatal(replaced, err)
	}
	want := s
	want.CreatedAt, want.NextAt = now, time.Date(2026, 3, 2, 2, 0, 0, 0, time.UTC)
	list, err := l.Schedules(t.Context())
	if diff := cmp.Diff([]Schedule{want}, list); diff != "" || err != nil {
		t.Errorf("listed: %v\n%s", err, diff)
	}
	if diff := cmp.Diff(want, written); diff != "" {
		t.Errorf("written:\n%s", diff)
	}

	now = now.Add(time.Hour)
	next, replaced, err := l.PutSchedule(t.Context(), Schedule{Name: "nightly", Spec: "@every 1h", Pool: "p", Method: "other"})
	if err != nil || !replaced || !next.CreatedAt.Equal(midday) || !next.NextAt.Equal(now.Add(time.Hour)) {
		t.Errorf("replaced %v by %+v: %v", replaced, next, err)
	}
	now = now.Add(30 * time.Minute)
	if again := put(t, l, Schedule{Name: "nightly", Spec: "@every 1h", Pool: "p", Method: "third"}); !again.NextAt.Equal(next.NextAt) || again.Method != "third" {
		t.Errorf("put again with the same times it comes at %v, not at %v", again.NextAt, next.NextAt)
	}

	var none *NoScheduleError
	if err := l.DeleteSchedules(t.Context(), []string{"nightly", "nowhere"}); !errors.Is(err, ErrNoSchedule) || !errors.As(err, &none) || none.Name != "nowhere" {
		t.Errorf("got %v", err)
	}
	if list, _ := l.Schedules(t.Context()); len(list) != 1 {
		t.Errorf("a deletion that failed has left %d schedules", len(list))
	}
	if err := l.DeleteSchedules(t.Context(), []string{"nightly"}); err != nil {
		t.Error(err)
	}
	if list, _ := l.Schedules(t.Context()); len(list) != 0 {
		t.Errorf("%d schedules are left", len(list))
	}
}

func TestAScheduleThatCannotBeMeantIsRefusedWithAllThatIsWrong(t *testing.T) {
	l := open(t, t.TempDir())
	_, _, err := l.PutSchedule(t.Context(), Schedule{
		Name: strings.Repeat("x", 201), Spec: "0 99 * * *", Overlap: "both", Missed: "twice", Jitter: -1,
		Labels: map[string]string{"schedule": "mine"}, Priority: 1000,
	})
	var invalid *InvalidScheduleError
	if !errors.As(err, &invalid) || !errors.As(err, new(*cron.SpecError)) {
		t.Fatalf("got %v", err)
	}
	for _, want := range []string{"201 bytes", `hour "99"`, `overlap is "both"`, `missed is "twice"`, "jitter is -1ns", `label "schedule"`, "pool is empty", "method is empty", "priority is 1000"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %v", want, err)
		}
	}
}

func TestFiringWritesTheJobAndTheNextTimeTogether(t *testing.T) {
	now := midday
	l := openAt(t, t.TempDir(), &now)
	put(t, l, Schedule{
		Name: "s", Spec: "* * * * *", Pool: "p", Method: "m", Params: []byte(`{"a":1}`), Labels: map[string]string{"a": "b"},
		Priority: 3, MaxAttempts: 7, Timeout: time.Hour, Delivery: AtMostOnce, Jitter: 10 * time.Second,
	})
	if turned := fire(t, l, Turns{Now: now.Add(59 * time.Second)}, "s", "nowhere"); turned != nil {
		t.Errorf("before its time: %+v", turned)
	}
	now = now.Add(time.Minute + time.Second)
	var told []Job
	turned := fire(t, l, Turns{Now: now, Since: midday, Spread: func() float64 { return 0.5 }, Committed: func(jobs []Job) { told = jobs }}, "s")
	if len(turned) != 1 || !turned[0].LastAt.Equal(midday.Add(time.Minute)) || !turned[0].NextAt.Equal(midday.Add(2*time.Minute)) || turned[0].LastState != Queued {
		t.Fatalf("%+v", turned)
	}
	job, _ := get(t, l.Reader, turned[0].LastJob)
	want := Job{
		ID: job.ID, Pool: "p", Method: "m", State: Queued, Priority: 3, Params: []byte(`{"a":1}`), Labels: map[string]string{"a": "b", "schedule": "s"},
		MaxAttempts: 7, Backoff: DefaultBackoff, Timeout: time.Hour, Delivery: AtMostOnce, Origin: FromSubmit,
		IdempotencyKey: "schedule:s@2026-03-01T12:01:00Z", CreatedAt: now, RunAt: now.Add(5 * time.Second),
	}
	if diff := cmp.Diff(want, job); diff != "" {
		t.Errorf("job:\n%s", diff)
	}
	if len(told) != 1 || told[0].ID != job.ID {
		t.Errorf("told of %+v", told)
	}
	if list, _ := l.Schedules(t.Context()); !cmp.Equal(list, []Schedule{turned[0].Schedule}) {
		t.Errorf("on disk: %s", cmp.Diff(list, []Schedule{turned[0].Schedule}))
	}
	mustBeSound(t, l.Reader)
}

func TestAnOverlappingTimeIsSkippedOrWaitsForTheJobBefore(t *testing.T) {
	now := midday
	l := openAt(t, t.TempDir(), &now)
	put(t, l, Schedule{Name: "skips", Spec: "@every 10s", Pool: "p", Method: "m"})
	put(t, l, Schedule{Name: "waits", Spec: "@every 10s", Pool: "p", Method: "m", Overlap: OverlapQueue})
	<-l.SchedulesChanged()
	var skips, waits Turned
	for range 3 { // at 10, 20 and 30 seconds
		now = now.Add(10 * time.Second)
		turned := fire(t, l, Turns{Now: now}, "skips", "waits")
		skips, waits = turned[0], turned[1]
	}
	if skips.Skipped != 2 || skips.Owed != nil || !skips.NextAt.Equal(midday.Add(40*time.Second)) {
		t.Errorf("skips: %+v", skips)
	}
	if !slices.Equal(waits.Owed, []Span{{midday.Add(20 * time.Second), midday.Add(30 * time.Second)}}) || waits.Skipped != 0 || !waits.NextAt.Equal(midday.Add(40*time.Second)) {
		t.Errorf("waits: %+v", waits)
	}
	end(t, l, skips.LastJob)
	select {
	case <-l.SchedulesChanged():
		t.Error("news of a job that no schedule waits for")
	default:
	}
	for want := range 2 { // those of 20 and 30 seconds, one after the other
		end(t, l, waits.LastJob)
		<-l.SchedulesChanged()
		now = now.Add(time.Second)
		waits = fire(t, l, Turns{Now: now, Since: now}, "waits")[0]
		if at := midday.Add(time.Duration(20+10*want) * time.Second); !waits.LastAt.Equal(at) {
			t.Errorf("the job is for %v, want %v", waits.LastAt, at)
		}
	}
	if waits.Owed != nil || !waits.NextAt.Equal(midday.Add(40*time.Second)) {
		t.Errorf("at the end: %+v", waits)
	}
}

func TestATimeThatHasHadItsJobHasNoOther(t *testing.T) {
	now := midday
	l := openAt(t, t.TempDir(), &now)
	s := Schedule{Name: "s", Spec: "* * * * *", Pool: "p", Method: "m"}
	put(t, l, s)
	now = now.Add(time.Minute)
	id := fire(t, l, Turns{Now: now}, "s")[0].LastJob
	end(t, l, id)

	now = midday // the clock is put back
	s.Spec = "*/1 * * * *"
	if again := put(t, l, s); !again.NextAt.Equal(midday.Add(2 * time.Minute)) {
		t.Errorf("replaced, it comes at %v", again.NextAt)
	}
	if err := l.DeleteSchedules(t.Context(), []string{"s"}); err != nil {
		t.Fatal(err)
	}
	s.Method = "other"
	put(t, l, s)
	now = now.Add(time.Minute)
	if again := fire(t, l, Turns{Now: now}, "s")[0]; again.LastJob != id || again.LastState != Succeeded || !again.NextAt.Equal(midday.Add(2*time.Minute)) {
		t.Errorf("deleted and put again: %+v", again)
	}
	if got := keys(t, l); len(got) != 1 {
		t.Errorf("jobs: %v", got)
	}
}

func TestAScheduleGoesOnWhenItsJobsArePruned(t *testing.T) {
	now := midday
	l := openAt(t, t.TempDir(), &now)
	put(t, l, Schedule{Name: "s", Spec: "* * * * *", Pool: "p", Method: "m", Overlap: OverlapQueue})
	now = now.Add(time.Minute)
	end(t, l, fire(t, l, Turns{Now: now}, "s")[0].LastJob)
	err := l.writer.do(t.Context(), 1, func(b *batch) error {
		_, err := b.conn.exec("DELETE FROM job")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if list, _ := l.Schedules(t.Context()); len(list) != 1 || list[0].LastState != "" || list[0].LastJob == 0 {
		t.Errorf("%+v", list)
	}
	now = now.Add(time.Minute)
	if turned := fire(t, l, Turns{Now: now}, "s")[0]; turned.Owed != nil || turned.LastState != Queued {
		t.Errorf("%+v", turned)
	}
}

func TestWhatIsDueComesFromItsIndex(t *testing.T) {
	now := midday
	l := openAt(t, t.TempDir(), &now)
	put(t, l, Schedule{Name: "b", Spec: "@every 10s", Pool: "p", Method: "m"})
	put(t, l, Schedule{Name: "a", Spec: "@every 10s", Pool: "p", Method: "m"})
	put(t, l, Schedule{Name: "c", Spec: "@every 1h", Pool: "p", Method: "m"})
	due, next, err := l.Due(t.Context(), midday.Add(20*time.Second))
	if err != nil || len(due) != 2 || due[0].Name != "a" || due[1].Name != "b" || !next.Equal(midday.Add(time.Hour)) {
		t.Errorf("due %+v, next %v: %v", due, next, err)
	}
	if _, next, _ := l.Due(t.Context(), midday.Add(2*time.Hour)); !next.IsZero() {
		t.Errorf("next is %v", next)
	}
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
