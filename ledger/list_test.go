package ledger

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestAListingIsPagedByKeyAndMissesNothing(t *testing.T) {
	l := open(t, t.TempDir())
	rapid.Check(t, func(t *rapid.T) {
		// Every check adds to the ledger that it lists.
		var jobs []Job
		for range rapid.IntRange(1, 10).Draw(t, "jobs") {
			job := drawJob(t)
			job.CreatedAt = noon.Add(time.Duration(rapid.IntRange(0, 3).Draw(t, "created")) * time.Hour)
			job.Labels = rapid.SampledFrom([]map[string]string{nil, {"a": "1"}, {"a": "2", `"q"`: "1"}}).Draw(t, "labels")
			jobs = append(jobs, job)
		}
		if _, err := l.Submit(context.Background(), jobs); err != nil {
			t.Fatal(err)
		}
		ready, _, err := l.Ready(context.Background(), "a", noon.Add(time.Hour), 2, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, job := range ready {
			run(l, job, Ending{Outcome: OutcomeSucceeded})
		}
		if err := l.Flush(context.Background()); err != nil {
			t.Fatal(err)
		}

		f := Filter{
			Pool: rapid.SampledFrom([]string{"", "a", "b", "nowhere"}).Draw(t, "pool filter"), Method: rapid.SampledFrom([]string{"", "m", "n"}).Draw(t, "method filter"),
			States: rapid.SliceOfN(rapid.SampledFrom(allStates), 0, 3).Draw(t, "states"), Limit: rapid.IntRange(20, 60).Draw(t, "limit"),
		}
		if rapid.Bool().Draw(t, "between") {
			f.Since, f.Until = noon.Add(time.Hour), noon.Add(3*time.Hour)
		}
		f.LabelName = rapid.SampledFrom([]string{"", "a", `"q"`}).Draw(t, "label")
		f.LabelValue = "1"
		var got []int64
		for pages := 0; ; pages++ {
			page, next, err := l.List(context.Background(), f)
			if err != nil || len(page) > f.Limit || next != "" && len(page) != f.Limit {
				t.Fatalf("page of %d, next %q: %v", len(page), next, err)
			}
			got = append(got, idsOf(page)...)
			if next == "" {
				break
			}
			f.Cursor = next
		}
		var want []int64
		var all []Job
		scan, err := scanJobs(l.db.Query("SELECT " + jobColumns + " FROM job ORDER BY id DESC"))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, scan...)
		for _, job := range all {
			if (f.Pool == "" || job.Pool == f.Pool) && (f.Method == "" || job.Method == f.Method) &&
				(len(f.States) == 0 || slices.Contains(f.States, job.State)) &&
				(f.Since.IsZero() || !job.CreatedAt.Before(f.Since)) && (f.Until.IsZero() || job.CreatedAt.Before(f.Until)) &&
				(f.LabelName == "" || job.Labels[f.LabelName] == f.LabelValue) {
				want = append(want, job.ID)
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("filter %+v\ngot  %v\nwant %v", f, got, want)
		}
	})
}

func TestAListingLeavesPayloadsOutUnlessAsked(t *testing.T) {
	l := open(t, t.TempDir())
	id := submit(t, l, Job{Pool: "p", Method: "m", Params: []byte(`[1]`)})[0]
	job, _ := get(t, l.Reader, id)
	run(l, job, Ending{Outcome: OutcomeSucceeded, Result: []byte(`2`)})
	flush(t, l)
	for _, payloads := range []bool{false, true} {
		jobs, _, err := l.List(t.Context(), Filter{Payloads: payloads})
		if err != nil || len(jobs) != 1 || (jobs[0].Params != nil) != payloads || (jobs[0].Result != nil) != payloads {
			t.Errorf("payloads %t: %+v, %v", payloads, jobs, err)
		}
	}
}

func TestAListingsLimitHasADefaultAndAMaximum(t *testing.T) {
	l := open(t, t.TempDir())
	jobs := make([]Job, MaxListLimit+1)
	for i := range jobs {
		jobs[i] = Job{Pool: "p", Method: "m"}
	}
	submit(t, l, jobs...)
	for limit, want := range map[int]int{0: DefaultListLimit, 7: 7, 5000: MaxListLimit} {
		if got, next, err := l.List(t.Context(), Filter{Limit: limit}); len(got) != want || next == "" || err != nil {
			t.Errorf("limit %d: %d jobs, next %q, %v", limit, len(got), next, err)
		}
	}
}

func TestAListingOfNoJobReadsNone(t *testing.T) {
	l := open(t, t.TempDir())
	submit(t, l, Job{Pool: "p", Method: "m"})
	for _, f := range []Filter{
		{Pool: "p", States: []State{Failed}}, {Pool: "q", States: []State{Queued}}, {Method: "n", States: []State{Queued}}, {Method: "n"},
	} {
		if ranges, err := l.ranges(t.Context(), f); len(ranges) > 0 || err != nil {
			t.Errorf("%+v: %+v, %v", f, ranges, err)
		}
	}
}

func TestLabelsAreFoundWhateverIsInThem(t *testing.T) {
	l := open(t, t.TempDir())
	labels := []map[string]string{{"a": "1"}, {"b": "2", "a": "1"}, {"a": "11"}, {"ba": "1"}, {`"a"`: `1`}, {"a": `<1> & "2"\`}, {"a": "é\u2028"}, {"x": `"a":"1"`}}
	var ids []int64
	for _, set := range labels {
		ids = append(ids, submit(t, l, Job{Pool: "p", Method: "m", Labels: set})...)
	}
	asked := map[string]string{}
	for _, set := range labels {
		for name, value := range set {
			asked[name+"="+value] = name
		}
	}
	for both, name := range asked {
		value := strings.TrimPrefix(both, name+"=")
		var want []int64
		for i, set := range labels {
			if got, ok := set[name]; ok && got == value {
				want = append([]int64{ids[i]}, want...)
			}
		}
		jobs, _, err := l.List(t.Context(), Filter{LabelName: name, LabelValue: value})
		if err != nil || !slices.Equal(idsOf(jobs), want) {
			t.Errorf("%s: jobs %v, %v, not %v", both, idsOf(jobs), err, want)
		}
	}
}

func TestAStrangeCursorIsRefused(t *testing.T) {
	l := open(t, t.TempDir())
	for _, cursor := range []string{"2", "j", "j-1", "j!", "j" + strings.Repeat("z", 20)} {
		if _, _, err := l.List(t.Context(), Filter{Cursor: cursor}); !errors.Is(err, ErrCursor) {
			t.Errorf("%q: %v", cursor, err)
		}
	}
}

func TestListingsAreServedByTheirIndexes(t *testing.T) {
	l := open(t, t.TempDir())
	submit(t, l, Job{Pool: "p", Method: "m"}, Job{Pool: "q", Method: "n"}, Job{Pool: "q", Method: "n"})
	for _, id := range submit(t, l, Job{Pool: "q", Method: "n"}) {
		if _, err := l.CancelQueued(t.Context(), []int64{id}, noon, nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		filter Filter
		want   string
	}{
		{Filter{}, "SEARCH job USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"},
		{Filter{States: []State{Failed}}, "SEARCH job USING INDEX job_state (state=? AND rowid>? AND rowid<?)"},
		// The index that holds fewer jobs: one is cancelled, four are of pool q; three are queued, one is of pool p.
		{Filter{States: []State{Cancelled}, Pool: "q", Method: "n"}, "SEARCH job USING INDEX job_state (state=? AND rowid>? AND rowid<?)"},
		{Filter{States: []State{Queued, Failed}, Pool: "p"}, "SEARCH job USING INDEX job_method (pool=? AND method=? AND rowid>? AND rowid<?)"},
		{Filter{Method: "m"}, "SEARCH job USING INDEX job_method (pool=? AND method=? AND rowid>? AND rowid<?)"},
		{Filter{Pool: "p"}, "SEARCH job USING INDEX job_method (pool=? AND method=? AND rowid>? AND rowid<?)"},
		{Filter{Since: noon, Until: noon}, "SEARCH job USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"},
	} {
		ranges, err := l.ranges(t.Context(), c.filter)
		if err != nil || len(ranges) != 1 {
			t.Fatal(ranges, err)
		}
		query, args := listQuery(c.filter, ranges[0], 0, 1<<62, 10)
		if plan := explain(t, l.Reader, query, args...); plan != c.want {
			t.Errorf("%+v\nis planned as %s\nnot as        %s", c.filter, plan, c.want)
		}
	}
}
