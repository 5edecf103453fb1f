package ledger

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestListingsAreServedByTheirIndexes(t *testing.T) {
	l := open(t, t.TempDir())
	submit(t, l, Job{Pool: "p", Method: "m"})
	for _, c := range []struct {
		filter Filter
		want   string
	}{
		{Filter{}, "SEARCH job USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"},
		{Filter{States: []State{Failed}}, "SEARCH job USING INDEX job_state (state=? AND rowid>? AND rowid<?)"},
		{Filter{States: []State{Failed}, Pool: "p", Method: "m"}, "SEARCH job USING INDEX job_state (state=? AND rowid>? AND rowid<?)"},
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
