package ledger

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"testing"
)

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
		ranges, err := rangesOf(t, l, c.filter)
		if err != nil || len(ranges) != 1 {
			t.Fatal(ranges, err)
		}
		query, args := listQuery(c.filter, ranges[0], 0, 1<<62, 10)
		if plan := explain(t, l.Reader, query, args...); plan != c.want {
			t.Errorf("%+v\nis planned as %s\nnot as        %s", c.filter, plan, c.want)
		}
	}
}

// rangesOf are those that a listing reads.
func rangesOf(t *testing.T, l *Ledger, f Filter) (ranges []listRange, err error) {
	err = l.snapshot(t.Context(), f, func(_ *sql.Tx, in listRange) error {
		ranges = append(ranges, in)
		return nil
	})
	return ranges, err
}

func TestAListingOfNoJobReadsNone(t *testing.T) {
	l := open(t, t.TempDir())
	submit(t, l, Job{Pool: "p", Method: "m"})
	for _, f := range []Filter{
		{Pool: "p", States: []State{Failed}}, {Pool: "q", States: []State{Queued}}, {Method: "n", States: []State{Queued}}, {Method: "n"},
	} {
		if ranges, err := rangesOf(t, l, f); len(ranges) > 0 || err != nil {
			t.Errorf("%+v: %+v, %v", f, ranges, err)
		}
	}
}

func TestAJobThatMovesOnWhileItIsListedIsThereOnce(t *testing.T) {
	l := open(t, t.TempDir())
	moving := make(chan struct{})
	id := submit(t, l, Job{Pool: "p", Method: "m"}, Job{Pool: "p", Method: "n"})[0]
	stop := make(chan struct{})
	go func() {
		defer close(moving)
		for job, _ := get(t, l.Reader, id); ; {
			select {
			case <-stop:
				return
			default:
			}
			job = Begin(job, "w1", 1, noon)
			l.Start(job, nil)
			_ = l.Flush(context.Background()) // else it is never seen to run
			next, attempt := Settle(job, Ending{Outcome: OutcomeSnoozed, At: noon}, 0)
			l.Finish(next, attempt, nil)
			_ = l.Flush(context.Background())
			job = next
		}
	}()
	defer func() { close(stop); <-moving }()
	for _, f := range []Filter{{States: []State{Queued, Running}}, {States: []State{Queued, Running}, Pool: "p"}} {
		for range 100 {
			jobs, _, err := l.List(t.Context(), f)
			if err != nil || len(jobs) != 2 || jobs[0].ID == jobs[1].ID {
				t.Fatalf("%+v: %d jobs, %v", f, len(jobs), err)
			}
			if n, err := l.Count(t.Context(), f); err != nil || n != 2 {
				t.Fatalf("%+v: %d are counted, %v", f, n, err)
			}
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

func TestACountSeeksAsItsListingDoes(t *testing.T) {
	l := open(t, t.TempDir())
	f := Filter{States: []State{Failed}, LabelName: "a"}
	conditions, args := f.conditions(listRange{state: Failed}, 0, 1<<62)
	if plan := explain(t, l.Reader, "SELECT count(*) FROM job WHERE "+conditions, args...); !strings.Contains(plan, "INDEX job_state") {
		t.Errorf("it is planned as %s", plan)
	}
}

func TestPagesAreThoseOfTheCursorsAndEndWithAnError(t *testing.T) {
	l := open(t, t.TempDir())
	ids := submit(t, l, slices.Repeat([]Job{{Pool: "p", Method: "m"}}, 5)...)
	slices.Reverse(ids)
	var listed []int64
	for jobs, err := range l.Pages(t.Context(), Filter{Limit: 2}) {
		if err != nil {
			t.Fatal(err)
		}
		listed = append(listed, idsOf(jobs)...)
	}
	if !slices.Equal(listed, ids) {
		t.Errorf("got %v, want %v", listed, ids)
	}
	for _, err := range l.Pages(t.Context(), Filter{Cursor: "x"}) {
		if !errors.Is(err, ErrCursor) {
			t.Errorf("a strange cursor: %v", err)
		}
	}
}

// What is beyond the page would be memory for nothing, however much it is.
func TestNoMoreJobsAreReadThanAPageHolds(t *testing.T) {
	l := open(t, t.TempDir())
	jobs := make([]Job, 10)
	for i := range jobs {
		jobs[i] = Job{Pool: "p", Method: "m", Params: make([]byte, 1<<20)}
	}
	if _, err := l.Submit(t.Context(), jobs); err != nil {
		t.Fatal(err)
	}
	for most, want := range map[int]int{0: 10, 1: 2, 3 << 20: 4} { // one more tells whether there is a next page
		rows, err := l.db.QueryContext(t.Context(), "SELECT "+jobColumns+" FROM job")
		if read, err := scanJobsUpTo(most, rows, err); err != nil || len(read) != want {
			t.Errorf("%d jobs of 1 MiB are read for a page of %d bytes, not %d (%v)", len(read), most, want, err)
		}
	}
}
