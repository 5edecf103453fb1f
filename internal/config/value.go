package config

import (
	"errors"
	"fmt"
	"math"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
)

// Value is the place of one setting: a field that is set from text. It is a flag.Value. A field's zero value always means
// that nothing was said: then the default holds, which String tells.
type Value interface {
	// Set reads text into the field, or says what is wrong with it and leaves the field as it is.
	Set(text string) error
	// String is what the field holds, or in words what holds instead.
	String() string
	// Reset sets the field to its default.
	Reset()
}

// Duration is written as Go writes durations, with d for days of 24 hours: 1m30s, 1d12h.
type Duration struct {
	D       *time.Duration
	Default time.Duration // 0: there is none; only then 0 may be set
}

// Set implements Value. A limit of no time at all would mean no limit to some and the default to others, so only what has
// none by itself may be 0.
func (d *Duration) Set(s string) error {
	v, err := ParseDuration(s)
	if err != nil {
		return err
	}
	if v == 0 && d.Default != 0 {
		return errors.New("it must be more than 0")
	}
	*d.D = v
	return nil
}

// String implements Value. It is "" for the zero duration: that is always the absence of a limit or of a wish.
func (d *Duration) String() string {
	if *d.D == 0 {
		return ""
	}
	s := d.D.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// Reset implements Value.
func (d *Duration) Reset() { *d.D = d.Default }

// longest is what the supervisor takes for a delay or a limit.
const longest = 100 * 365 * 24 * time.Hour

// ParseDuration reads 500ms, 1m30s or 1d12h. It refuses negative ones and those above 100 years.
func ParseDuration(s string) (time.Duration, error) {
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

// Toggle is on or off. It is off by default.
type Toggle struct{ B *bool }

// Set implements Value.
func (t *Toggle) Set(s string) error {
	v, err := strconv.ParseBool(s)
	if err != nil {
		return errors.New("it must be true or false")
	}
	*t.B = v
	return nil
}

// String implements Value. It is "" for false, which needs no telling.
func (t *Toggle) String() string {
	if *t.B {
		return "true"
	}
	return ""
}

// Reset implements Value.
func (t *Toggle) Reset() { *t.B = false }

// IsBoolFlag tells the flag package that a value need not follow.
func (*Toggle) IsBoolFlag() bool { return true }

// Count is a whole number.
type Count struct {
	N           *int
	Least, Most int // Most: 0 if it has no bound
	Default     int
	Fallback    string // what holds where N is 0, in words; "" if it need not be told
}

// Set implements Value.
func (c *Count) Set(s string) error {
	n, err := strconv.Atoi(s)
	switch {
	case err == nil && n >= c.Least && (c.Most == 0 || n <= c.Most):
	case c.Most == 0:
		return fmt.Errorf("it must be a whole number from %d up", c.Least)
	default:
		return fmt.Errorf("it must be a whole number from %d to %d", c.Least, c.Most)
	}
	*c.N = n
	return nil
}

// String implements Value.
func (c *Count) String() string {
	if *c.N == 0 {
		return c.Fallback
	}
	return strconv.Itoa(*c.N)
}

// Reset implements Value.
func (c *Count) Reset() { *c.N = c.Default }

// Size is a number of bytes: 512KiB, 100MiB, 1000000.
type Size struct {
	Bytes   *int
	Default int // 0: there is none
}

// Set implements Value.
func (z *Size) Set(s string) error {
	n, err := humanize.ParseBytes(s)
	if err != nil || n == 0 || n > math.MaxInt {
		return errors.New("not a size: write it as 512KiB, 100MiB or a number of bytes")
	}
	*z.Bytes = int(n)
	return nil
}

// String implements Value. It is "" where there is no size.
func (z *Size) String() string {
	if *z.Bytes == 0 {
		return ""
	}
	return strings.ReplaceAll(humanize.IBytes(uint64(*z.Bytes)), " ", "")
}

// Reset implements Value.
func (z *Size) Reset() { *z.Bytes = z.Default }

// Choice is one of a few words, of which the first is the default unless there is a Fallback.
type Choice struct {
	Word     *string
	Words    []string
	Fallback string // what holds where Word is "", in words
}

// Set implements Value.
func (c *Choice) Set(s string) error {
	if !slices.Contains(c.Words, s) {
		return fmt.Errorf("it must be one of %s", strings.Join(c.Words, ", "))
	}
	*c.Word = s
	return nil
}

// String implements Value.
func (c *Choice) String() string {
	if *c.Word == "" {
		return c.Fallback
	}
	return *c.Word
}

// Reset implements Value.
func (c *Choice) Reset() {
	*c.Word = ""
	if c.Fallback == "" {
		*c.Word = c.Words[0]
	}
}

// Text is any text.
type Text struct {
	S       *string
	Default string
}

// Set implements Value.
func (t *Text) Set(s string) error {
	*t.S = s
	return nil
}

// String implements Value.
func (t *Text) String() string { return *t.S }

// Reset implements Value.
func (t *Text) Reset() { *t.S = t.Default }

// Path is the name of a file or folder. A relative one is meant from where the setting stands: a flag's from the working folder,
// a file's from that file's.
type Path struct {
	S       *string
	Default string
	Program bool     // a name without a slash is looked for in PATH
	Words   []string // that are no paths
}

// Set implements Value.
func (p *Path) Set(s string) error {
	*p.S = s
	return nil
}

// String implements Value.
func (p *Path) String() string { return *p.S }

// Reset implements Value.
func (p *Path) Reset() { *p.S = p.Default }

// from makes a relative path one from folder.
func (p *Path) from(folder string) {
	if *p.S == "" || filepath.IsAbs(*p.S) || slices.Contains(p.Words, *p.S) || p.Program && !strings.ContainsRune(*p.S, filepath.Separator) {
		return
	}
	*p.S = filepath.Join(folder, *p.S)
}

// HostPort is where to listen, HOST:PORT. A host that is left out stands for every address of this machine, port 0 for one that is free.
type HostPort struct{ S *string }

// Set implements Value.
func (h *HostPort) Set(s string) error {
	_, port, err := net.SplitHostPort(s)
	if err != nil {
		return errors.New("not an address: write it as 127.0.0.1:8080")
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("%q is no port: it must be a number from 0 to 65535", port)
	}
	*h.S = s
	return nil
}

// String implements Value.
func (h *HostPort) String() string { return *h.S }

// Reset implements Value.
func (h *HostPort) Reset() { *h.S = "" }
