package ledger

import (
	"strings"
	"testing"
)

func idsOf(jobs []Job) []int64 {
	var ids []int64
	for _, job := range jobs {
		ids = append(ids, job.ID)
	}
	return ids
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
		{readySQL, []any{"p", 0, 0, 0}, []string{"SEARCH job USING COVERING INDEX job_ready (pool=? AND priority=? AND run_at>? AND run_at<?)"}},
		{readyBesideSQL, []any{"p", 0, 0, 0, 0}, []string{"SEARCH job USING COVERING INDEX job_ready (pool=? AND priority=? AND run_at=? AND id>?)"}},
		{nextRunSQL, []any{"p", 0, 0}, []string{"SEARCH job USING COVERING INDEX job_ready (pool=? AND priority=? AND run_at>?)"}},
		{nextExpirySQL, []any{"p", 0}, []string{"SEARCH job USING COVERING INDEX job_expiring (pool=? AND expires_at>?)"}},
		{expiredSQL, []any{"p", 0, 1}, []string{"SEARCH job USING INDEX job_expiring (pool=? AND expires_at>? AND expires_at<?)"}},
		{claimSQL, []any{"[1]"}, []string{"SEARCH job USING INTEGER PRIMARY KEY (rowid=?)"}},
		{keySQL, []any{"p", "k"}, []string{"SEARCH job USING INDEX job_key (pool=? AND idempotency_key=?)"}},
		{laneSQL, []any{"p", "key:k"}, []string{"SEARCH job USING COVERING INDEX job_lane (pool=? AND lane=?)"}},
		{lanesSQL, []any{"p"}, []string{
			"SEARCH job USING COVERING INDEX job_lane (pool=?)",
			"SEARCH job USING COVERING INDEX job_lane (pool=? AND lane>?)",
		}},
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
