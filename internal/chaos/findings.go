package main

import (
	"slices"
	"time"
)

// findings are what a round has left when all has come to rest: what clients asked for and were told, what is in the ledger, what workers did,
// and what subscribers were told. None of them may contradict another.
type findings struct {
	deeds     map[string]*deed
	states    map[int64]string // as who waited was told
	retried   map[int64]int
	rows      []row
	effects   []effect
	final     map[int64][]string // events
	allTold   bool               // no event can be missing
	unwritten func(time.Time) bool
	jumps     bool // the supervisor's clock is not that of the others
	excused   int  // how often something was no violation only because it may be unwritten

	violation func(format string, args ...any)
	byID      map[int64]*row
	byName    map[string][]*row
	ran       map[int64][]effect
}

func (f *findings) check(violation func(format string, args ...any)) {
	f.violation = violation
	f.index()
	for i := range f.rows {
		f.checkRow(&f.rows[i])
		f.checkRuns(&f.rows[i])
		f.checkEvents(&f.rows[i])
	}
	for _, d := range f.deeds {
		f.checkDeed(d)
	}
	f.checkEffects()
	f.checkWaits()
	f.checkSchedules()
	if !f.jumps {
		f.checkKeys()
	}
}

func (f *findings) index() {
	f.byID, f.byName, f.ran = map[int64]*row{}, map[string][]*row{}, map[int64][]effect{}
	for i := range f.rows {
		r := &f.rows[i]
		f.byID[r.ID] = r
		f.byName[r.name()] = append(f.byName[r.name()], r)
		slices.SortFunc(r.Attempts, func(a, b attempt) int { return a.Attempt - b.Attempt })
	}
	for _, e := range f.effects {
		f.ran[e.Job] = append(f.ran[e.Job], e)
	}
	for _, all := range f.ran {
		slices.SortFunc(all, func(a, b effect) int { return int(a.At - b.At) })
	}
}

// excuse says whether what happened at one of these times may not be on record.
func (f *findings) excuse(times ...time.Time) bool {
	if !slices.ContainsFunc(times, f.unwritten) {
		return false
	}
	f.excused++
	return true
}

// many says whether something that was asked for may come to several jobs.
func (d *deed) many() bool { return d.Do == "schedule" || d.Do == babbled }

// babbled are calls that nobody waits for; all have one name.
const babbled = "babble"

// checkRow looks whether a job is one that was asked for, and has ended as it may.
func (f *findings) checkRow(r *row) {
	d := f.deeds[r.name()]
	if d == nil {
		f.violation("job %d (%s of pool %s, params %.100s) was asked for by nobody", r.ID, r.Method, r.Pool, r.Params)
		return
	}
	if r.Pool != d.Pool && d.Do != babbled || r.Method != d.Method || r.Delivery != d.Delivery && r.Origin != "invoke" || r.IdempotencyKey != d.Key && !d.many() ||
		r.ConcurrencyKey != d.ConcurrencyKey || r.MaxAttempts != d.MaxAttempts {
		f.violation("job %d, %s, is not what was asked for: %+v, and not %+v", r.ID, d.Name, *r, *d)
	}
	successes := 0
	for i, a := range r.Attempts {
		if a.Outcome == "succeeded" {
			successes++
		}
		if i > 0 && a.Attempt == r.Attempts[i-1].Attempt {
			f.violation("job %d, %s, has two attempts %d", r.ID, d.Name, a.Attempt)
		}
	}
	bad := func(what string) {
		f.violation("%s: job %d, %s (%s of pool %s, %s, %s), is %s with %d of %d attempts charged, %d runs and the attempts %v; retried by command %d times; error %.200s", what,
			r.ID, d.Name, r.Method, r.Pool, r.Delivery, r.Origin, r.State, r.Attempt, r.MaxAttempts, r.Runs, outcomes(r.Attempts), f.retried[r.ID], r.Error)
	}
	switch {
	case r.State != "succeeded" && r.State != "failed" && r.State != "cancelled" && r.State != "dropped":
		bad("it has not ended")
	case successes > 1, (r.State == "succeeded") != (successes == 1):
		bad("its successes do not fit its state")
	case successes == 1 && r.Attempts[len(r.Attempts)-1].Outcome != "succeeded":
		bad("it was run after a success")
	case r.Attempt > r.MaxAttempts:
		bad("it has had more attempts than it may")
	case r.Attempt > len(r.Attempts), len(r.Attempts) != r.Runs:
		bad("its attempts do not add up")
	case f.retried[r.ID] == 0 && r.Attempt < charged(r.Attempts):
		bad("its attempts were not charged")
	}
}

// charged counts the attempts that are charged in any case.
func charged(all []attempt) (n int) {
	for _, a := range all {
		switch a.Outcome {
		case "succeeded", "error", "timeout":
			n++
		}
	}
	return n
}

func outcomes(all []attempt) (names []string) {
	for _, a := range all {
		names = append(names, a.Outcome)
	}
	return names
}

// scheduled bounds how long it may take from a schedule to its first job.
const scheduled = 20 * time.Second

// checkSchedules looks whether there are jobs at all of the schedules that were put, which are due each second.
func (f *findings) checkSchedules() {
	var first, last time.Time
	for _, d := range f.deeds {
		if d.Do == "schedule" && d.Outcome == acknowledged {
			if len(f.byName[d.Name]) > 0 {
				return
			}
			if first.IsZero() || d.Told.Before(first) {
				first = d.Told
			}
		}
		if d.Told.After(last) {
			last = d.Told
		}
	}
	if !first.IsZero() && last.Sub(first) > scheduled {
		f.violation("schedules were put from %s on, and until %s none had a job", first.Format(clock), last.Format(clock))
	}
}

// checkKeys looks whether jobs with one concurrency key ran at once.
func (f *findings) checkKeys() {
	type run struct {
		job int64
		attempt
	}
	keyed := map[[2]string][]run{}
	for i := range f.rows {
		r := &f.rows[i]
		if r.ConcurrencyKey == "" {
			continue
		}
		key := [2]string{r.Pool, r.ConcurrencyKey}
		for _, a := range r.Attempts {
			keyed[key] = append(keyed[key], run{r.ID, a})
		}
	}
	for key, all := range keyed {
		slices.SortFunc(all, func(a, b run) int { return a.StartedAt.Compare(b.StartedAt) })
		for i := 1; i < len(all); i++ {
			if before, now := all[i-1], all[i]; now.StartedAt.Before(before.FinishedAt) {
				f.violation("jobs %d and %d, both with the key %s in pool %s, ran at once: to %s, and from %s", before.job, now.job, key[1], key[0],
					before.FinishedAt.Format(clock), now.StartedAt.Format(clock))
			}
		}
	}
}
