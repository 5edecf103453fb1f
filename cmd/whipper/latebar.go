package main

import (
	"io"
	"time"
)

// lateBar draws progress once that has gone on for a while.
type lateBar struct {
	w     io.Writer
	what  string
	total int64
	begun time.Time
	bar   *progress
	drawn int64
}

// barAfter is how long something may take before its progress is drawn.
const barAfter = 300 * time.Millisecond

func (l *lateBar) reach(n int64) {
	if l.bar == nil {
		if n%64 != 0 || time.Since(l.begun) < barAfter {
			return
		}
		l.bar = newProgress(l.w, l.what, l.total)
	}
	l.bar.add(int(n - l.drawn))
	l.drawn = n
}

// reachMiB is reach for bytes, of which whole MiB are drawn.
func (l *lateBar) reachMiB(bytes int64) {
	if l.bar == nil && time.Since(l.begun) >= barAfter {
		l.bar = newProgress(l.w, l.what, l.total)
	}
	if l.bar != nil {
		l.bar.add(int(bytes>>20 - l.drawn))
		l.drawn = bytes >> 20
	}
}

func (l *lateBar) stop() {
	if l.bar != nil {
		l.bar.stop()
	}
}
