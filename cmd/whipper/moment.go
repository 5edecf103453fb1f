package main

import (
	"errors"
	"time"

	"github.com/whipper-sidecar/whipper/internal/config"
)

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
	if d, err := config.ParseDuration(s); err == nil && m.ago {
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
