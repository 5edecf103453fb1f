package main

import (
	"slices"
	"time"
)

// slack is how much a worker's clock may be behind the supervisor's: it is the same, but Node reads it in milliseconds.
const slack = 2 * time.Millisecond

// checkRuns holds what workers did for a job against the attempts on record.
func (f *findings) checkRuns(r *row) {
	ran := f.ran[r.ID]
	matched := f.match(ran, r)
	proven := slices.IndexFunc(ran, func(e effect) bool { return r.State == "succeeded" && e.Token == tokenOf(r) })
	for i, e := range ran {
		if e.Task != r.name() {
			f.violation("job %d is %s, and %s was run under its id", r.ID, r.name(), e.Task)
		}
		if matched[i] >= 0 {
			continue
		}
		at := time.Unix(0, e.At).UTC()
		switch {
		case proven >= 0 && i > proven: // by the workers' own clock
			f.violation("job %d, %s (%s of pool %s), succeeded at %s by a run of %s, and was run again at %s by process %d (run %s)", r.ID, e.Task, r.Method,
				r.Pool, r.FinishedAt.Format(clock), time.Unix(0, ran[proven].At).UTC().Format(clock), at.Format(clock), e.PID, e.Token)
		case r.Delivery == "at-most-once":
			f.violation("job %d, %s, at most once, was run at %s by process %d without a record: %v", r.ID, e.Task, at.Format(clock), e.PID, outcomes(r.Attempts))
		case !f.jumps && f.retried[r.ID] == 0 && at.After(r.FinishedAt.Add(slack)):
			f.violation("job %d, %s, ended at %s as %s, and was run at %s by process %d (run %s)", r.ID, e.Task, r.FinishedAt.Format(clock), r.State, at.Format(clock),
				e.PID, e.Token)
		case !f.excuse(at):
			f.violation("job %d, %s, was run %d times, of which that at %s by process %d is not among its attempts: %+v", r.ID, e.Task, len(ran), at.Format(clock), e.PID,
				r.Attempts)
		}
	}
	snoozed := 0 // by the job itself, which is no end
	for _, a := range r.Attempts {
		if a.Outcome == "snoozed" {
			snoozed++
		}
	}
	if (r.Delivery == "at-most-once" || r.Origin == "invoke") && len(ran) > 1+f.retried[r.ID]+snoozed {
		f.violation("job %d, %s (%s, %s), retried by command %d times at most, was run %d times", r.ID, r.name(), r.Delivery, r.Origin, f.retried[r.ID], len(ran))
	}
	f.checkProof(r, ran)
}

// match finds for each run its attempt, or -1. A success is that of the run whose result it has; each other run's is the last that began in its
// process before it (where the clock jumps, at all), and that no other run has.
func (f *findings) match(ran []effect, r *row) []int {
	matched := make([]int, len(ran))
	taken := make([]bool, len(r.Attempts))
	token := tokenOf(r)
	for i, e := range ran {
		matched[i] = -1
		if last := len(r.Attempts) - 1; r.State == "succeeded" && e.Token == token && last >= 0 {
			matched[i], taken[last] = last, true
		}
	}
	for i := len(ran) - 1; i >= 0; i-- {
		for k := len(r.Attempts) - 1; k >= 0 && matched[i] < 0; k-- {
			a := r.Attempts[k]
			if !taken[k] && a.PID == ran[i].PID && (f.jumps || !a.StartedAt.Add(-slack).After(time.Unix(0, ran[i].At))) {
				matched[i], taken[k] = k, true
			}
		}
	}
	return matched
}

// tokenOf is of the run that a success is of; checkProof says if there is none.
func tokenOf(r *row) string {
	p, _ := r.proof()
	return p.Token
}

// checkProof looks whether a success is that of a run that really was.
func (f *findings) checkProof(r *row, ran []effect) {
	if r.State != "succeeded" {
		return
	}
	p, err := r.proof()
	if err != nil || p.Job != r.ID || p.Task != r.name() {
		f.violation("job %d, %s (%s of pool %s), succeeded with a result that is not its own: %.200s", r.ID, r.name(), r.Method, r.Pool, r.Result)
		return
	}
	i := slices.IndexFunc(ran, func(e effect) bool { return e.Token == p.Token })
	if i < 0 {
		f.violation("job %d, %s, succeeded with the result of run %s, which has left no effect", r.ID, r.name(), p.Token)
		return
	}
	if last := r.Attempts[len(r.Attempts)-1]; last.PID != ran[i].PID {
		f.violation("job %d, %s, succeeded in process %d, and its result is of process %d", r.ID, r.name(), last.PID, ran[i].PID)
	}
}

// checkEffects looks at what was run for jobs that are not in the ledger.
func (f *findings) checkEffects() {
	tokens := map[string]bool{}
	for _, e := range f.effects {
		if tokens[e.Token] {
			f.violation("run %s of job %d is in the effects twice", e.Token, e.Job)
		}
		tokens[e.Token] = true
		d, at := f.deeds[e.Task], time.Unix(0, e.At).UTC()
		switch {
		case d == nil:
			f.violation("%s was asked for by nobody, and run as job %d", e.Task, e.Job)
		case d.Outcome == refused:
			f.violation("%s was refused (%s), and run as job %d", e.Task, d.Why, e.Job)
		case f.byID[e.Job] != nil: // checkRuns has looked at it
		case d.Do != "invoke" && d.Do != babbled:
			f.violation("%s was run as job %d at %s, which is not in the ledger", e.Task, e.Job, at.Format(clock))
		case !f.excuse(at):
			f.violation("call %s was run as job %d at %s, which is not in the ledger", e.Task, e.Job, at.Format(clock))
		}
	}
}
