package main

import (
	"strings"
	"testing"
)

// rising gives samples of which one number goes from a to b.
func rising(a, b int64, set func(s *sample, n int64)) *samples {
	all := make([]sample, 400)
	for i := range all {
		set(&all[i], a+(b-a)*int64(i)/int64(len(all)))
	}
	return &samples{all: all}
}

func TestWhatGrowsOverALifeIsNamed(t *testing.T) {
	for what, set := range map[string]func(s *sample, n int64){
		"resident memory": func(s *sample, n int64) { s.rss = n << 20 },
		"heap":            func(s *sample, n int64) { s.heap = n << 20 },
		"goroutines":      func(s *sample, n int64) { s.goroutines = n },
		"descriptors":     func(s *sample, n int64) { s.descriptors = n },
		"WAL":             func(s *sample, n int64) { s.wal = n << 20 },
		"ledger's file":   func(s *sample, n int64) { s.file = n << 20 },
	} {
		if grown := rising(40, 48, set).flat(); grown != "" {
			t.Errorf("%s comes and goes: %s", what, grown)
		}
		if grown := rising(40, 240, set).flat(); !strings.Contains(grown, what) {
			t.Errorf("%s grows from 40 to 240, and that is %q", what, grown)
		}
	}
}
