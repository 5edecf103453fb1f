package ledger

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"time"
)

// jobColumns is what scanJob reads: every column of a job, in the order of jobNames and inlineArgs. The payloads come last, so that a listing
// can put NULLs in their place.
const (
	jobHead = `id, pool, method, state, priority, attempt, max_attempts, runs, crashes, alone, backoff, timeout,
		delivery, origin, idempotency_key, concurrency_key, traceparent, tracestate, baggage, created_at, run_at, expires_at, started_at,
		finished_at, worker, pid, error_source, labels`
	jobNames      = jobHead + `, progress, error, params, result`
	jobColumns    = jobHead + `, ` + progressValue + `, ` + errorValue + `, ` + paramsValue + `, ` + resultValue
	jobOutcome    = jobHead + `, ` + progressValue + `, ` + errorValue + `, NULL, ` + resultValue
	jobError      = jobHead + `, NULL, ` + errorValue + `, NULL, NULL`
	jobNoPayloads = jobHead + `, NULL, NULL, NULL, NULL`
	jobWidth      = 32

	attemptColumns = `number, outcome, worker, pid, started_at, finished_at, exit_code, signal, error, stderr_tail`
	attemptWidth   = 10
)

// backoffRow is a Backoff in its column.
type backoffRow struct {
	BaseUs int64   `json:"baseUs"`
	Factor float64 `json:"factor"`
	CapUs  int64   `json:"capUs"`
	Jitter float64 `json:"jitter"`
}

// inlineArgs appends the values of jobNames as they stand in the row. What is too large for it is for keepPayloads.
func inlineArgs(args []any, j *Job) ([]any, error) {
	backoff, err := backoffValue(j.Backoff)
	if err != nil {
		return nil, fmt.Errorf("encode backoff: %w", err)
	}
	var labels any
	if len(j.Labels) > 0 {
		if labels, err = labelsValue(j.Labels); err != nil {
			return nil, fmt.Errorf("encode labels: %w", err)
		}
	}
	return append(args,
		j.ID, j.Pool, j.Method, string(j.State), int64(j.Priority), int64(j.Attempt), int64(j.MaxAttempts), int64(j.Runs),
		int64(j.Crashes), flag(j.Alone), backoff, j.Timeout.Microseconds(), string(j.Delivery), string(j.Origin),
		text(j.IdempotencyKey), text(j.ConcurrencyKey), text(j.Traceparent), text(j.Tracestate), text(j.Baggage), j.CreatedAt.UnixMicro(),
		j.RunAt.UnixMicro(), moment(j.ExpiresAt), moment(j.StartedAt), moment(j.FinishedAt), text(j.Worker),
		number(j.PID), text(string(j.ErrorSource)), labels, inline(j.Progress), inline(j.Error),
		inline(j.Params), inline(j.Result)), nil
}

// attemptArgs appends the values of attemptColumns.
func attemptArgs(args []any, a *Attempt) []any {
	var exit any
	if a.ExitCode != nil {
		exit = int64(*a.ExitCode)
	}
	return append(args, int64(a.Number), string(a.Outcome), text(a.Worker), number(a.PID), a.StartedAt.UnixMicro(),
		a.FinishedAt.UnixMicro(), exit, text(a.Signal), a.Error, text(a.StderrTail))
}

// Values as the driver takes them; what is not set is NULL.

func text(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func number(n int) any {
	if n == 0 {
		return nil
	}
	return int64(n)
}

func moment(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

func backoffValue(b Backoff) (any, error) {
	if b == DefaultBackoff || b == (Backoff{}) {
		return nil, nil
	}
	text, err := json.Marshal(backoffRow{b.Base.Microseconds(), b.Factor, b.Cap.Microseconds(), b.Jitter})
	return string(text), err
}

// scanner takes the values of a row from left to right. Columns are STRICT, so a value has its column's type or is nil.
type scanner struct {
	values []driver.Value
	next   int
}

func (s *scanner) value() driver.Value {
	v := s.values[s.next]
	s.next++
	return v
}

func (s *scanner) int() int64 {
	n, _ := s.value().(int64)
	return n
}

func (s *scanner) text() string {
	t, _ := s.value().(string)
	return t
}

func (s *scanner) bytes() []byte {
	b, _ := s.value().([]byte)
	return b
}

func (s *scanner) moment() time.Time {
	n, ok := s.value().(int64)
	if !ok {
		return time.Time{}
	}
	return time.UnixMicro(n).UTC()
}

// scanJob reads the values of jobColumns, jobOutcome, jobError or jobNoPayloads.
func scanJob(values []driver.Value) (Job, error) {
	s := scanner{values: values}
	j := Job{
		ID: s.int(), Pool: s.text(), Method: s.text(), State: State(s.text()), Priority: int(s.int()), Attempt: int(s.int()),
		MaxAttempts: int(s.int()), Runs: int(s.int()), Crashes: int(s.int()), Alone: s.int() != 0, Backoff: DefaultBackoff,
	}
	if text := s.text(); text != "" {
		var b backoffRow
		if err := json.Unmarshal([]byte(text), &b); err != nil {
			return Job{}, fmt.Errorf("job %d: decode backoff: %w", j.ID, err)
		}
		j.Backoff = Backoff{microseconds(b.BaseUs), b.Factor, microseconds(b.CapUs), b.Jitter}
	}
	j.Timeout = microseconds(s.int())
	j.Delivery, j.Origin, j.IdempotencyKey, j.ConcurrencyKey = Delivery(s.text()), Origin(s.text()), s.text(), s.text()
	j.Trace = Trace{Traceparent: s.text(), Tracestate: s.text(), Baggage: s.text()}
	j.CreatedAt, j.RunAt, j.ExpiresAt, j.StartedAt, j.FinishedAt = s.moment(), s.moment(), s.moment(), s.moment(), s.moment()
	j.Worker, j.PID, j.ErrorSource = s.text(), int(s.int()), Source(s.text())
	if text := s.text(); text != "" {
		if err := json.Unmarshal([]byte(text), &j.Labels); err != nil {
			return Job{}, fmt.Errorf("job %d: decode labels: %w", j.ID, err)
		}
	}
	j.Progress, j.Error, j.Params, j.Result = s.bytes(), s.bytes(), s.bytes(), s.bytes()
	return j, nil
}

// scanAttempt reads the values of attemptColumns.
func scanAttempt(values []driver.Value) Attempt {
	s := scanner{values: values}
	a := Attempt{Number: int(s.int()), Outcome: Outcome(s.text()), Worker: s.text(), PID: int(s.int()), StartedAt: s.moment(), FinishedAt: s.moment()}
	if exit, ok := s.value().(int64); ok {
		code := int(exit)
		a.ExitCode = &code
	}
	a.Signal, a.Error, a.StderrTail = s.text(), s.bytes(), s.text()
	return a
}

func microseconds(n int64) time.Duration { return time.Duration(n) * time.Microsecond }
