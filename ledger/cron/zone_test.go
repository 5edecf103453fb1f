package cron

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// times lists the times of an expression in a span, as the wall clock reads them, with its offset.
func times(t *testing.T, spec, zone, from, to string) string {
	t.Helper()
	e := parse(t, spec, zone)
	location, _ := time.LoadLocation(zone)
	var all []string
	for next := e.First(at(t, from)); next.Before(at(t, to)); next = e.After(next, next) {
		all = append(all, next.In(location).Format("2 15:04-0700"))
	}
	return strings.Join(all, ", ")
}

func TestClocksThatChange(t *testing.T) {
	for _, c := range []struct{ what, spec, zone, from, to, want string }{
		{
			"a time of day that does not exist comes when the clock has leapt over it", "30 2 * * *", "America/New_York",
			"2026-03-07T06:00:00Z", "2026-03-10T06:00:00Z", "7 02:30-0500, 8 03:00-0400, 9 02:30-0400",
		},
		{
			"the same in Berlin", "30 2 * * *", "Europe/Berlin",
			"2026-03-28T00:00:00Z", "2026-03-31T00:00:00Z", "28 02:30+0100, 29 03:00+0200, 30 02:30+0200",
		},
		{
			"several that do not exist come as one", "*/15 2 * * *", "Europe/Berlin",
			"2026-03-29T00:00:00Z", "2026-03-30T00:15:00Z", "29 03:00+0200, 30 02:00+0200",
		},
		{
			"and as one with the time that comes then anyway", "*/30 2,3 * * *", "Europe/Berlin",
			"2026-03-29T00:00:00Z", "2026-03-29T12:00:00Z", "29 03:00+0200, 29 03:30+0200",
		},
		{
			"where the clock leaps half an hour", "15 2 * * *", "Australia/Lord_Howe",
			"2026-10-02T16:00:00Z", "2026-10-05T16:00:00Z", "4 02:30+1100, 5 02:15+1100, 6 02:15+1100",
		},
		{
			"a time of day that comes twice counts once, when it comes first", "30 1 * * *", "America/New_York",
			"2026-10-31T05:00:00Z", "2026-11-03T05:00:00Z", "31 01:30-0400, 1 01:30-0400, 2 01:30-0500",
		},
		{
			"the same in Berlin", "30 2 * * *", "Europe/Berlin",
			"2026-10-24T00:00:00Z", "2026-10-27T00:00:00Z", "24 02:30+0200, 25 02:30+0200, 26 02:30+0100",
		},
		{
			"where it is put back by half an hour", "*/15 1,2 * * *", "Australia/Lord_Howe",
			"2026-04-04T13:59:00Z", "2026-04-04T16:30:00Z",
			"5 01:00+1100, 5 01:15+1100, 5 01:30+1100, 5 01:45+1100, 5 02:00+1030, 5 02:15+1030, 5 02:30+1030, 5 02:45+1030",
		},
		{
			"what runs each hour follows the time that passes, forwards", "30 * * * *", "Europe/Berlin",
			"2026-03-28T23:00:00Z", "2026-03-29T03:00:00Z", "29 00:30+0100, 29 01:30+0100, 29 03:30+0200, 29 04:30+0200",
		},
		{
			"and back", "0 * * * *", "America/New_York",
			"2026-11-01T03:30:00Z", "2026-11-01T07:30:00Z", "1 00:00-0400, 1 01:00-0400, 1 01:00-0500, 1 02:00-0500",
		},
		{
			"and by half an hour", "*/20 * * * *", "Australia/Lord_Howe",
			"2026-04-04T14:00:00Z", "2026-04-04T16:00:00Z",
			"5 01:20+1100, 5 01:40+1100, 5 01:40+1030, 5 02:00+1030, 5 02:20+1030",
		},
		{
			"a midnight that does not exist", "0 0 * * *", "America/Sao_Paulo",
			"2018-11-03T00:00:00Z", "2018-11-06T00:00:00Z", "3 00:00-0300, 4 01:00-0200, 5 00:00-0200",
		},
		{
			"a day that does not exist", "0 12 * * *", "Pacific/Apia",
			"2011-12-29T00:00:00Z", "2011-12-31T12:00:00Z", "29 12:00-1000, 31 00:00+1400, 31 12:00+1400",
		},
		{
			"a duration knows no clock", "@every 1h", "Europe/Berlin",
			"2026-03-28T23:30:00Z", "2026-03-29T02:31:00Z", "29 01:30+0100, 29 03:30+0200, 29 04:30+0200",
		},
	} {
		if got := times(t, c.spec, c.zone, c.from, c.to); got != c.want {
			t.Errorf("%s: %q in %s\n got %s\nwant %s", c.what, c.spec, c.zone, got, c.want)
		}
	}
}

// randomField is a field of an expression and the set of what it means, worked out without the library.
type randomField struct {
	text string
	set  uint64
	star bool
}

func drawField(t *rapid.T, name string, least, most int) randomField {
	number := rapid.IntRange(least, most)
	switch rapid.IntRange(0, 4).Draw(t, name) {
	case 0, 1:
		return randomField{"*", 1<<(most+1) - 1<<least, true}
	case 2:
		f := randomField{}
		for i := range rapid.IntRange(1, 3).Draw(t, "length") {
			n := number.Draw(t, "value")
			f.text += strings.Repeat(",", min(i, 1)) + strconv.Itoa(n)
			f.set |= 1 << n
		}
		return f
	case 3:
		from := number.Draw(t, "from")
		to := rapid.IntRange(from, most).Draw(t, "to")
		return randomField{text: fmt.Sprintf("%d-%d", from, to), set: 1<<(to+1) - 1<<from}
	}
	step := rapid.IntRange(2, most).Draw(t, "step")
	f := randomField{text: fmt.Sprintf("*/%d", step)}
	for n := least; n <= most; n += step {
		f.set |= 1 << n
	}
	return f
}

// Each minute of three days around a change of the clock is asked whether the expression names it.
func TestTimesRiseAndAreThoseThatAMinuteByMinuteSearchFinds(t *testing.T) {
	changes := []struct{ zone, at string }{
		{"America/New_York", "2026-03-08T07:00:00Z"},
		{"America/New_York", "2026-11-01T06:00:00Z"},
		{"Europe/Berlin", "2026-03-29T01:00:00Z"},
		{"Europe/Berlin", "2026-10-25T01:00:00Z"},
		{"Australia/Lord_Howe", "2026-04-04T15:00:00Z"},
		{"Australia/Lord_Howe", "2026-10-03T15:30:00Z"},
		{"UTC", "2028-02-29T00:00:00Z"},
	}
	rapid.Check(t, func(t *rapid.T) {
		c := rapid.SampledFrom(changes).Draw(t, "change")
		zone, err := time.LoadLocation(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		change, _ := time.Parse(time.RFC3339, c.at)
		minute, hour := drawField(t, "minute", 0, 59), drawField(t, "hour", 0, 23)
		dom, month, dow := drawField(t, "day", 1, 31), drawField(t, "month", 1, 12), drawField(t, "weekday", 0, 6)
		spec := strings.Join([]string{minute.text, hour.text, dom.text, month.text, dow.text}, " ")
		namedDay := func(w time.Time) bool { // w reads as the wall clock does
			day := dom.set>>w.Day()&1 == 1
			weekday := dow.set>>int(w.Weekday())&1 == 1
			if dom.star || dow.star {
				day = day && weekday
			} else {
				day = day || weekday
			}
			return day && month.set>>int(w.Month())&1 == 1
		}
		named := func(w time.Time) bool {
			return namedDay(w) && minute.set>>w.Minute()&1 == 1 && hour.set>>w.Hour()&1 == 1
		}
		e, err := Parse(spec, c.zone)
		if err != nil {
			for day := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC); day.Year() < 2029; day = day.AddDate(0, 0, 1) {
				if namedDay(day) {
					t.Fatalf("%v, but there is %v", err, day)
				}
			}
			t.Skip("no month has that day")
		}
		daily := bits.OnesCount64(hour.set) < 24
		var want []time.Time
		from, to := change.Add(-36*time.Hour), change.Add(36*time.Hour)
		seen := map[time.Time]bool{} // readings of the wall clock
		before := from.Add(-time.Minute)
		for m := from.Add(-2 * time.Hour); m.Before(to); m = m.Add(time.Minute) {
			wall := func(m time.Time) time.Time {
				_, offset := m.In(zone).Zone()
				return m.Add(time.Duration(offset) * time.Second).UTC()
			}
			matches := named(wall(m)) && (!daily || !seen[wall(m)])
			for gap := wall(before).Add(time.Minute); daily && m.After(from) && gap.Before(wall(m)); gap = gap.Add(time.Minute) {
				matches = matches || named(gap)
			}
			if matches && m.After(from) {
				want = append(want, m)
			}
			seen[wall(m)] = true
			before = m
		}
		last := from
		for i := 0; ; i++ {
			next := e.next(last)
			if next.IsZero() || !next.Before(to) {
				if i != len(want) {
					t.Fatalf("%q in %s: %d times, then %v; want %d: %v", spec, c.zone, i, next, len(want), want[i])
				}
				return
			}
			if !next.After(last) {
				t.Fatalf("%q in %s: %v comes after %v", spec, c.zone, next, last)
			}
			if i >= len(want) || !next.Equal(want[i]) {
				t.Fatalf("%q in %s: time %d is %v, want %v", spec, c.zone, i, next, want[min(i, len(want)-1)])
			}
			last = next
		}
	})
}
