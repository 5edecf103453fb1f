package main

// checkDeed holds what a client was told against what there is.
func (f *findings) checkDeed(d *deed) {
	rows := f.byName[d.Name]
	if len(rows) > 1 && !d.many() {
		f.violation("%s was asked for once by the %s client, and there are jobs %d and %d of it", d.Name, d.Client, rows[0].ID, rows[1].ID)
	}
	switch {
	case d.Outcome == acknowledged && d.Do == "submit":
		if len(rows) == 0 {
			f.violation("job %d, %s, was acknowledged at %s and is not in the ledger", d.ID, d.Name, d.Told.Format(clock))
		} else if rows[0].ID != d.ID {
			f.violation("job %d, %s, was acknowledged, and in the ledger %s is job %d", d.ID, d.Name, d.Name, rows[0].ID)
		}
	case d.Outcome == refused:
		if len(rows) > 0 {
			f.violation("%s was refused (%s), and is job %d, %s", d.Name, d.Why, rows[0].ID, rows[0].State)
		}
	case d.Do == "invoke" && (d.Outcome == succeeded || d.Outcome == failed && d.ID != 0):
		f.checkCall(d, rows)
	}
}

// checkCall holds a call's answer against its job. Its row may be lost, as nothing is promised for it, if the supervisor was killed right after.
func (f *findings) checkCall(d *deed, rows []*row) {
	if len(rows) == 0 {
		if !f.excuse(d.Told, d.Asked) {
			f.violation("call %d, %s, was answered at %s (%s) and is not in the ledger", d.ID, d.Name, d.Told.Format(clock), d.Outcome)
		}
		return
	}
	r := rows[0]
	if d.ID != 0 && d.ID != r.ID {
		f.violation("call %s was answered as job %d, and is job %d", d.Name, d.ID, r.ID)
	}
	if (d.Outcome == succeeded) != (r.State == "succeeded") && f.retried[r.ID] == 0 && !f.excuse(d.Told, d.Asked) {
		f.violation("call %d, %s, is %s (error %.200s), and its caller was told at %s that it %s %s", r.ID, d.Name, r.State, r.Error, d.Told.Format(clock), d.Outcome, d.Why)
	}
	if p, err := r.proof(); r.State == "succeeded" && d.Outcome == succeeded && (err != nil || p.Token != d.Token) {
		f.violation("call %d, %s, has the result %s, and its caller got that of run %s", r.ID, d.Name, r.Result, d.Token)
	}
}

// checkEvents holds what subscribers were told of a job's end against the row.
func (f *findings) checkEvents(r *row) {
	told := f.final[r.ID]
	if f.allTold && len(told) == 0 {
		f.violation("job %d is %s, and no event told so", r.ID, r.State)
	}
	if len(told) > 1+f.retried[r.ID] {
		f.violation("job %d, retried by command %d times at most, ended %d times by the events: %v", r.ID, f.retried[r.ID], len(told), told)
	}
	for _, state := range told {
		if state == "succeeded" && r.State != state || f.retried[r.ID] == 0 && r.State != state {
			f.violation("job %d is %s, and the events told that it was %s", r.ID, r.State, state)
		}
	}
}

// checkWaits holds what those were told who waited for jobs against the rows.
func (f *findings) checkWaits() {
	for id, state := range f.states {
		if r := f.byID[id]; r == nil {
			f.violation("job %d was %s, as who waited was told, and is not in the ledger", id, state)
		} else if r.State != state && (f.retried[id] == 0 || state == "succeeded") {
			f.violation("job %d is %s, and who waited was told that it was %s", id, r.State, state)
		}
	}
}
