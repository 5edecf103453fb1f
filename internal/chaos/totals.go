package main

// tally is what has become of the jobs of one method of a pool. One that was run again by command after its end has ended each time.
type tally struct{ Succeeded, Failed, Cancelled, Dropped, Attempts, Crashes int64 }

// of gives the counter of a state.
func (t *tally) of(state string) *int64 {
	switch state {
	case "succeeded":
		return &t.Succeeded
	case "failed":
		return &t.Failed
	case "cancelled":
		return &t.Cancelled
	}
	return &t.Dropped
}

// statistics are a line of whipper ledger stats --json.
type statistics struct {
	Pool, Method    string
	Queued, Running int64
	tally
}

// total is a tally of all rounds, for the statistics outlive the jobs.
type total struct {
	tally
	again int64 // at most so many other ends came before a retry by command
}

// totals are by pool and method.
type totals map[[2]string]*total

// add adds a round. Where every event is known they tell of each end; else only the last is sure.
func (t totals) add(f *findings) {
	for i := range f.rows {
		r := &f.rows[i]
		sum := t.at(r.Pool, r.Method)
		ends := []string{r.State}
		if f.allTold {
			ends = f.final[r.ID]
		} else {
			sum.again += int64(f.retried[r.ID])
		}
		for _, state := range ends {
			*sum.of(state)++
		}
		sum.Attempts += int64(len(r.Attempts))
		for _, a := range r.Attempts {
			if a.Outcome == "crashed" {
				sum.Crashes++
			}
		}
	}
}

func (t totals) at(pool, method string) *total {
	key := [2]string{pool, method}
	if t[key] == nil {
		t[key] = &total{}
	}
	return t[key]
}

// check holds what the statistics say, with every job at its end, against what there was.
func (t totals) check(all []statistics, violation func(format string, args ...any)) {
	said := map[[2]string]statistics{}
	for _, s := range all {
		said[[2]string{s.Pool, s.Method}] = s
		t.at(s.Pool, s.Method)
	}
	for key, sum := range t {
		s := said[key]
		failed, cancelled, dropped := s.Failed-sum.Failed, s.Cancelled-sum.Cancelled, s.Dropped-sum.Dropped
		if s.Queued+s.Running != 0 || s.Succeeded != sum.Succeeded || s.Attempts != sum.Attempts || s.Crashes != sum.Crashes ||
			min(failed, cancelled, dropped) < 0 || failed+cancelled+dropped > sum.again {
			violation("the statistics of %s of pool %s are %+v, and there were %+v and at most %d other ends before a retry", key[1], key[0], s, sum.tally, sum.again)
		}
	}
}
