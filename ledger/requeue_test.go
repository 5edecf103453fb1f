package ledger

import (
	"slices"
	"testing"
)

func TestManyJobsAreRetriedInSlices(t *testing.T) {
	l := open(t, t.TempDir())
	ids := submit(t, l, slices.Repeat([]Job{{Pool: "p", Method: "m"}}, 2*changeChunk+1)...)
	if _, err := l.CancelQueued(t.Context(), ids, noon, []byte(`{}`)); err != nil {
		t.Fatal(err)
	}
	commits := 0
	retried, err := l.Retry(t.Context(), ids, func([]Job) { commits++ })
	if err != nil || len(retried) != len(ids) || commits != 3 {
		t.Errorf("%d retried in %d commits: %v", len(retried), commits, err)
	}
	mustBeSound(t, l.Reader)
}
