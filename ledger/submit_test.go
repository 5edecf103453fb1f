package ledger

import (
	"errors"
	"strings"
	"testing"
)

func TestASubmissionThatIsRefusedLeavesItsNeighboursInTheTransactionAlone(t *testing.T) {
	l := open(t, t.TempDir())
	job := Job{Pool: "p", Method: "m", Params: []byte(`[1]`), IdempotencyKey: "k"}
	id := submit(t, l, job)[0]
	otherParams, otherMethod := job, job
	otherParams.Params, otherMethod.Method = []byte(`[2]`), "n"
	fresh := Job{Pool: "p", Method: "fresh"}
	conflicting := make(chan error, 2)
	together(t, l, func() {
		for _, second := range []Job{otherParams, otherMethod} {
			l.writer.put(submission(conflicting, fresh, second))
		}
		l.Insert(Job{ID: 500, Pool: "p", Method: "neighbour"}.withDefaults(noon), nil)
		l.writer.put(submission(nil, Job{Pool: "p", Method: "neighbour"}))
	})
	for range 2 {
		var conflict *KeyConflictError
		if err := <-conflicting; !errors.As(err, &conflict) || conflict.ID != id || conflict.Key != "k" {
			t.Errorf("got %v", err)
		}
	}
	if got := strings.Join(dump(t, l.db, "SELECT method FROM job ORDER BY id"), " "); got != "m neighbour neighbour" {
		t.Errorf("jobs are %s", got)
	}
	mustBeSound(t, l.Reader)
}

// submission is a Submit that does not wait.
func submission(answer chan<- error, jobs ...Job) *op {
	for i := range jobs {
		jobs[i] = jobs[i].withDefaults(noon)
	}
	return &op{kind: opCall, rows: len(jobs), call: func(b *batch) error {
		_, err := b.submitAll(jobs)
		return err
	}, done: func(err error) {
		if answer != nil {
			answer <- err
		}
	}}
}
