package main

import (
	"errors"
	"time"

	"github.com/whipper-sidecar/whipper/internal/config"
)

// moment is a flag's value that names a point in time.
type moment struct {
	time.Time
	near int // -1: a duration is allowed and means so long ago; 1: so long from now; 0: it is not
}

// Set implements flag.Value.
func (m *moment) Set(s string) error {
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, s, time.Local); err == nil {
			m.Time = t
			return nil
		}
	}
	if d, err := config.ParseDuration(s); err == nil && m.near != 0 {
		m.Time = time.Now().Add(time.Duration(m.near) * d)
		return nil
	}
	form := map[int]string{-1: "2h (ago), ", 1: "2h (from now), "}[m.near]
	return errors.New("not a time: write it as " + form + `2026-01-02, "2026-01-02 15:04" or 2026-01-02T15:04:05Z`)
}

// String implements flag.Value.
func (m *moment) String() string {
	if m.IsZero() {
		return ""
	}
	return m.Format(time.RFC3339)
}
