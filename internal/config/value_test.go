package config

import (
	"testing"
	"time"
)

func TestDurationIsWrittenAsGoDoesAndWithDays(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"500ms": 500 * time.Millisecond, "1m30s": 90 * time.Second, "1d": 24 * time.Hour, "1d12h": 36 * time.Hour,
		"0.5d": 12 * time.Hour, "2d0.5h": 48*time.Hour + 30*time.Minute,
	} {
		var d time.Duration
		if err := (&Duration{D: &d}).Set(text); err != nil || d != want {
			t.Errorf("%s is %v (%v), want %v", text, d, err, want)
		}
	}
	for _, text := range []string{"", "30", "d", "1dd", "1h1d", "-1s", "1d-30h", "-1d", "0", "36501d", "200000d", "1e300d", "NaNd", "soon"} {
		d := time.Second
		if err := (&Duration{D: &d, Default: time.Minute}).Set(text); err == nil || d != time.Second {
			t.Errorf("%q is accepted as %v", text, d)
		}
	}
}

func TestDurationShowsNoEmptyUnits(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "", 30 * time.Second: "30s", 10 * time.Minute: "10m", time.Hour: "1h", 90 * time.Minute: "1h30m", time.Hour + time.Second: "1h0m1s",
	} {
		if got := (&Duration{D: &d}).String(); got != want {
			t.Errorf("%v shows as %q, want %q", d, got, want)
		}
	}
}

func TestSizeIsABinaryOrDecimalNumberOfBytes(t *testing.T) {
	for text, want := range map[string]int{"100MiB": 100 << 20, "512KiB": 512 << 10, "1MB": 1_000_000, "4096": 4096} {
		var n int
		if err := (&Size{Bytes: &n}).Set(text); err != nil || n != want {
			t.Errorf("%s is %d (%v), want %d", text, n, err, want)
		}
	}
	for _, text := range []string{"", "0", "-1", "much", "99999999999999999999"} {
		if err := (&Size{Bytes: new(int)}).Set(text); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
	n := 16 << 20
	if got := (&Size{Bytes: &n}).String(); got != "16MiB" {
		t.Errorf("16 MiB shows as %q", got)
	}
}

func TestAHostPortHasAPortThatIsANumber(t *testing.T) {
	const form = "not an address: write it as 127.0.0.1:8080"
	for text, want := range map[string]string{
		"127.0.0.1:8080": "", "[::1]:0": "", ":65535": "", "localhost:1": "",
		"": form, "8080": form, "localhost": form, "::1:80": form, "[::1]": form,
		"localhost:http": `"http" is no port: it must be a number from 0 to 65535`, "localhost:": `"" is no port: it must be a number from 0 to 65535`,
		"localhost:65536": `"65536" is no port: it must be a number from 0 to 65535`, "localhost:-1": `"-1" is no port: it must be a number from 0 to 65535`,
	} {
		s, got := "", ""
		if err := (&HostPort{S: &s}).Set(text); err != nil {
			got = err.Error()
		}
		if got != want || (s == text) != (want == "" || text == "") {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
