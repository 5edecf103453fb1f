package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/dustin/go-humanize"
)

// printable makes text safe for a terminal: what one would obey, or what changes the order in which text is read, is
// written out as an escape. Line ends and tabs stay.
func printable(s string) string {
	return escapeRunes(s, func(r rune) string {
		if r == '\n' || r == '\t' {
			return string(r)
		}
		if r < 0x100 {
			return fmt.Sprintf(`\x%02x`, r)
		}
		return fmt.Sprintf(`\u%04x`, r)
	}, `\x%02x`)
}

// oneLine is printable for text that must not break out of its line.
func oneLine(s string) string {
	return strings.NewReplacer("\n", `\n`, "\t", `\t`).Replace(printable(s))
}

// escapeJSON makes JSON safe for a terminal without changing what it means. The only such characters outside of its
// strings are white space.
func escapeJSON(s string) string {
	return escapeRunes(s, func(r rune) string {
		if r < 0x20 {
			return string(r)
		}
		return fmt.Sprintf(`\u%04x`, r)
	}, `\ufffd`)
}

// escapeRunes writes harmful characters as escape has them, and bytes that are no UTF-8 in the format invalid.
func escapeRunes(s string, escape func(rune) string, invalid string) string {
	if strings.IndexFunc(s, func(r rune) bool { return harmful(r) || r == utf8.RuneError }) < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			b.WriteString(strings.Replace(invalid, "%02x", fmt.Sprintf("%02x", s[i]), 1))
		case harmful(r):
			b.WriteString(escape(r))
		default:
			b.WriteString(s[i : i+n])
		}
		i += n
	}
	return b.String()
}

// harmful are control characters and the invisible ones that reorder text.
func harmful(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)
}

// plural is a count with its noun: "1 worker", "2,000 workers".
func plural(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return humanize.Comma(int64(n)) + " " + noun
}

// brief is a duration in at most four or so characters: 0.1ms, 12ms, 3.4s, 5m12s, 2h3m, 4d5h.
func brief(d time.Duration) string {
	switch {
	case d < 10*time.Millisecond:
		return strconv.FormatFloat(float64(d)/float64(time.Millisecond), 'f', 1, 64) + "ms"
	case d < time.Second:
		return fmt.Sprintf("%dms", d.Milliseconds())
	case d < time.Minute:
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + "s"
	case d < time.Hour:
		return fmt.Sprintf("%dm%ds", int(d.Minutes()), int(d.Seconds())%60)
	case d < 24*time.Hour:
		return fmt.Sprintf("%dh%dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd%dh", int(d.Hours())/24, int(d.Hours())%24)
}

// ago is how long a moment is past, in one unit: 2s ago.
func ago(at, now time.Time) string {
	d := now.Sub(at)
	switch {
	case d < time.Second:
		return "just now"
	case d < time.Minute:
		return fmt.Sprintf("%ds ago", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh ago", int(d.Hours()))
	}
	return fmt.Sprintf("%dd ago", int(d.Hours())/24)
}

// indent puts prefix before every line.
func indent(s, prefix string) string {
	return prefix + strings.ReplaceAll(strings.TrimRight(s, "\n"), "\n", "\n"+prefix)
}
