package ledger

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func idsOf(jobs []Job) []int64 {
	var ids []int64
	for _, job := range jobs {
		ids = append(ids, job.ID)
	}
	return ids
}

func TestReadyGivesPriorityThenTimeThenAge(t *testing.T) {
	l := open(t, t.TempDir())
	job := func(priority int, runAt time.Duration) Job {
		return Job{Pool: "p", Method: "m", Priority: priority, CreatedAt: noon, RunAt: noon.Add(runAt)}
	}
	ids := submit(t, l, job(0, 0), job(0, -time.Second), job(5, 0), job(5, time.Hour), job(-5, 0), job(0, 0), job(0, time.Minute))
	submit(t, l, Job{Pool: "other", Method: "m", CreatedAt: noon, RunAt: noon.Add(time.Second)})

	jobs, next, err := l.Ready(t.Context(), "p", noon, 10, nil)
	if want := []int64{ids[2], ids[1], ids[0], ids[5], ids[4]}; err != nil || !slices.Equal(idsOf(jobs), want) {
		t.Errorf("got %v, want %v: %v", idsOf(jobs), want, err)
	}
	if !next.Equal(noon.Add(time.Minute)) {
		t.Errorf("next is %v", next)
	}

	skip := map[int64]struct{}{ids[2]: {}, ids[0]: {}}
	jobs, _, err = l.Ready(t.Context(), "p", noon, 2, skip)
	if want := []int64{ids[1], ids[5]}; err != nil || !slices.Equal(idsOf(jobs), want) {
		t.Errorf("got %v, want %v: %v", idsOf(jobs), want, err)
	}

	if jobs, next, err := l.Ready(t.Context(), "empty", noon, 10, nil); len(jobs) != 0 || !next.IsZero() || err != nil {
		t.Errorf("an empty pool gives %v, %v, %v", jobs, next, err)
	}
}

func TestReadyLeavesExpiredJobsOutAndTellsWhenTheNextExpires(t *testing.T) {
	l := open(t, t.TempDir())
	job := func(expires time.Duration) Job {
		return Job{Pool: "p", Method: "m", CreatedAt: noon, ExpiresAt: noon.Add(expires)}
	}
	delayed := job(time.Minute)
	delayed.RunAt = noon.Add(time.Hour)
	ids := submit(t, l, job(-time.Second), job(0), job(time.Second), delayed)
	jobs, next, err := l.Ready(t.Context(), "p", noon, 10, nil)
	if err != nil || !slices.Equal(idsOf(jobs), ids[2:3]) {
		t.Errorf("ready: %v, %v", idsOf(jobs), err)
	}
	if !next.Equal(noon.Add(time.Minute)) { // not that of the job just given
		t.Errorf("next is %v", next)
	}
	expired, err := l.Expired(t.Context(), "p", noon, 10)
	if err != nil || !slices.Equal(idsOf(expired), ids[:2]) {
		t.Errorf("expired: %v, %v", idsOf(expired), err)
	}
}

func TestReadyAgreesWithAPlainSearch(t *testing.T) {
	l := open(t, t.TempDir())
	pool := 0
	rapid.Check(t, func(t *rapid.T) {
		pool++
		name := fmt.Sprint("p", pool)
		moment := func(label string) time.Time {
			return noon.Add(time.Duration(rapid.IntRange(-3, 3).Draw(t, label)) * time.Second)
		}
		var jobs []Job
		for range rapid.IntRange(0, 12).Draw(t, "jobs") {
			job := Job{Pool: name, Method: "m", Priority: rapid.IntRange(-2, 2).Draw(t, "priority"), CreatedAt: noon, RunAt: moment("run at")}
			if rapid.Bool().Draw(t, "expires") {
				job.ExpiresAt = moment("expires at")
			}
			jobs = append(jobs, job)
		}
		answer, err := l.Submit(context.Background(), jobs)
		if err != nil {
			t.Fatal(err)
		}
		skip := make(map[int64]struct{})
		var due []Job
		for i := range jobs {
			jobs[i].ID = answer[i].ID
			if rapid.Bool().Draw(t, "skip") {
				skip[jobs[i].ID] = struct{}{}
			} else if !jobs[i].RunAt.After(noon) && (jobs[i].ExpiresAt.IsZero() || jobs[i].ExpiresAt.After(noon)) {
				due = append(due, jobs[i])
			}
		}
		slices.SortStableFunc(due, func(a, b Job) int {
			if a.Priority != b.Priority {
				return b.Priority - a.Priority
			}
			return a.RunAt.Compare(b.RunAt)
		})
		due = due[:min(len(due), rapid.IntRange(1, 12).Draw(t, "limit"))]
		var want time.Time
		for _, job := range jobs {
			if slices.Contains(idsOf(due), job.ID) {
				continue
			}
			for _, at := range []time.Time{job.RunAt, job.ExpiresAt} {
				if at.After(noon) {
					want = earlier(want, at)
				}
			}
		}
		limit := max(len(due), 1)
		got, next, err := l.Ready(context.Background(), name, noon, limit, skip)
		if err != nil || !slices.Equal(idsOf(got), idsOf(due)) || !next.Equal(want) {
			t.Fatalf("got %v, next %v, %v; want %v, next %v", idsOf(got), next, err, idsOf(due), want)
		}
	})
}

// explain returns SQLite's plan of a query, a line a step.
func explain(t *testing.T, r *Reader, query string, args ...any) string {
	t.Helper()
	var steps []string
	for _, line := range dump(t, r.db, "EXPLAIN QUERY PLAN "+query, args...) {
		steps = append(steps, strings.Join(strings.Fields(line)[3:], " "))
	}
	return strings.Join(steps, "\n")
}

func TestTheClaimSeeksInItsIndexesOnly(t *testing.T) {
	l := open(t, t.TempDir())
	for _, c := range []struct {
		query string
		args  []any
		want  []string
	}{
		{prioritiesSQL, []any{"p"}, []string{
			"SEARCH job USING COVERING INDEX job_ready (pool=?)",
			"SEARCH job USING COVERING INDEX job_ready (pool=? AND priority<?)",
		}},
		{readySQL, []any{"p", 0, 0}, []string{"SEARCH job USING COVERING INDEX job_ready (pool=? AND priority=? AND run_at<?)"}},
		{nextRunSQL, []any{"p", 0, 0}, []string{"SEARCH job USING COVERING INDEX job_ready (pool=? AND priority=? AND run_at>?)"}},
		{nextExpirySQL, []any{"p", 0}, []string{"SEARCH job USING COVERING INDEX job_expiring (pool=? AND expires_at>?)"}},
		{expiredSQL, []any{"p", 0, 1}, []string{"SEARCH job USING INDEX job_expiring (pool=? AND expires_at>? AND expires_at<?)"}},
		{claimSQL, []any{"[1]"}, []string{"SEARCH job USING INTEGER PRIMARY KEY (rowid=?)"}},
		{keySQL, []any{"p", "k"}, []string{"SEARCH job USING INDEX job_key (pool=? AND idempotency_key=?)"}},
		{countsSQL, []any{"p"}, nil},
	} {
		plan := explain(t, l.Reader, c.query, c.args...)
		for _, want := range c.want {
			if !strings.Contains(plan, want) {
				t.Errorf("%s\nis planned as\n%s\nwithout %s", c.query, plan, want)
			}
		}
		if strings.Contains(plan, "SCAN job") || strings.Contains(plan, "TEMP B-TREE") && c.want != nil {
			t.Errorf("%s\nis planned as\n%s", c.query, plan)
		}
	}
}

func TestChangesSeekByTheirIndexes(t *testing.T) {
	l := open(t, t.TempDir())
	for query, want := range map[string]string{
		startSQL:         "SEARCH job USING INTEGER PRIMARY KEY (rowid=?)",
		finishSQL:        "SEARCH job USING INTEGER PRIMARY KEY (rowid=?)",
		waitingSQL:       "job_invoked",
		queuedSQL:        "SEARCH tally USING PRIMARY KEY (pool=?)",
		cancelSQL:        "SEARCH job USING INTEGER PRIMARY KEY (rowid=?)",
		abandonedJobsSQL: "SEARCH job USING INDEX job_state (state=?)",
		orphanJobsSQL:    "job_invoked",
		abandonedRunsSQL: "SEARCH job USING INDEX job_state (state=?)",
		orphanCountSQL:   "job_invoked",
	} {
		if plan := explain(t, l.Reader, query, make([]any, parameters(query))...); !strings.Contains(plan, want) {
			t.Errorf("%s\nis planned as\n%s", query, plan)
		}
	}
}
