package ledger

import (
	"io"
	"strings"
	"testing"
)

func TestATextIsFoundWhereverAJobHasIt(t *testing.T) {
	const needle = `nadel "ü"`
	large := strings.Repeat("x", 2*inlineMost)
	for name, c := range map[string]struct {
		job    Job
		ending Ending
	}{
		"method":         {Job{Method: needle}, Ending{Outcome: OutcomeSucceeded}},
		"key":            {Job{Method: "m", IdempotencyKey: needle}, Ending{Outcome: OutcomeSucceeded}},
		"label":          {Job{Method: "m", Labels: map[string]string{"a": "nadel"}}, Ending{Outcome: OutcomeSucceeded}},
		"params":         {Job{Method: "m", Params: []byte(`["` + needle + `"]`)}, Ending{Outcome: OutcomeSucceeded}},
		"large params":   {Job{Method: "m", Params: []byte(`["` + large + needle + `"]`)}, Ending{Outcome: OutcomeSucceeded}},
		"result":         {Job{Method: "m"}, Ending{Outcome: OutcomeSucceeded, Result: []byte(needle)}},
		"large result":   {Job{Method: "m"}, Ending{Outcome: OutcomeSucceeded, Result: []byte(large + needle)}},
		"error":          {Job{Method: "m"}, Ending{Outcome: OutcomeError, Permanent: true, Error: []byte(needle)}},
		"large error":    {Job{Method: "m"}, Ending{Outcome: OutcomeError, Permanent: true, Error: []byte(large + needle)}},
		"whipper's own":  {Job{Method: "m"}, Ending{Outcome: OutcomeCancelled, Error: []byte(needle)}},
		"earlier error":  {Job{Method: "m", MaxAttempts: 2}, Ending{Outcome: OutcomeError, Error: []byte(needle)}},
		"stderr":         {Job{Method: "m"}, Ending{Outcome: OutcomeCrashed, Permanent: true, StderrTail: needle}},
		"progress":       {Job{Method: "m", Progress: []byte(needle)}, Ending{Outcome: OutcomeSucceeded}},
		"large progress": {Job{Method: "m", Progress: []byte(large + needle)}, Ending{Outcome: OutcomeSucceeded}},
	} {
		t.Run(name, func(t *testing.T) {
			l := open(t, t.TempDir())
			c.job.Pool = "p"
			id := submit(t, l, c.job, Job{Pool: "p", Method: "other", Params: []byte(`["Nadel"]`)})
			job, _ := get(t, l.Reader, id[0])
			if c.ending.Outcome == OutcomeCancelled { // it has no attempt
				if _, err := l.CancelQueued(t.Context(), id[:1], noon, c.ending.Error); err != nil {
					t.Fatal(err)
				}
				mustFindNeedle(t, l, id[0])
				return
			}
			job = Begin(job, "w1", 4711, job.RunAt)
			l.Start(job, nil)
			job.Progress, c.ending.At = c.job.Progress, job.StartedAt
			job, attempt := Settle(job, c.ending, 0)
			l.Finish(job, attempt, nil)
			if job.State == Queued { // the text is that of an attempt, not of the outcome
				run(l, job, Ending{Outcome: OutcomeError, Permanent: true, Error: []byte(`"else"`)})
			}
			flush(t, l)
			mustFindNeedle(t, l, id[0])
		})
	}
}

// mustFindNeedle wants job id to be the one that has the text, and prunes it.
func mustFindNeedle(t *testing.T, l *Ledger, id int64) {
	t.Helper()
	for text, want := range map[string]int64{"nadel": 1, "nad%l": 0, "heu": 0} {
		f := Filter{Grep: text}
		jobs, _, err := l.List(t.Context(), f)
		if err != nil || int64(len(jobs)) != want || want > 0 && jobs[0].ID != id {
			t.Errorf("%q: listed %d, %v", text, len(jobs), err)
		}
		counted, err := l.Count(t.Context(), f)
		if err != nil || counted != want {
			t.Errorf("%q: counted %d, %v", text, counted, err)
		}
		exported, err := l.Export(t.Context(), io.Discard, f, nil)
		if err != nil || exported != want {
			t.Errorf("%q: exported %d, %v", text, exported, err)
		}
		prunable, err := l.Prunable(t.Context(), PruneFilter{Grep: text})
		if err != nil || int64(prunable) != want {
			t.Errorf("%q: prunable %d, %v", text, prunable, err)
		}
	}
	if n, err := l.Prune(t.Context(), PruneFilter{Grep: "nadel"}); n != 1 || err != nil {
		t.Errorf("pruned %d, %v", n, err)
	}
}
