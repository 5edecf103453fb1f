package ledger

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/whipper-sidecar/whipper/ledger/cron"
)

// midday is when the schedules of these tests begin.
var midday = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func expression(t interface{ Fatal(...any) }, spec string) *cron.Expr {
	expr, err := cron.Parse(spec, "")
	if err != nil {
		t.Fatal(err)
	}
	return expr
}

func TestATurnGivesATimeItsJobLetsItWaitOrPassesItOver(t *testing.T) {
	after := func(seconds int) time.Time { return midday.Add(time.Duration(seconds) * time.Second) }
	span := func(first, last int) Span { return Span{after(first), after(last)} }
	for _, c := range []struct {
		what       string
		schedule   Schedule // each 10 seconds, due at midday
		since, now time.Time
		wantAt     time.Time
		wantRun    bool
		wantNext   time.Time
		wantOwed   []Span
		wantSkip   int64
	}{
		{what: "on time", now: after(0), wantAt: midday, wantRun: true, wantNext: after(10)},
		{what: "late, and still each time has its own", now: after(25), wantAt: midday, wantRun: true, wantNext: after(10)},
		{what: "overlapping", schedule: Schedule{LastState: Queued}, now: after(1), wantAt: midday, wantNext: after(10), wantSkip: 1},
		{
			what: "overlapping, and to wait", schedule: Schedule{Overlap: OverlapQueue, LastState: Running}, now: after(1),
			wantAt: midday, wantNext: after(10), wantOwed: []Span{span(0, 0)},
		},
		{
			what: "one more that waits", schedule: Schedule{Overlap: OverlapQueue, LastState: Running, Owed: []Span{span(-30, -10)}},
			now: after(1), wantAt: midday, wantNext: after(10), wantOwed: []Span{span(-30, 0)},
		},
		{
			what: "one more, with a gap", schedule: Schedule{Overlap: OverlapQueue, LastState: Running, Owed: []Span{span(-30, -20)}},
			now: after(1), wantAt: midday, wantNext: after(10), wantOwed: []Span{span(-30, -20), span(0, 0)},
		},
		{
			what: "those that wait come first, and are not missed", schedule: Schedule{Missed: MissedSkip, LastState: Failed, Owed: []Span{span(-30, -20)}},
			since: after(60), now: after(60), wantAt: after(-30), wantRun: true, wantNext: midday, wantOwed: []Span{span(-20, -20)},
		},
		{
			what: "the last that waits, whose job before was pruned", schedule: Schedule{Owed: []Span{span(-20, -20)}},
			now: after(1), wantAt: after(-20), wantRun: true, wantNext: midday,
		},
		{what: "missed, the last of them runs", since: after(60), now: after(65), wantAt: after(60), wantRun: true, wantNext: after(70)},
		{what: "missed by little", since: after(1), now: after(1), wantAt: midday, wantRun: true, wantNext: after(10)},
		{
			what: "missed, none runs", schedule: Schedule{Missed: MissedSkip}, since: after(60), now: after(65),
			wantAt: midday, wantNext: after(70),
		},
		{
			what: "missed, and the job before has not ended", schedule: Schedule{LastState: Queued}, since: after(60), now: after(65),
			wantAt: after(60), wantNext: after(70), wantSkip: 1,
		},
		{
			what: "missed, and the one waits", schedule: Schedule{Overlap: OverlapQueue, LastState: Queued, Owed: []Span{span(-30, -10)}},
			since: after(60), now: after(65), wantAt: after(60), wantNext: after(70), wantOwed: []Span{span(-30, -10), span(60, 60)},
		},
	} {
		c.schedule.NextAt = midday
		next, at, run := c.schedule.turn(expression(t, "*/10 * * * * *"), c.since, c.now)
		if !at.Equal(c.wantAt) || run != c.wantRun || !next.NextAt.Equal(c.wantNext) || !slices.Equal(next.Owed, c.wantOwed) || next.Skipped != c.wantSkip {
			t.Errorf("%s: at %v, run %v, then %v, owed %v, skipped %d", c.what, at, run, next.NextAt, next.Owed, next.Skipped)
		}
	}
}

func TestNoTimeHasTwoTurnsAndEachIsRunSkippedOrMissed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		expr := expression(t, rapid.SampledFrom([]string{"@every 7s", "*/10 * * * * *", "0 * * * * *", "30 0 13 * * *"}).Draw(t, "spec"))
		s := Schedule{
			Overlap: rapid.SampledFrom([]Overlap{OverlapSkip, OverlapQueue}).Draw(t, "overlap"),
			Missed:  rapid.SampledFrom([]Missed{MissedOnce, MissedSkip}).Draw(t, "missed"),
		}
		now, since := midday, midday
		s.NextAt = expr.First(now)
		last := now
		missed := false
		ran := int64(0)
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(-30_000, 90_000).Draw(t, "ms")) * time.Millisecond)
			if rapid.IntRange(0, 9).Draw(t, "restart") == 0 {
				since, missed = now, missed || s.due(now)
			}
			s.LastState = rapid.SampledFrom([]State{Queued, Running, Failed, ""}).Draw(t, "state")
			for s.hasTurn(now) {
				next, at, run := s.turn(expr, since, now)
				if run {
					if !at.After(last) || at.After(now) && len(s.Owed) == 0 {
						t.Fatalf("%v has a job after %v, at %v", at, last, now)
					}
					last = at
					ran++
					next.LastState = Queued
				}
				if !run && !next.NextAt.After(s.NextAt) && !next.NextAt.IsZero() {
					t.Fatalf("%v comes after %v", next.NextAt, s.NextAt)
				}
				s = next
			}
		}
		if missed {
			return
		}
		// Nobody was away: each time before the next one has run, was skipped, or waits.
		all := int64(0)
		for at := expr.First(midday); at.Before(s.NextAt); at = expr.After(at, at) {
			all++
		}
		waiting := int64(0)
		for _, span := range s.Owed {
			for at := span.First; !at.After(span.Last); at = expr.After(at, at) {
				waiting++
			}
		}
		if ran+s.Skipped+waiting != all {
			t.Fatalf("of %d times %d have run, %d were skipped and %d wait", all, ran, s.Skipped, waiting)
		}
	})
}
