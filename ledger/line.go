package ledger

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// record is a job with its attempts: one line of an export.
type record struct {
	job      Job
	attempts []Attempt
}

// maxImportID is the highest id that an import takes: half of what every JSON reader keeps exact, which leaves as many for jobs to come.
const maxImportID = 1 << 52

// recordMembers are the members of a line in the order in which they are written. They are named as in the socket's job.get, which
// lacks those that only the ledger needs; times and durations are in microseconds here.
var recordMembers = []member[record]{
	{
		name: "id", must: true,
		put: func(b []byte, r *record) []byte { return strconv.AppendInt(appendName(b, "id"), r.job.ID, 10) },
		take: func(r *record, raw []byte) (err error) {
			if r.job.ID, err = strconv.ParseInt(string(raw), 10, 64); err != nil {
				return errors.New("an integer is wanted")
			}
			return nil
		},
	},
	textMember("pool", true, func(r *record) *string { return &r.job.Pool }),
	textMember("method", true, func(r *record) *string { return &r.job.Method }),
	enumMember("state", true, func(r *record) *State { return &r.job.State }),
	intMember("priority", true, func(r *record) *int { return &r.job.Priority }),
	intMember("attempt", true, func(r *record) *int { return &r.job.Attempt }),
	intMember("maxAttempts", true, func(r *record) *int { return &r.job.MaxAttempts }),
	intMember("runs", true, func(r *record) *int { return &r.job.Runs }),
	intMember("crashes", false, func(r *record) *int { return &r.job.Crashes }),
	{
		name: "alone",
		put: func(b []byte, r *record) []byte {
			if !r.job.Alone {
				return b
			}
			return append(appendName(b, "alone"), "true"...)
		},
		take: func(r *record, raw []byte) error {
			if string(raw) != "true" && string(raw) != "false" {
				return errors.New("true or false is wanted")
			}
			r.job.Alone = string(raw) == "true"
			return nil
		},
	},
	{
		name: "backoff",
		put: func(b []byte, r *record) []byte {
			k := r.job.Backoff
			if k == DefaultBackoff || k == (Backoff{}) {
				return b
			}
			return appendJSON(appendName(b, "backoff"), backoffRow{k.Base.Microseconds(), k.Factor, k.Cap.Microseconds(), k.Jitter})
		},
		take: func(r *record, raw []byte) error {
			var row backoffRow
			d := json.NewDecoder(bytes.NewReader(raw))
			d.DisallowUnknownFields()
			if d.Decode(&row) != nil || raw[0] != '{' {
				return errors.New(`an object of numbers is wanted, {"baseUs","factor","capUs","jitter"}`)
			}
			r.job.Backoff = Backoff{microseconds(row.BaseUs), row.Factor, microseconds(row.CapUs), row.Jitter}
			return nil
		},
	},
	{
		name: "timeoutUs",
		put: func(b []byte, r *record) []byte {
			if r.job.Timeout == 0 {
				return b
			}
			return strconv.AppendInt(appendName(b, "timeoutUs"), r.job.Timeout.Microseconds(), 10)
		},
		take: func(r *record, raw []byte) error {
			n, err := strconv.ParseInt(string(raw), 10, 64)
			if err != nil || n > int64(1<<63-1)/int64(time.Microsecond) {
				return errors.New("an integer of microseconds is wanted")
			}
			r.job.Timeout = microseconds(n)
			return nil
		},
	},
	enumMember("delivery", true, func(r *record) *Delivery { return &r.job.Delivery }),
	enumMember("origin", true, func(r *record) *Origin { return &r.job.Origin }),
	textMember("idempotencyKey", false, func(r *record) *string { return &r.job.IdempotencyKey }),
	textMember("concurrencyKey", false, func(r *record) *string { return &r.job.ConcurrencyKey }),
	{
		name: "labels",
		put: func(b []byte, r *record) []byte {
			if len(r.job.Labels) == 0 {
				return b
			}
			return appendJSON(appendName(b, "labels"), r.job.Labels)
		},
		take: func(r *record, raw []byte) error {
			if raw[0] != '{' || json.Unmarshal(raw, &r.job.Labels) != nil {
				return errors.New("an object of strings is wanted")
			}
			return nil
		},
	},
	textMember("traceparent", false, func(r *record) *string { return &r.job.Traceparent }),
	textMember("tracestate", false, func(r *record) *string { return &r.job.Tracestate }),
	textMember("baggage", false, func(r *record) *string { return &r.job.Baggage }),
	timeMember("createdAt", true, func(r *record) *time.Time { return &r.job.CreatedAt }),
	timeMember("runAt", true, func(r *record) *time.Time { return &r.job.RunAt }),
	timeMember("expiresAt", false, func(r *record) *time.Time { return &r.job.ExpiresAt }),
	timeMember("startedAt", false, func(r *record) *time.Time { return &r.job.StartedAt }),
	timeMember("finishedAt", false, func(r *record) *time.Time { return &r.job.FinishedAt }),
	textMember("worker", false, func(r *record) *string { return &r.job.Worker }),
	intMember("pid", false, func(r *record) *int { return &r.job.PID }),
	payloadMember("params", func(r *record) *[]byte { return &r.job.Params }),
	payloadMember("result", func(r *record) *[]byte { return &r.job.Result }),
	payloadMember("error", func(r *record) *[]byte { return &r.job.Error }),
	enumMember("errorSource", false, func(r *record) *Source { return &r.job.ErrorSource }),
	payloadMember("progress", func(r *record) *[]byte { return &r.job.Progress }),
	{name: "attempts", put: putAttempts, take: takeAttempts},
}

var attemptMembers = []member[Attempt]{
	intMember("attempt", true, func(a *Attempt) *int { return &a.Number }),
	enumMember("outcome", true, func(a *Attempt) *Outcome { return &a.Outcome }),
	textMember("worker", false, func(a *Attempt) *string { return &a.Worker }),
	intMember("pid", false, func(a *Attempt) *int { return &a.PID }),
	timeMember("startedAt", true, func(a *Attempt) *time.Time { return &a.StartedAt }),
	timeMember("finishedAt", true, func(a *Attempt) *time.Time { return &a.FinishedAt }),
	{
		name: "exitCode",
		put: func(b []byte, a *Attempt) []byte {
			if a.ExitCode == nil {
				return b
			}
			return strconv.AppendInt(appendName(b, "exitCode"), int64(*a.ExitCode), 10)
		},
		take: func(a *Attempt, raw []byte) error {
			n, err := strconv.Atoi(string(raw))
			if err != nil {
				return errors.New("an integer is wanted")
			}
			a.ExitCode = &n
			return nil
		},
	},
	textMember("signal", false, func(a *Attempt) *string { return &a.Signal }),
	payloadMember("error", func(a *Attempt) *[]byte { return &a.Error }),
	textMember("stderrTail", false, func(a *Attempt) *string { return &a.StderrTail }),
}

func putAttempts(b []byte, r *record) []byte {
	if len(r.attempts) == 0 {
		return b
	}
	b = append(appendName(b, "attempts"), '[')
	for i := range r.attempts {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendObject(b, attemptMembers, &r.attempts[i])
	}
	return append(b, ']')
}

func takeAttempts(r *record, raw []byte) error {
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil || raw[0] != '[' {
		return errors.New("an array is wanted")
	}
	r.attempts = make([]Attempt, len(list))
	for i := range list {
		if err := readObject(fmt.Sprintf("attempts[%d].", i), list[i], attemptMembers, &r.attempts[i]); err != nil {
			return err
		}
	}
	return nil
}

// appendLine appends a job's line to an export. The same job gives the same bytes.
func (r *record) appendLine(b []byte) []byte {
	return append(appendObject(b, recordMembers, r), '\n')
}

// readLine reads a line of an export. The error is a *memberError.
func readLine(line []byte) (record, error) {
	r := record{job: Job{Backoff: DefaultBackoff}}
	var whole json.RawMessage
	switch err := json.Unmarshal(line, &whole); {
	case err != nil:
		return r, wrong("", "no JSON: %v", err)
	case !utf8.Valid(line):
		return r, wrong("", "no UTF-8")
	}
	if err := readObject("", bytes.TrimSpace(line), recordMembers, &r); err != nil {
		return r, err
	}
	return r, r.validate()
}

// validate says what cannot be in a ledger.
func (r *record) validate() error {
	j := &r.job
	switch {
	case j.ID < 1 || j.ID > maxImportID:
		return wrong("id", "%d is outside 1 to %d", j.ID, maxImportID)
	case !slices.Contains(allStates, j.State):
		return wrong("state", "there is no state %q", j.State)
	case j.ErrorSource != "" && j.ErrorSource != FromWorker && j.ErrorSource != FromWhipper:
		return wrong("errorSource", "%q is neither %q nor %q", j.ErrorSource, FromWorker, FromWhipper)
	case j.State.Terminal() && j.FinishedAt.IsZero():
		return wrong("finishedAt", "missing, though the job is %s", j.State)
	case !j.State.Terminal() && !j.FinishedAt.IsZero():
		return wrong("finishedAt", "given, though the job is %s", j.State)
	case j.Result != nil && j.State != Succeeded:
		return wrong("result", "given, though the job is %s", j.State)
	case j.State == Succeeded && j.Error != nil:
		return wrong("error", "given, though the job is succeeded")
	case j.Attempt < 0 || j.Attempt > j.MaxAttempts:
		return wrong("attempt", "%d is outside 0 to the maxAttempts of %d", j.Attempt, j.MaxAttempts)
	case j.Runs < j.Attempt:
		return wrong("runs", "%d is less than the attempt, %d", j.Runs, j.Attempt)
	case j.Crashes < 0:
		return wrong("crashes", "%d is less than 0", j.Crashes)
	case j.State == Running && (j.Runs < 1 || j.Attempt < 1):
		return wrong("runs", "%d, with attempt %d, though the job is running", j.Runs, j.Attempt)
	case j.State == Running && j.StartedAt.IsZero():
		return wrong("startedAt", "missing, though the job is running")
	}
	if _, ok := j.Labels[""]; ok {
		return wrong("labels", "a label has no name")
	}
	for _, p := range []struct {
		member  string
		payload []byte
	}{{"params", j.Params}, {"result", j.Result}, {"error", j.Error}, {"progress", j.Progress}} {
		if nestsDeeper(p.payload, maxNesting) {
			return wrong(p.member, tooDeep, maxNesting)
		}
	}
	queued := *j
	queued.State = Queued
	if problems := queued.validate(); len(problems) > 0 {
		return wrong("", "%s", problems[0])
	}
	return r.validateAttempts()
}

var allOutcomes = []Outcome{
	OutcomeSucceeded, OutcomeError, OutcomeTimeout, OutcomeCrashed, OutcomeCancelled, OutcomeInterrupted, OutcomeSnoozed,
}

func (r *record) validateAttempts() error {
	last, most := 0, r.job.Runs
	if r.job.State == Running {
		most-- // the last is under way, and not on record
	}
	for i := range r.attempts {
		a, path := &r.attempts[i], fmt.Sprintf("attempts[%d].", i)
		switch {
		case a.Number <= last:
			return wrong(path+"attempt", "%d does not come after %d", a.Number, last)
		case a.Number > most:
			return wrong(path+"attempt", "%d is more than the runs that have ended, %d", a.Number, most)
		case nestsDeeper(a.Error, maxNesting):
			return wrong(path+"error", tooDeep, maxNesting)
		case !slices.Contains(allOutcomes, a.Outcome):
			return wrong(path+"outcome", "there is no outcome %q", a.Outcome)
		}
		last = a.Number
	}
	return nil
}
