package ledgertest

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/whipper-sidecar/whipper/ledger"
	"github.com/whipper-sidecar/whipper/ledger/cron"
)

// midday is when the schedules begin.
var midday = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

var schedules = []behaviour{
	{"a schedule is kept as it was put, and replaced by its name", func(b *bench) {
		b.now = midday
		s := ledger.Schedule{
			Name: "nightly", Spec: "0 3 * * *", Timezone: "Europe/Berlin", Overlap: ledger.OverlapQueue, Missed: ledger.MissedSkip, Jitter: time.Minute,
			Pool: "p", Method: "m", Params: []byte(`[1]`), Labels: map[string]string{"a": "b"}, Priority: 3, MaxAttempts: 7,
			Backoff: ledger.Backoff{Base: time.Second, Factor: 3, Cap: time.Minute, Jitter: 0.5}, Timeout: time.Hour, Delivery: ledger.AtMostOnce,
		}
		want := s
		want.CreatedAt, want.NextAt = b.now, time.Date(2026, 3, 2, 2, 0, 0, 0, time.UTC)
		same(b, "written", b.put(s), want)
		same(b, "listed", b.schedules(), []ledger.Schedule{want})

		b.now = b.now.Add(time.Hour)
		next, replaced, err := b.PutSchedule(b.Context(), ledger.Schedule{Name: "nightly", Spec: "@every 1h", Pool: "p", Method: "other"})
		if err != nil || !replaced || !next.CreatedAt.Equal(midday) || !next.NextAt.Equal(b.now.Add(time.Hour)) {
			b.Errorf("replaced %v by %+v: %v", replaced, next, err)
		}
		b.now = b.now.Add(30 * time.Minute)
		again := b.put(ledger.Schedule{Name: "nightly", Spec: "@every 1h", Pool: "p", Method: "third"})
		if !again.NextAt.Equal(next.NextAt) || again.Method != "third" {
			b.Errorf("put again with the same times it comes at %v, not at %v", again.NextAt, next.NextAt)
		}
	}},
	{"schedules are deleted all or none", func(b *bench) {
		b.put(ledger.Schedule{Name: "s", Spec: "@every 1h", Pool: "p", Method: "m"})
		var none *ledger.NoScheduleError
		err := b.DeleteSchedules(b.Context(), []string{"s", "nowhere"})
		if !errors.Is(err, ledger.ErrNoSchedule) || !errors.As(err, &none) || none.Name != "nowhere" || len(b.schedules()) != 1 {
			b.Errorf("%v has left %+v", err, b.schedules())
		}
		if err := b.DeleteSchedules(b.Context(), []string{"s"}); err != nil || len(b.schedules()) != 0 {
			b.Errorf("%v has left %+v", err, b.schedules())
		}
	}},
	{"a schedule that cannot be meant is refused with all that is wrong", func(b *bench) {
		_, _, err := b.PutSchedule(b.Context(), ledger.Schedule{
			Name: strings.Repeat("x", 201), Spec: "0 99 * * *", Overlap: "both", Missed: "twice", Jitter: -1,
			Labels: map[string]string{"schedule": "mine"}, Priority: 1000,
		})
		var invalid *ledger.InvalidScheduleError
		if !errors.As(err, &invalid) || !errors.As(err, new(*cron.SpecError)) || len(invalid.Problems) != 9 || len(b.schedules()) != 0 {
			b.Errorf("got %v", err)
		}
	}},
	{"firing writes the job and the next time together", func(b *bench) {
		b.now = midday
		b.put(ledger.Schedule{
			Name: "s", Spec: "* * * * *", Pool: "p", Method: "m", Params: []byte(`{"a":1}`), Labels: map[string]string{"a": "b"},
			Priority: 3, MaxAttempts: 7, Timeout: time.Hour, Delivery: ledger.AtMostOnce, Jitter: 10 * time.Second,
		})
		if turned := b.fire(ledger.Turns{Now: b.now.Add(59 * time.Second)}, "s", "nowhere"); turned != nil {
			b.Errorf("before its time: %+v", turned)
		}
		b.now = b.now.Add(time.Minute + time.Second)
		var told []ledger.Job
		turned := b.fire(ledger.Turns{
			Now: b.now, Since: midday, Spread: func() float64 { return 0.5 }, Committed: func(jobs []ledger.Job) { told = jobs },
		}, "s")
		if len(turned) != 1 || !turned[0].LastAt.Equal(midday.Add(time.Minute)) || !turned[0].NextAt.Equal(midday.Add(2*time.Minute)) || turned[0].LastState != ledger.Queued {
			b.Fatalf("%+v", turned)
		}
		want := ledger.Job{
			ID: turned[0].LastJob, Pool: "p", Method: "m", State: ledger.Queued, Priority: 3, Params: []byte(`{"a":1}`),
			Labels: map[string]string{"a": "b", "schedule": "s"}, MaxAttempts: 7, Backoff: ledger.DefaultBackoff, Timeout: time.Hour,
			Delivery: ledger.AtMostOnce, Origin: ledger.FromSubmit, IdempotencyKey: ledger.ScheduleKey("s", midday.Add(time.Minute)),
			CreatedAt: b.now, RunAt: b.now.Add(5 * time.Second),
		}
		same(b, "job", b.job(want.ID), want)
		same(b, "told", idsOf(told), []int64{want.ID})
		same(b, "schedules", b.schedules(), []ledger.Schedule{turned[0].Schedule})
	}},
	{"an overlapping time is skipped, or waits for the job before", func(b *bench) {
		b.now = midday
		b.put(ledger.Schedule{Name: "skips", Spec: "@every 10s", Pool: "p", Method: "m"})
		b.put(ledger.Schedule{Name: "waits", Spec: "@every 10s", Pool: "p", Method: "m", Overlap: ledger.OverlapQueue})
		<-b.SchedulesChanged()
		var skips, waits ledger.Turned
		for range 3 { // at 10, 20 and 30 seconds
			b.now = b.now.Add(10 * time.Second)
			turned := b.fire(ledger.Turns{Now: b.now}, "skips", "waits")
			skips, waits = turned[0], turned[1]
		}
		if skips.Skipped != 2 || skips.Owed != nil || !skips.NextAt.Equal(midday.Add(40*time.Second)) {
			b.Errorf("skips: %+v", skips)
		}
		owed := []ledger.Span{{First: midday.Add(20 * time.Second), Last: midday.Add(30 * time.Second)}}
		if !slices.Equal(waits.Owed, owed) || waits.Skipped != 0 || !waits.NextAt.Equal(midday.Add(40*time.Second)) {
			b.Errorf("waits: %+v", waits)
		}
		b.end(skips.LastJob, ledger.OutcomeSucceeded)
		select {
		case <-b.SchedulesChanged():
			b.Error("news of a job that no schedule waits for")
		default:
		}
		for want := range 2 { // those of 20 and 30 seconds, one after the other
			b.end(waits.LastJob, ledger.OutcomeSucceeded)
			<-b.SchedulesChanged()
			b.now = b.now.Add(time.Second)
			waits = b.fire(ledger.Turns{Now: b.now, Since: b.now}, "waits")[0]
			if at := midday.Add(time.Duration(20+10*want) * time.Second); !waits.LastAt.Equal(at) {
				b.Errorf("the job is for %v, want %v", waits.LastAt, at)
			}
		}
		if waits.Owed != nil || !waits.NextAt.Equal(midday.Add(40*time.Second)) {
			b.Errorf("at the end: %+v", waits)
		}
	}},
	{"a time that has had its job has no other, whatever becomes of clock and schedule", func(b *bench) {
		b.now = midday
		s := ledger.Schedule{Name: "s", Spec: "* * * * *", Pool: "p", Method: "m"}
		b.put(s)
		b.now = b.now.Add(time.Minute)
		id := b.fire(ledger.Turns{Now: b.now}, "s")[0].LastJob
		b.end(id, ledger.OutcomeSucceeded)
		if again := b.fire(ledger.Turns{Now: b.now}, "s"); again != nil {
			b.Errorf("fired again: %+v", again)
		}

		b.now = midday // the clock is put back
		s.Spec = "*/1 * * * *"
		if again := b.put(s); !again.NextAt.Equal(midday.Add(2 * time.Minute)) {
			b.Errorf("replaced, it comes at %v", again.NextAt)
		}
		if err := b.DeleteSchedules(b.Context(), []string{"s"}); err != nil {
			b.Fatal(err)
		}
		s.Method = "other"
		b.put(s)
		b.now = b.now.Add(time.Minute)
		if again := b.fire(ledger.Turns{Now: b.now}, "s")[0]; again.LastJob != id || again.LastState != ledger.Succeeded || !again.NextAt.Equal(midday.Add(2*time.Minute)) {
			b.Errorf("deleted and put again: %+v", again)
		}
		if n, err := b.Count(b.Context(), ledger.Filter{}); n != 1 || err != nil {
			b.Errorf("%d jobs, %v", n, err)
		}
	}},
	{"a schedule goes on when its jobs are pruned", func(b *bench) {
		b.now = midday
		b.put(ledger.Schedule{Name: "s", Spec: "* * * * *", Pool: "p", Method: "m", Overlap: ledger.OverlapQueue})
		b.now = b.now.Add(time.Minute)
		b.end(b.fire(ledger.Turns{Now: b.now}, "s")[0].LastJob, ledger.OutcomeSucceeded)
		if n, err := b.Prune(b.Context(), ledger.PruneFilter{}); n != 1 || err != nil {
			b.Fatal(n, err)
		}
		if list := b.schedules(); len(list) != 1 || list[0].LastState != "" || list[0].LastJob == 0 {
			b.Errorf("%+v", list)
		}
		b.now = b.now.Add(time.Minute)
		if turned := b.fire(ledger.Turns{Now: b.now}, "s")[0]; turned.Owed != nil || turned.LastState != ledger.Queued {
			b.Errorf("%+v", turned)
		}
	}},
	{"those are due whose time has come, and the next time is told", func(b *bench) {
		b.now = midday
		for name, spec := range map[string]string{"b": "@every 10s", "a": "@every 10s", "c": "@every 1h"} {
			b.put(ledger.Schedule{Name: name, Spec: spec, Pool: "p", Method: "m"})
		}
		due, next, err := b.Due(b.Context(), midday.Add(20*time.Second))
		if err != nil || len(due) != 2 || due[0].Name != "a" || due[1].Name != "b" || !next.Equal(midday.Add(time.Hour)) {
			b.Errorf("due %+v, next %v: %v", due, next, err)
		}
		if _, next, _ := b.Due(b.Context(), midday.Add(2*time.Hour)); !next.IsZero() {
			b.Errorf("next is %v", next)
		}
	}},
}

func (b *bench) put(s ledger.Schedule) ledger.Schedule {
	b.Helper()
	written, _, err := b.PutSchedule(b.Context(), s)
	if err != nil {
		b.Fatal(err)
	}
	return written
}

func (b *bench) fire(t ledger.Turns, names ...string) []ledger.Turned {
	b.Helper()
	turned, err := b.Fire(b.Context(), names, t)
	if err != nil {
		b.Fatal(err)
	}
	return turned
}

func (b *bench) schedules() []ledger.Schedule {
	b.Helper()
	all, err := b.Schedules(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	return all
}

// same compares what there is with what there ought to be.
func same(b *bench, what string, got, want any) {
	b.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		b.Errorf("%s:\n%s", what, diff)
	}
}
