package main

import (
	"encoding/json"
	"testing"
	"time"
)

func TestNothingThatATerminalObeysIsPrintable(t *testing.T) {
	for text, want := range map[string]string{
		"plain € text\n\tand tab":   "plain € text\n\tand tab",
		"\x1b[31mred\x07\r":         `\x1b[31mred\x07\x0d`,
		"c1 \u009b31m, del \x7f":    `c1 \x9b31m, del \x7f`,
		"right to left \u202egnp":   `right to left \u202egnp`,
		"no UTF-8 \xff\x9b":         `no UTF-8 \xff\x9b`,
		"a real replacement \ufffd": "a real replacement \ufffd",
	} {
		if got := printable(text); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
	if got := oneLine("a\nb\tc"); got != `a\nb\tc` {
		t.Errorf("one line is %q", got)
	}
}

func FuzzEscapedJSONMeansTheSame(f *testing.F) {
	for _, seed := range []string{"\"a\u009b\"", "{\"\u202e\": [1,\n2]}", "\"\x7f\""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var before, after any
		if json.Unmarshal([]byte(text), &before) != nil {
			return
		}
		if err := json.Unmarshal([]byte(escapeJSON(text)), &after); err != nil {
			t.Fatalf("%q becomes %q: %v", text, escapeJSON(text), err)
		}
		a, _ := json.Marshal(before)
		b, _ := json.Marshal(after)
		if string(a) != string(b) {
			t.Errorf("%q becomes %q", text, escapeJSON(text))
		}
	})
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
