package ledger

import (
	"errors"
	"slices"
	"testing"
	"time"
)

// park has jobs stand in a lane, on disk.
func park(t *testing.T, l *Ledger, lane Lane, ids ...int64) {
	t.Helper()
	var jobs []Parked
	for _, id := range ids {
		jobs = append(jobs, Parked{id, lane})
	}
	done := make(chan error, 1)
	l.Park(jobs, func(err error) { done <- err })
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func readyIDs(t *testing.T, l *Ledger) (ids []int64) {
	t.Helper()
	jobs, _, err := l.Ready(t.Context(), "p", time.Now().Add(time.Minute), 100, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, job := range jobs {
		ids = append(ids, job.ID)
	}
	return ids
}

func TestAJobThatStandsAsideIsReadFromItsLaneAlone(t *testing.T) {
	l := open(t, t.TempDir())
	ids := submit(t, l, Job{Pool: "p", Method: "m", ConcurrencyKey: "k"}, Job{Pool: "p", Method: "m"}, Job{Pool: "p", Method: "m", Priority: 1},
		Job{Pool: "p", Method: "m"}, Job{Pool: "other", Method: "m"})
	a, b := KeyLane("k"), MethodLane("m")
	park(t, l, a, ids[0], ids[2], ids[3])
	park(t, l, a, ids[4])
	if got := readyIDs(t, l); !slices.Equal(got, ids[1:2]) {
		t.Errorf("ready %v", got)
	}
	park(t, l, b, ids[3])
	if lanes, err := l.Lanes(t.Context(), "p"); err != nil || !slices.Equal(lanes, []Lane{a, b}) {
		t.Errorf("lanes %v, %v", lanes, err)
	}
	for _, c := range []struct {
		limit   int
		skip    []int64
		want    []int64
		skipped []int64
		more    bool
	}{
		{limit: 5, want: []int64{ids[2], ids[0]}}, // the higher priority first
		{limit: 1, want: []int64{ids[2]}, more: true},
		{limit: 1, skip: []int64{ids[2]}, want: []int64{ids[0]}, skipped: []int64{ids[2]}},
		{limit: 2, skip: []int64{ids[2], ids[0]}, skipped: []int64{ids[2], ids[0]}},
	} {
		skip := map[int64]struct{}{}
		for _, id := range c.skip {
			skip[id] = struct{}{}
		}
		jobs, skipped, more, err := l.InLane(t.Context(), "p", a, c.limit, skip)
		var got []int64
		for _, job := range jobs {
			got = append(got, job.ID)
		}
		if err != nil || !slices.Equal(got, c.want) || !slices.Equal(skipped, c.skipped) || more != c.more {
			t.Errorf("limit %d without %v: %v, skipped %v, more %v, %v", c.limit, c.skip, got, skipped, more, err)
		}
	}
	if jobs, _, _, err := l.InLane(t.Context(), "p", a, 2, nil); err != nil || len(jobs) != 2 || jobs[1].ConcurrencyKey != "k" {
		t.Errorf("%+v, %v", jobs, err)
	}
}

func TestAJobLeavesItsLaneWhenItStartsEndsOrIsRetried(t *testing.T) {
	l := open(t, t.TempDir())
	lane := MethodLane("m")
	for name, change := range map[string]func(job Job){
		"it starts": func(job Job) { l.Start(Begin(job, "w1", 1, time.Now()), nil) },
		"it starts and is put back": func(job Job) {
			job = Begin(job, "w1", 1, time.Now())
			l.Start(job, nil)
			l.Finish(finished(job, Ending{Outcome: OutcomeInterrupted, At: time.Now()}))
		},
		"it is cancelled and retried": func(job Job) {
			if _, err := l.CancelQueued(t.Context(), []int64{job.ID}, time.Now(), nil); err != nil {
				t.Error(err)
			}
			if _, err := l.Retry(t.Context(), []int64{job.ID}, nil); err != nil {
				t.Error(err)
			}
		},
		"it expires": func(job Job) {
			job.State, job.FinishedAt = Failed, time.Now()
			l.Finish(job, Attempt{}, nil)
		},
	} {
		id := submit(t, l, Job{Pool: "p", Method: "m"})[0]
		park(t, l, lane, id)
		job, _, err := l.Get(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		change(job)
		if err := l.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if lanes, err := l.Lanes(t.Context(), "p"); err != nil || len(lanes) != 0 {
			t.Errorf("%s: lanes %v, %v", name, lanes, err)
		}
		job, _, err = l.Get(t.Context(), id)
		if got := slices.Contains(readyIDs(t, l), id); err != nil || got != (job.State == Queued) {
			t.Errorf("%s: it is %s, and ready: %v", name, job.State, got)
		}
	}
}

func finished(job Job, e Ending) (Job, Attempt, func(error)) {
	next, attempt := Settle(job, e, 0)
	return next, attempt, nil
}

func TestAllStandAsideOrNone(t *testing.T) {
	l := open(t, t.TempDir())
	ids := submit(t, l, Job{Pool: "p", Method: "m"}, Job{Pool: "p", Method: "m"})
	job, _, err := l.Get(t.Context(), ids[1])
	if err != nil {
		t.Fatal(err)
	}
	l.Start(Begin(job, "w1", 1, time.Now()), nil)
	done := make(chan error, 1)
	l.Park([]Parked{{ids[0], "key:k"}, {ids[1], "key:k"}}, func(err error) { done <- err })
	if err := <-done; !errors.Is(err, ErrGuard) {
		t.Errorf("a running job: %v", err)
	}
	if got := readyIDs(t, l); !slices.Equal(got, ids[:1]) {
		t.Errorf("ready %v", got)
	}
}

func TestAPauseOfAMethodIsKept(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	for _, method := range []string{"b", "a", "a", "c"} {
		if err := l.PauseMethod(t.Context(), "p", method); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.ResumeMethod(t.Context(), "p", "c"); err != nil {
		t.Fatal(err)
	}
	if err := l.ResumeMethod(t.Context(), "p", "never paused"); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = open(t, dir)
	if methods, err := l.PausedMethods(t.Context(), "p"); err != nil || !slices.Equal(methods, []string{"a", "b"}) {
		t.Errorf("paused: %v, %v", methods, err)
	}
	if methods, err := l.PausedMethods(t.Context(), "q"); err != nil || len(methods) != 0 {
		t.Errorf("of another pool: %v, %v", methods, err)
	}
}
