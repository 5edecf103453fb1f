package ledger

import "strings"

// Most jobs are submitted with nothing but a method and params, and a trace context where traces are sent, and succeed the first time that they run.
// Statements of their own bind a third of the values for these: the rows are the same as the general statements would write.

// isPlain says whether insertPlainSQL writes the whole row.
func (j *Job) isPlain() bool {
	return j.State == Queued && j.Delivery == AtLeastOnce && j.Origin == FromSubmit && (j.Backoff == DefaultBackoff || j.Backoff == Backoff{}) &&
		j.Priority == 0 && j.Attempt == 0 && j.Runs == 0 && j.Crashes == 0 && !j.Alone && j.Timeout == 0 &&
		j.IdempotencyKey == "" && j.ConcurrencyKey == "" && j.Tracestate == "" && j.Baggage == "" && len(j.Labels) == 0 &&
		j.ExpiresAt.IsZero() && j.StartedAt.IsZero() && j.FinishedAt.IsZero() &&
		j.Worker == "" && j.PID == 0 && j.ErrorSource == "" && j.Progress == nil && j.Error == nil && j.Result == nil
}

// isBareSuccess says whether successSQL writes the whole row.
func (a *Attempt) isBareSuccess() bool {
	return a.Outcome == OutcomeSucceeded && a.ExitCode == nil && a.Signal == "" && a.Error == nil && a.StderrTail == ""
}

// succeedsAtOnce says whether succeedSQL writes all that the change comes to: one run, which ended well. Where there was another one in
// the same transaction, more is new than succeedSQL knows of.
func (c *change) succeedsAtOnce() bool {
	j := c.job
	return j.State == Succeeded && len(c.attempts) == 1 && !j.Alone && j.Error == nil && j.ErrorSource == ""
}

// freshWidth is how many rows manyPlainSQL inserts. A statement of its own costs about as much as the row that it writes.
const freshWidth = 8

var manyPlainSQL = insertPlainSQL + strings.Repeat(plainRowSQL, freshWidth-1)

// isFresh says whether insertPlainSQL writes all there is of a job, which needs no row elsewhere.
func (j *Job) isFresh() bool { return j.isPlain() && len(j.Params) <= inlineMost }

// plainArgs appends the values of one of insertPlainSQL's rows.
func plainArgs(args []any, j *Job) []any {
	return append(args, j.ID, j.Pool, j.Method, int64(j.MaxAttempts), text(j.Traceparent), j.CreatedAt.UnixMicro(), j.RunAt.UnixMicro(), inline(j.Params))
}

// gather takes a submission of one fresh job, to be inserted with others.
func (b *batch) gather(o *op) error {
	o.fresh.ID = b.ids.draw()
	b.fresh = append(b.fresh, o)
	if len(b.fresh) < freshWidth {
		return nil
	}
	return b.insertGathered()
}

// insertGathered inserts the jobs that were gathered.
func (b *batch) insertGathered() error {
	fresh := b.fresh
	b.fresh = b.fresh[:0]
	if len(fresh) == freshWidth {
		var jobs [freshWidth]*Job
		for i, o := range fresh {
			jobs[i] = o.fresh
		}
		if err := b.insertMany(&jobs); err == nil || ofEveryWrite(err) {
			return err
		} // one is at fault, and the statement has left nothing of any
	}
	for _, o := range fresh {
		switch _, err := b.insertJob(o.fresh); {
		case err == nil:
			b.moved(o.fresh.ID, o.fresh.Pool, o.fresh.Method, "", Queued)
		case ofEveryWrite(err):
			return err
		default:
			o.err = err
		}
	}
	return nil
}

// insertMany inserts fresh jobs that have their ids.
func (b *batch) insertMany(jobs *[freshWidth]*Job) error {
	b.args = b.args[:0]
	for _, j := range jobs {
		b.args = plainArgs(b.args, j)
	}
	if _, err := b.conn.exec(manyPlainSQL, b.args...); err != nil {
		return err
	}
	for _, j := range jobs {
		b.moved(j.ID, j.Pool, j.Method, "", Queued)
	}
	return nil
}

// firstFresh gives the first freshWidth of some jobs, if all of these are fresh.
func firstFresh(jobs []Job) (first *[freshWidth]*Job, ok bool) {
	if len(jobs) < freshWidth {
		return nil, false
	}
	first = new([freshWidth]*Job)
	for i := range first {
		if !jobs[i].isFresh() {
			return nil, false
		}
		first[i] = &jobs[i]
	}
	return first, true
}
