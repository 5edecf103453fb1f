package ledger

// Most jobs are submitted with nothing but a method and params, and succeed the first time that they run. Statements of their own bind
// a third of the values for these: the rows are the same as the general statements would write.

// isPlain says whether insertPlainSQL writes the whole row.
func (j *Job) isPlain() bool {
	return j.State == Queued && j.Delivery == AtLeastOnce && j.Origin == FromSubmit && (j.Backoff == DefaultBackoff || j.Backoff == Backoff{}) &&
		j.Priority == 0 && j.Attempt == 0 && j.Runs == 0 && j.Crashes == 0 && !j.Alone && j.Timeout == 0 &&
		j.IdempotencyKey == "" && j.ConcurrencyKey == "" && j.Trace == Trace{} && len(j.Labels) == 0 &&
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
