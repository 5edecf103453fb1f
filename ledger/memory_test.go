package ledger

import (
	"bytes"
	"context"
	"database/sql/driver"
	"errors"
	"reflect"
	"testing"
)

// unfed is a statement whose driver has no memory for arguments. It says so in words alone: SQLite never gets to see the statement.
type unfed struct{ driver.Stmt }

func (unfed) ExecContext(context.Context, []driver.NamedValue) (driver.Result, error) {
	return nil, errors.New("sqlite: cannot allocate 3072 bytes of memory")
}

// starve has the writer's connection find no memory for payloads that have rows of their own. The next connection does.
func starve(t *testing.T, l *Ledger) {
	t.Helper()
	var err error
	after := l.writer.afterCommit(t.Context(), func(c *conn) {
		var s *stmt
		if s, err = c.prepare(keepPayloadSQL); err == nil {
			s.raw = unfed{s.raw}
		}
	})
	if err := errors.Join(after, err); err != nil {
		t.Fatal(err)
	}
}

func TestAPayloadForWhichThereIsNoMemoryIsWrittenWhenThereIs(t *testing.T) {
	ctx, large := t.Context(), bytes.Repeat([]byte("7"), 3*inlineMost)
	l := open(t, t.TempDir())
	running, _ := get(t, l.Reader, submit(t, l, Job{Pool: "p", Method: "m"})[0])
	invoke, err := l.NextID(ctx)
	if err != nil {
		t.Fatal(err)
	}

	starve(t, l)
	if _, err := l.Submit(ctx, []Job{{Pool: "p", Method: "refused", Params: large}}); err == nil {
		t.Error("a submission that is not written was acknowledged")
	}
	flush(t, l)

	starve(t, l)
	answers := make(chan error, 1)
	var ended Job
	together(t, l, func() {
		l.Insert(Job{ID: invoke, Pool: "p", Method: "m", Origin: FromInvoke, Params: large}.withDefaults(noon), func(err error) { answers <- err })
		ended = run(l, running, Ending{Outcome: OutcomeSucceeded, Result: large})
	})
	if err := <-answers; err != nil {
		t.Errorf("the invoke: %v", err)
	}
	if got, _ := get(t, l.Reader, invoke); !bytes.Equal(got.Params, large) {
		t.Errorf("the invoke has %d bytes of params", len(got.Params))
	}
	if got, attempts := get(t, l.Reader, running.ID); !reflect.DeepEqual(got, ended) || len(attempts) != 1 {
		t.Errorf("job %+v with attempts %+v, want %+v", got, attempts, ended)
	}
	if jobs, _, err := l.List(ctx, Filter{}); err != nil || len(jobs) != 2 {
		t.Errorf("%d jobs are there, %v", len(jobs), err)
	}
	if faults, err := l.CheckAll(ctx); err != nil || faults != nil {
		t.Errorf("faults %+v, %v", faults, err)
	}
	mustBeSound(t, l.Reader)
	mustBalance(t, l.Reader)
}
