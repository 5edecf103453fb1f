package main

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
)

// duration is a flag's value as Go writes durations, with d for days of 24 hours: 1m30s, 1d12h.
type duration struct {
	time.Duration
	mayBeZero bool
}

// Set implements flag.Value.
func (d *duration) Set(s string) error {
	v, err := parseDuration(s)
	if err != nil {
		return err
	}
	if v == 0 && !d.mayBeZero {
		return errors.New("it must be more than 0")
	}
	d.Duration = v
	return nil
}

// String is "" for the zero duration: it is always the absence of a limit or of a wish.
func (d *duration) String() string {
	if d.Duration == 0 {
		return ""
	}
	s := d.Duration.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// longest is what the supervisor takes for a delay or a limit.
const longest = 100 * 365 * 24 * time.Hour

func parseDuration(s string) (time.Duration, error) {
	days, rest, hasDays := strings.Cut(s, "d")
	if !hasDays {
		days, rest = "0", s
	}
	n, err := strconv.ParseFloat(days, 64)
	if err != nil || math.IsNaN(n) {
		return 0, badDuration(s)
	}
	var total time.Duration
	if rest != "" || !hasDays {
		if total, err = time.ParseDuration(rest); err != nil {
			return 0, badDuration(s)
		}
	}
	if n < 0 || total < 0 {
		return 0, errors.New("a duration cannot be negative")
	}
	if n*24*float64(time.Hour)+float64(total) > float64(longest) {
		return 0, errors.New("longer than 100 years")
	}
	return time.Duration(n*24*float64(time.Hour)) + total, nil
}

func badDuration(s string) error {
	if _, err := strconv.ParseFloat(s, 64); err == nil {
		return fmt.Errorf("no unit: write %ss for seconds, %sms for milliseconds", s, s)
	}
	return errors.New("not a duration: write it as 500ms, 30s, 1m30s or 1d12h")
}

// toggle is the value of a flag that is there or not.
type toggle bool

// Set implements flag.Value.
func (t *toggle) Set(s string) error {
	v, err := strconv.ParseBool(s)
	if err != nil {
		return errors.New("it must be true or false")
	}
	*t = toggle(v)
	return nil
}

// String is "" for false, which needs no telling: it is every such flag's default.
func (t *toggle) String() string {
	if *t {
		return "true"
	}
	return ""
}

// IsBoolFlag tells the flag package that a value need not follow.
func (*toggle) IsBoolFlag() bool { return true }

// count is a flag's value that is a whole number.
type count struct {
	n           int
	least, most int    // most: math.MaxInt if it has no bound
	fallback    string // what to show for 0; "" if it need not be told
}

// Set implements flag.Value.
func (c *count) Set(s string) error {
	n, err := strconv.Atoi(s)
	switch {
	case err == nil && n >= c.least && n <= c.most:
	case c.most == math.MaxInt:
		return fmt.Errorf("it must be a whole number from %d up", c.least)
	default:
		return fmt.Errorf("it must be a whole number from %d to %d", c.least, c.most)
	}
	c.n = n
	return nil
}

// String implements flag.Value.
func (c *count) String() string {
	if c.n == 0 {
		return c.fallback
	}
	return strconv.Itoa(c.n)
}

// size is a flag's value in bytes: 512KiB, 100MiB, 1000000.
type size struct{ bytes int }

// Set implements flag.Value.
func (z *size) Set(s string) error {
	n, err := humanize.ParseBytes(s)
	if err != nil || n == 0 || n > math.MaxInt {
		return errors.New("not a size: write it as 512KiB, 100MiB or a number of bytes")
	}
	z.bytes = int(n)
	return nil
}

// String implements flag.Value.
func (z *size) String() string {
	if z.bytes == 0 {
		return ""
	}
	return strings.ReplaceAll(humanize.IBytes(uint64(z.bytes)), " ", "")
}

// moment is a flag's value that names a point in time.
type moment struct {
	time.Time
	ago bool // a duration is allowed and means so long ago
}

// Set implements flag.Value.
func (m *moment) Set(s string) error {
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, s, time.Local); err == nil {
			m.Time = t
			return nil
		}
	}
	if d, err := parseDuration(s); err == nil && m.ago {
		m.Time = time.Now().Add(-d)
		return nil
	}
	if m.ago {
		return errors.New(`not a time: write it as 2h (ago), 2026-01-02, "2026-01-02 15:04" or 2026-01-02T15:04:05Z`)
	}
	return errors.New(`not a time: write it as 2026-01-02, "2026-01-02 15:04" or 2026-01-02T15:04:05Z`)
}

// String implements flag.Value.
func (m *moment) String() string {
	if m.IsZero() {
		return ""
	}
	return m.Format(time.RFC3339)
}

// choice is a flag's value that is one of a few words.
type choice struct {
	value   string
	choices []string
}

// Set implements flag.Value.
func (c *choice) Set(s string) error {
	for _, known := range c.choices {
		if s == known {
			c.value = s
			return nil
		}
	}
	return fmt.Errorf("it must be one of %s", strings.Join(c.choices, ", "))
}

// String implements flag.Value.
func (c *choice) String() string { return c.value }
