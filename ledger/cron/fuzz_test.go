package cron

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// FuzzSpec has each text either refused with what is wrong, or name times that rise, that a search from anywhere before them finds, and that mean the
// same when the expression is written in another way. A search that does not end is a hang, which the fuzzer reports.
func FuzzSpec(f *testing.F) {
	for _, seed := range []struct{ spec, zone string }{
		{"* * * * *", ""},
		{"*/15 2,3 1-7 JAN-MAR MON", "Europe/Berlin"},
		{"59 59 23 31 12 6", "Asia/Kathmandu"},
		{"0 0 29 2 *", "Pacific/Apia"},        // a day that comes every four years, in a zone that once left one out
		{"0 0 31 2,4,6,9,11 *", ""},           // never
		{"30 2 * * *", "Australia/Lord_Howe"}, // a clock that leaps half an hour
		{"@every 1d", "America/New_York"},
		{"@EVERY 99999d", ""},
		{"@every 9223372036854775807ns", ""},
		{"@hourly", "Africa/Casablanca"},
		{"0-59/18446744073709551616 * * * *", ""},
		{"1e999 * * * *", ""},
		{strings.Repeat("9", 400) + " * * * *", ""},
		{strings.Repeat("1,", 400) + "1 * * * *", ""},
		{"*\x00 * * * *", "\x00"},
		{"\xff * * * *", "../../etc/passwd"},
		{"? ? ? ? ?", "UTC"},
		{"TZ=UTC * * * * *", ""},
	} {
		f.Add(seed.spec, seed.zone, int64(1_780_000_000))
		f.Add(seed.spec, seed.zone, int64(1_325_073_600)) // before the day that Apia left out
	}
	f.Fuzz(func(t *testing.T, spec, zone string, unix int64) {
		const year2400 = 13_569_465_600
		now := time.Unix(unix%year2400, unix%1000).UTC()
		e, err := Parse(spec, zone)
		if err != nil {
			var badSpec *SpecError
			var badZone *ZoneError
			if !errors.As(err, &badSpec) && !errors.As(err, &badZone) {
				t.Fatalf("%q in %q: %T %v", spec, zone, err, err)
			}
			return
		}
		first := e.First(now)
		if !first.After(now) {
			t.Fatalf("%q in %q: the first time after %v is %v", spec, zone, now, first)
		}
		last := first
		for range 20 {
			next := e.After(last, last)
			if next.IsZero() {
				break
			}
			if !next.After(last) {
				t.Fatalf("%q in %q: %v follows %v", spec, zone, next, last)
			}
			if between := last.Add(next.Sub(last) / 2); !e.After(last, between).Equal(next) {
				t.Fatalf("%q in %q: after %v comes %v, but after %v %v", spec, zone, last, next, between, e.After(last, between))
			}
			if latest := e.Latest(first, next.Add(-1)); next.Sub(first) < 24*time.Hour && !latest.Equal(last) { // a longer search takes too long here
				t.Fatalf("%q in %q: the latest before %v is %v, want %v", spec, zone, next, latest, last)
			}
			last = next
		}
		again, err := Parse("  "+strings.Join(strings.Fields(spec), "\t ")+"\n", zone)
		if err != nil || !again.First(now).Equal(first) {
			t.Fatalf("%q with other blanks: %v, %v, want %v", spec, again, err, first)
		}
	})
}
