package ledger

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestJobsThatAreSubmittedSinglyAndWrittenTogetherAreAllOnDisk(t *testing.T) {
	l := open(t, t.TempDir())
	hold := make(chan struct{})
	l.writer.put(&op{kind: opCall, call: func(*batch) error { <-hold; return nil }}) // so that all that follow share a transaction
	const n = 3*freshWidth + 2
	var told sync.WaitGroup
	ids := make([]int64, n)
	for i := range n {
		told.Add(1)
		job := Job{Pool: "p", Method: fmt.Sprint("m", i%3), Params: []byte(fmt.Sprint(i))}
		if i%5 == 4 {
			job.Priority = 1 // not a plain one
		}
		if i%2 == 1 {
			job.Traceparent = fmt.Sprint("00-", i)
		}
		l.SubmitThen([]Job{job}, SubmitOptions{}, time.Minute, func(s []Submitted, err error) {
			defer told.Done()
			if err != nil || len(s) != 1 {
				t.Errorf("job %d: %v, %v", i, s, err)
				return
			}
			ids[i] = s[0].ID
		})
	}
	close(hold)
	told.Wait()
	for i, id := range ids {
		job, _, err := l.Get(t.Context(), id)
		if traced := fmt.Sprint("00-", i); (job.Traceparent == traced) != (i%2 == 1) || job.Traceparent != "" && job.Traceparent != traced {
			t.Errorf("job %d has the trace context %q", i, job.Traceparent)
		}
		if err != nil || string(job.Params) != fmt.Sprint(i) || job.Method != fmt.Sprint("m", i%3) || job.State != Queued {
			t.Errorf("job %d is %+v, %v", i, job, err)
		}
	}
	mustBeSound(t, l.Reader)
}

func TestAJobThatTheWriterHasNotTakenInTimeIsNotWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := open(t, t.TempDir())
		hold := make(chan struct{})
		held := make(chan struct{})
		l.writer.put(&op{kind: opCall, call: func(*batch) error { close(held); <-hold; return nil }})
		<-held
		outcome := make(chan error, 2)
		l.SubmitThen([]Job{{Pool: "p", Method: "m"}}, SubmitOptions{}, time.Second, func(_ []Submitted, err error) { outcome <- err })
		if err := <-outcome; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		close(hold)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-outcome:
			t.Errorf("told again: %v", err)
		default:
		}
		l.SubmitThen([]Job{{Pool: "p", Method: "m"}}, SubmitOptions{}, time.Second, func(_ []Submitted, err error) { outcome <- err })
		if err := <-outcome; !errors.Is(err, ErrClosed) {
			t.Errorf("with the ledger closed: %v", err)
		}
		if id := l.LastID(); id != 0 {
			t.Errorf("job %d was written", id)
		}
	})
}
