package ledger

import (
	"database/sql/driver"
	"fmt"
	"slices"
)

const (
	insertSQL = `INSERT INTO job (` + jobNames + `) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,
		?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	insertPlainSQL = `INSERT INTO job (id, pool, method, state, max_attempts, delivery, origin, traceparent, created_at, run_at, params)
		VALUES (?, ?, ?, 'queued', ?, 'at-least-once', 'submit', ?, ?, ?, ?)`
	plainRowSQL = `, (?, ?, ?, 'queued', ?, 'at-least-once', 'submit', ?, ?, ?, ?)`
	startSQL    = `UPDATE job SET state = 'running', attempt = ?, runs = ?, started_at = ?, worker = ?, pid = ?, progress = NULL, lane = ''
		WHERE id = ? AND state = 'queued'`
	finishSQL = `UPDATE job SET state = ?, attempt = ?, runs = ?, crashes = ?, alone = ?, run_at = ?, started_at = ?,
			finished_at = ?, worker = ?, pid = ?, error_source = ?, progress = ?, error = ?, result = ?, lane = ?
		WHERE id = ? AND state = ?`
	succeedSQL = `UPDATE job SET state = 'succeeded', attempt = ?, runs = ?, alone = 0, started_at = ?, finished_at = ?, worker = ?, pid = ?,
			error_source = NULL, progress = ?, error = NULL, result = ?, lane = ''
		WHERE id = ? AND state = ?`
	attemptSQL   = `INSERT INTO attempt (job_id, ` + attemptColumns + `) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	successSQL   = `INSERT INTO attempt (job_id, number, outcome, worker, pid, started_at, finished_at) VALUES (?, ?, 'succeeded', ?, ?, ?, ?)`
	unattemptSQL = `DELETE FROM attempt WHERE job_id = ? AND number = ?`
	reachedSQL   = `SELECT state, attempt, runs, started_at, finished_at, worker, pid FROM job WHERE id = ?`
)

// Insert hands over a job that is not in the ledger yet, under an id from NextID: an invoke, in whatever state it is in.
//
// Insert, Start and Finish do not wait. What they hand over is not lost while the process lives: while commits fail it
// stays in memory and is tried again, in order. done, if not nil, is called once from the writer's goroutine, which it
// must not hold up: with nil after the commit, with a *GuardError where the row was not in the state that the change
// starts from, or with ErrClosed (from the caller's goroutine, where the ledger was closed already). Changes of one job
// that meet in one transaction are written as one.
func (l *Ledger) Insert(job Job, done func(error)) {
	l.writer.put(&op{kind: opInsert, keep: true, job: job, done: done})
}

// Start hands over the row that Begin returned for a queued job. See Insert.
func (l *Ledger) Start(job Job, done func(error)) {
	l.writer.put(&op{kind: opStart, keep: true, job: job, done: done})
}

// Finish hands over the rows that Settle returned for a running job: terminal, or queued again. An attempt with Number 0
// is not recorded, and the job must be queued then: it ends without having run. See Insert.
func (l *Ledger) Finish(job Job, a Attempt, done func(error)) {
	l.writer.put(&op{kind: opFinish, keep: true, job: job, attempt: a, done: done})
}

// change is what a transaction does to one job.
type change struct {
	from     State // on disk; "": the row is not there
	job      *Job  // the row to be
	attempts []*Attempt
	first    *op // of those that make up the change, linked by next
	last     *op
}

// collect adds an operation to its job's change, or refuses it where the change has another state by then.
func (b *batch) collect(o *op) {
	from := Queued
	switch {
	case o.kind == opInsert:
		from = ""
	case o.kind == opFinish && o.attempt.Number != 0:
		from = Running
	}
	if (o.job.State == Running) != (o.kind == opStart) && o.kind != opInsert {
		o.err = fmt.Errorf("job %d: a run cannot begin or end as %s", o.job.ID, o.job.State)
		return
	}
	i, ok := b.place[o.job.ID]
	if !ok {
		b.place[o.job.ID] = len(b.changes)
		b.changes = append(b.changes, change{from: from, job: &o.job, first: o, last: o})
		if o.attempt.Number != 0 {
			b.changes[len(b.changes)-1].attempts = []*Attempt{&o.attempt}
		}
		return
	}
	c := &b.changes[i]
	if c.job.State != from {
		b.refuse(o, &GuardError{ID: o.job.ID, From: from, To: o.job.State})
		return
	}
	c.job = &o.job
	c.last.next, c.last = o, o
	if o.attempt.Number != 0 {
		c.attempts = append(c.attempts, &o.attempt)
	}
}

// flush writes the collected changes.
func (b *batch) flush() error {
	if err := b.insertGathered(); err != nil {
		return err
	}
	for i := range b.changes {
		if err := b.writeChange(&b.changes[i]); err != nil {
			return err
		}
	}
	clear(b.changes)
	b.changes = b.changes[:0]
	clear(b.place)
	return nil
}

// writeChange writes one job's rows, or refuses the operations that make up its change. An error is the transaction's.
func (b *batch) writeChange(c *change) error {
	refusal, err := b.writeRows(c)
	if err != nil {
		return err
	}
	if refusal == nil {
		b.moved(c.job.ID, c.job.Pool, c.job.Method, c.from, c.job.State)
		b.rollUp(c)
		return nil
	}
	present, reached, err := b.reached(c)
	if err != nil {
		return err
	}
	if reached != nil {
		return b.writeRest(c, reached)
	}
	if c.from != "" || present {
		refusal = &GuardError{ID: c.job.ID, From: c.from, To: c.job.State}
	}
	for o := c.first; o != nil; o = o.next {
		b.refuse(o, refusal)
	}
	return nil
}

// writeRest writes what comes after an operation whose commit was reported as failed but has reached the disk all the
// same.
func (b *batch) writeRest(c *change, reached *op) error {
	if reached.next == nil {
		if c.job.State.Terminal() {
			b.ended = append(b.ended, c.job.ID)
		}
		return nil
	}
	rest := change{from: reached.job.State, job: c.job, first: reached.next, last: c.last}
	for o := rest.first; o != nil; o = o.next {
		if o.attempt.Number != 0 {
			rest.attempts = append(rest.attempts, &o.attempt)
		}
		o.retried = false // its commit has not reached the disk: those before it would not be there alone
	}
	return b.writeChange(&rest)
}

// writeRows writes the attempts, then the job. Where one of the rows is refused, the attempts are taken back: a
// savepoint around each job would cost more than it saves.
func (b *batch) writeRows(c *change) (refusal, err error) {
	inserted := 0
	for _, a := range c.attempts {
		if refusal = b.writeAttempt(c.job.ID, a); refusal != nil {
			break
		}
		inserted++
	}
	if refusal == nil {
		var changed int64
		if changed, refusal = b.writeJob(c); refusal == nil && changed != 1 {
			refusal = ErrGuard
		}
	}
	if refusal == nil || ofEveryWrite(refusal) {
		return nil, refusal
	}
	for _, a := range c.attempts[:inserted] {
		if _, err := b.conn.exec(unattemptSQL, c.job.ID, int64(a.Number)); err != nil {
			return nil, err
		}
	}
	return refusal, nil
}

func (b *batch) writeAttempt(job int64, a *Attempt) (err error) {
	if a.isBareSuccess() {
		_, err = b.conn.exec(successSQL, job, int64(a.Number), text(a.Worker), number(a.PID), a.StartedAt.UnixMicro(), a.FinishedAt.UnixMicro())
		return err
	}
	b.args = attemptArgs(append(b.args[:0], job), a)
	_, err = b.conn.exec(attemptSQL, b.args...)
	return err
}

func (b *batch) writeJob(c *change) (changed int64, err error) {
	j := c.job
	switch {
	case c.from == "":
		changed, err = b.insertJob(j)
		if lane := c.lane(); err == nil && lane != "" {
			_, err = b.conn.exec(parkSQL, string(lane), j.ID)
		}
		return changed, err
	case j.State == Running && len(c.attempts) == 0:
		return b.conn.exec(startSQL, int64(j.Attempt), int64(j.Runs), moment(j.StartedAt), text(j.Worker), number(j.PID), j.ID)
	}
	if c.succeedsAtOnce() {
		changed, err = b.conn.exec(succeedSQL, int64(j.Attempt), int64(j.Runs), moment(j.StartedAt), moment(j.FinishedAt), text(j.Worker),
			number(j.PID), inline(j.Progress), inline(j.Result), j.ID, string(c.from))
	} else {
		b.args = append(b.args[:0], string(j.State), int64(j.Attempt), int64(j.Runs), int64(j.Crashes), flag(j.Alone),
			j.RunAt.UnixMicro(), moment(j.StartedAt), moment(j.FinishedAt), text(j.Worker), number(j.PID),
			text(string(j.ErrorSource)), inline(j.Progress), inline(j.Error), inline(j.Result), string(c.lane()), j.ID, string(c.from))
		changed, err = b.conn.exec(finishSQL, b.args...)
	}
	if err == nil && changed == 1 {
		err = b.keepPayloads(j.ID, j.Progress, j.Error, nil, j.Result)
	}
	return changed, err
}

// lane is where a job stands whose run has ended. One that was put back and is due at once keeps its place before the others with its key,
// which stand aside.
func (c *change) lane() Lane {
	if n := len(c.attempts); n > 0 && c.job.State == Queued && !c.job.RunAt.After(c.attempts[n-1].FinishedAt) {
		return keyLane(c.job)
	}
	return ""
}

// insertJob writes a new row, with what does not fit into it.
func (b *batch) insertJob(j *Job) (changed int64, err error) {
	if j.isPlain() {
		changed, err = b.conn.exec(insertPlainSQL, plainArgs(b.args[:0], j)...)
	} else {
		if b.args, err = inlineArgs(b.args[:0], j); err != nil {
			return 0, err
		}
		changed, err = b.conn.exec(insertSQL, b.args...)
	}
	if err == nil {
		err = b.keepPayloads(j.ID, j.Progress, j.Error, j.Params, j.Result)
	}
	return changed, err
}

// reached says whether the job is in the ledger, and finds the last of the change's operations that is on disk already:
// one that was in a transaction whose commit failed, and whose row is the one on disk. Nil: there is none.
func (b *batch) reached(c *change) (present bool, reached *op, err error) {
	err = b.conn.query(reachedSQL, func(values []driver.Value) error {
		present = true
		for o := c.first; o != nil; o = o.next {
			j := &o.job
			row := []driver.Value{
				string(j.State), int64(j.Attempt), int64(j.Runs), moment(j.StartedAt), moment(j.FinishedAt),
				text(j.Worker), number(j.PID),
			}
			if o.retried && slices.Equal(values, row) {
				reached = o
			}
		}
		return nil
	}, c.job.ID)
	return present, reached, err
}

// refuse answers an operation, after the commit, with an error. It is loud: a refusal means that two parts of the
// program disagree about a job.
func (b *batch) refuse(o *op, err error) {
	b.log.Error("ledger refused a change", "job", o.job.ID, "error", err)
	o.err = err
}
