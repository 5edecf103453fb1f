package cron

import "time"

// The wall clock of a zone is a UTC clock plus the zone's offset, which changes a few times a year. The fields of an
// expression name readings of the wall clock. Such a reading is written below as the time in UTC that reads the same, so
// that it always exists, and exists once; matching is the library's, and knows nothing of zones.
//
// Where the clock is put forward, the readings in the gap do not exist that day. Where it is put back, those in the overlap
// come twice. If the hour is any hour, the expression means something regular: it names the readings as they come, none in
// the gap and the overlap's twice. Else it names times of day, each of which should come once a day: those in the gap come
// at its end, all as one, and those of the overlap count when they come first.

// reading is what the wall clock reads at t.
func reading(t time.Time, offset time.Duration) time.Time { return t.UTC().Add(offset) }

// offsetOf is by how much the wall clock is ahead of UTC.
func offsetOf(t time.Time) time.Duration {
	_, seconds := t.Zone()
	return time.Duration(seconds) * time.Second
}

// next is the first time after t, in UTC; zero: never.
func (e *Expr) next(t time.Time) time.Time {
	in := t.In(e.zone) // a moment between the two changes of the clock that the search is between
	after := reading(t, offsetOf(in))
	for {
		start, end := in.ZoneBounds()
		offset := offsetOf(in)
		if !e.always && !start.IsZero() {
			// Where the clock was put back, it had come to this before; else it is before all that comes.
			seen := reading(start, offsetOf(start.Add(-1).In(e.zone))).Add(-1)
			if after.Before(seen) {
				after = seen
			}
		}
		match := e.spec.Next(after)
		if match.IsZero() {
			return match
		}
		if at := match.Add(-offset); end.IsZero() || at.Before(end) {
			return at
		}
		in = end.In(e.zone)
		first := reading(end, offsetOf(in))
		if !e.always && match.Before(first) { // it is in the gap
			return end.UTC()
		}
		after = first.Add(-1)
	}
}
