package cron

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func parse(t *testing.T, spec, zone string) *Expr {
	t.Helper()
	e, err := Parse(spec, zone)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func at(t *testing.T, text string) time.Time {
	t.Helper()
	m, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestExpressionsNameTheirTimes(t *testing.T) {
	for _, c := range []struct{ spec, zone, after, want string }{
		{"* * * * *", "", "2026-03-01T10:00:00Z", "2026-03-01T10:01:00Z"},
		{"* * * * *", "", "2026-03-01T09:59:59.999Z", "2026-03-01T10:00:00Z"},
		{"*/10 * * * * *", "", "2026-03-01T10:00:05Z", "2026-03-01T10:00:10Z"},
		{"30 4 * * 1-5", "", "2026-03-06T05:00:00Z", "2026-03-09T04:30:00Z"},
		{"0 0 13 * FRI", "", "2026-03-07T00:00:00Z", "2026-03-13T00:00:00Z"},
		{"0 0 29 2 *", "", "2026-03-01T00:00:00Z", "2028-02-29T00:00:00Z"},
		{"0 9 * * *", "Europe/Berlin", "2026-01-01T00:00:00Z", "2026-01-01T08:00:00Z"},
		{"0 9 * * *", "Asia/Kathmandu", "2026-01-01T00:00:00Z", "2026-01-01T03:15:00Z"},
		{"@hourly", "", "2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z"},
		{"@Daily", "America/New_York", "2026-01-01T12:00:00Z", "2026-01-02T05:00:00Z"},
		{"@weekly", "", "2026-01-01T12:00:00Z", "2026-01-04T00:00:00Z"},
		{"@monthly", "", "2026-01-01T12:00:00Z", "2026-02-01T00:00:00Z"},
		{"@yearly", "", "2026-01-01T12:00:00Z", "2027-01-01T00:00:00Z"},
		{"@every 1m30s", "", "2026-01-01T00:00:00.5Z", "2026-01-01T00:01:30Z"},
		{"@every 1d", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z"}, // a day has 24 hours to it
	} {
		if got, want := parse(t, c.spec, c.zone).First(at(t, c.after)), at(t, c.want); !got.Equal(want) {
			t.Errorf("%q in %q after %s: got %v, want %v", c.spec, c.zone, c.after, got, want)
		}
	}
}

func TestEveryKeepsItsGridAndMissesNothingOnIt(t *testing.T) {
	e := parse(t, "@every 90s", "")
	first := at(t, "2026-01-01T00:00:00Z")
	if got := e.After(first, first); !got.Equal(first.Add(90 * time.Second)) {
		t.Errorf("after itself: %v", got)
	}
	now := first.Add(10*time.Minute + time.Millisecond)
	if got := e.After(first, now); !got.Equal(first.Add(630 * time.Second)) {
		t.Errorf("after ten minutes: %v", got)
	}
	if got := e.Latest(first, now); !got.Equal(first.Add(540 * time.Second)) {
		t.Errorf("latest within ten minutes: %v", got)
	}
}

func TestTheLatestOfManyMissedTimesIsFoundWithoutWalkingThem(t *testing.T) {
	first := at(t, "2020-01-01T00:00:00Z")
	for _, c := range []struct{ spec, now, want string }{
		{"* * * * * *", "2026-01-01T00:00:00.7Z", "2026-01-01T00:00:00Z"},
		{"0 0 1 1 *", "2025-12-31T23:59:59Z", "2025-01-01T00:00:00Z"},
		{"0 0 1 1 *", "2020-01-01T00:00:00Z", "2020-01-01T00:00:00Z"},
		{"0 0 1 1 *", "2020-05-01T00:00:00Z", "2020-01-01T00:00:00Z"},
	} {
		if got := parse(t, c.spec, "").Latest(first, at(t, c.now)); !got.Equal(at(t, c.want)) {
			t.Errorf("%q until %s: got %v, want %s", c.spec, c.now, got, c.want)
		}
	}
}

func TestAnExpressionThatCannotBeMeantIsToldByFieldWithTheFix(t *testing.T) {
	for _, c := range []struct{ spec, want string }{
		{"", "it has 0 fields"},
		{"5 4", "it has 2 fields, and 5 are wanted"},
		{"0", "must be in quotes"},
		{"* * * * * * *", "it has 7 fields"},
		{"61 * * * *", `minute "61" cannot be read: end of range (61) above maximum (59): 61: it may be 0 to 59`},
		{"61 * * * * *", `second "61" cannot be read`},
		{"0 24 * * *", `hour "24" cannot be read`},
		{"0 0 0 * *", `day of month "0" cannot be read`},
		{"0 0 1 13 *", `month "13" cannot be read`},
		{"0 0 * * 7", `day of week "7" cannot be read`},
		{"0 0 * * 7", "0 (Sunday) to 6 (Saturday)"},
		{"0 0 * * MO", `day of week "MO" cannot be read`},
		{"5-1 * * * *", `minute "5-1" cannot be read`},
		{"*/0 * * * *", `minute "*/0" cannot be read`},
		{", * * * *", `minute "," cannot be read`},
		{"0 0 30 2 *", "there is no such day"},
		{"TZ=UTC * * * * *", "leave TZ=UTC out"},
		{"@reboot", "there is no @reboot: the names are @yearly"},
		{"@every", `"" is no duration: write @every 30s`},
		{"@every 5", `"5" is no duration`},
		{"@every +5s", `"+5s" is no duration`},
		{"@every 100ms", `"100ms" is not a whole number of seconds`},
		{"@every 1.5s", `"1.5s" is not a whole number of seconds`},
		{"@every -1h", `"-1h" is not a whole number of seconds`},
		{"@every 99999d", `"99999d" is not a whole number of seconds`},
	} {
		_, err := Parse(c.spec, "")
		var spec *SpecError
		if !errors.As(err, &spec) || spec.Spec != c.spec || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: got %v, want %q in it", c.spec, err, c.want)
		}
	}
	for _, name := range []string{"Local", "Berlin", "../etc/passwd", "UTC+1"} {
		_, err := Parse("* * * * *", name)
		var zone *ZoneError
		if !errors.As(err, &zone) || zone.Zone != name || !strings.Contains(err.Error(), "IANA") {
			t.Errorf("zone %q: got %v", name, err)
		}
	}
}
