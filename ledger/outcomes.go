package ledger

import (
	"context"
	"fmt"
)

// Reading says how the outcomes of jobs are read.
type Reading struct {
	Bare     bool                        // without Result and Progress
	MaxBytes int                         // a *TooMuchError says that the jobs hold more; 0: any number
	Begin    func(context.Context) error // called by Wait when the jobs have ended, before it reads them; nil: nothing is
	Undo     func()                      // called where one has been retried since, before Wait waits on; needed beside Begin
}

// TooMuchError says that jobs hold more than was to be read.
type TooMuchError struct{ MaxBytes int }

func (e *TooMuchError) Error() string {
	return fmt.Sprintf("the jobs hold more than %d bytes", e.MaxBytes)
}

// Outcomes returns jobs as they are, in the order of ids, without their Params. One that is not in the ledger is a *NotFoundError.
func (l *Ledger) Outcomes(ctx context.Context, ids []int64, r Reading) ([]Job, error) {
	text := outcomesSQL
	if r.Bare {
		text = errorsSQL
	}
	jobs := make([]Job, 0, min(len(ids), readChunk))
	size := 0
	for chunk := range chunks(ids) {
		byID := make(map[int64]Job, len(chunk))
		rows, err := l.stmt[text].QueryContext(ctx, jsonIDs(chunk))
		found, err := scanJobsUpTo(r.MaxBytes, rows, err)
		if err != nil {
			return nil, fmt.Errorf("read jobs: %w", err)
		}
		if fitting(found, r.MaxBytes) < len(found) {
			return nil, &TooMuchError{r.MaxBytes}
		}
		for i := range found {
			byID[found[i].ID] = found[i]
		}
		for _, id := range chunk {
			job, ok := byID[id]
			if !ok {
				return nil, &NotFoundError{ID: id} // pruned meanwhile
			}
			if size += job.size(); r.MaxBytes > 0 && size > r.MaxBytes { // one may be asked for many times
				return nil, &TooMuchError{r.MaxBytes}
			}
			jobs = append(jobs, job)
		}
	}
	return jobs, nil
}

// rowSize is about what a job has as JSON beside its texts and payloads.
const rowSize = 512

// size is about how many bytes a job has as JSON.
func (j *Job) size() int {
	n := rowSize + len(j.Method) + len(j.IdempotencyKey) + len(j.ConcurrencyKey) + len(j.Traceparent) + len(j.Tracestate) + len(j.Baggage) +
		len(j.Params) + len(j.Result) + len(j.Error) + len(j.Progress)
	for name, value := range j.Labels {
		n += len(name) + len(value)
	}
	return n
}
