package main

import (
	"testing"
	"time"
)

func TestDurationIsWrittenAsGoDoesAndWithDays(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"500ms": 500 * time.Millisecond, "1m30s": 90 * time.Second, "1d": 24 * time.Hour, "1d12h": 36 * time.Hour,
		"0.5d": 12 * time.Hour, "2d0.5h": 48*time.Hour + 30*time.Minute,
	} {
		var d duration
		if err := d.Set(text); err != nil || d.Duration != want {
			t.Errorf("%s is %v (%v), want %v", text, d.Duration, err, want)
		}
	}
	for _, text := range []string{"", "30", "d", "1dd", "1h1d", "-1s", "1d-30h", "-1d", "0", "36501d", "200000d", "1e300d", "NaNd", "soon"} {
		d := duration{Duration: time.Second}
		if err := d.Set(text); err == nil || d.Duration != time.Second {
			t.Errorf("%q is accepted as %v", text, d.Duration)
		}
	}
}

func TestDurationShowsNoEmptyUnits(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "", 30 * time.Second: "30s", 10 * time.Minute: "10m", time.Hour: "1h", 90 * time.Minute: "1h30m", time.Hour + time.Second: "1h0m1s",
	} {
		if got := (&duration{Duration: d}).String(); got != want {
			t.Errorf("%v shows as %q, want %q", d, got, want)
		}
	}
}

func TestSizeIsABinaryOrDecimalNumberOfBytes(t *testing.T) {
	for text, want := range map[string]int{"100MiB": 100 << 20, "512KiB": 512 << 10, "1MB": 1_000_000, "4096": 4096} {
		var z size
		if err := z.Set(text); err != nil || z.bytes != want {
			t.Errorf("%s is %d (%v), want %d", text, z.bytes, err, want)
		}
	}
	for _, text := range []string{"", "0", "-1", "much", "99999999999999999999"} {
		if err := new(size).Set(text); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
	if got := (&size{16 << 20}).String(); got != "16MiB" {
		t.Errorf("16 MiB shows as %q", got)
	}
}

func TestMomentIsATimeOrWhereAllowedADurationBack(t *testing.T) {
	want := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var m moment
	if err := m.Set("2026-01-02T03:04:05Z"); err != nil || !m.Equal(want) {
		t.Errorf("got %v (%v)", m, err)
	}
	if err := m.Set("2026-01-02 03:04"); err != nil || !m.Equal(time.Date(2026, 1, 2, 3, 4, 0, 0, time.Local)) {
		t.Errorf("got %v (%v)", m, err)
	}
	if err := m.Set("2h"); err == nil {
		t.Error("a time to come is accepted as a duration back")
	}
	m.ago = true
	if err := m.Set("2h"); err != nil || time.Since(m.Time).Round(time.Minute) != 2*time.Hour {
		t.Errorf("2h back is %v (%v)", m, err)
	}
}

func TestBriefDurationsKeepTwoUnitsAtMost(t *testing.T) {
	for d, want := range map[time.Duration]string{
		100 * time.Microsecond: "0.1ms", 12*time.Millisecond + 400*time.Microsecond: "12ms", 3400 * time.Millisecond: "3.4s",
		5*time.Minute + 12*time.Second: "5m12s", 2*time.Hour + 3*time.Minute: "2h3m", 101 * time.Hour: "4d5h",
	} {
		if got := brief(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}
