package ledger

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"time"
)

// scheduleColumns is every column of a schedule, in the order of scheduleArgs and scanSchedule.
const (
	scheduleBare = `name, pool, method, spec, timezone, overlap, missed, jitter, priority, max_attempts, backoff, timeout, delivery,
		concurrency_key, created_at, next_at, owed, last_at, last_job_id, skipped, traceparent, tracestate, labels`
	scheduleColumns = scheduleBare + `, params`
	scheduleWidth   = 24

	// A job that is not there has no state.
	scheduleState      = `, (SELECT state FROM job WHERE id = last_job_id) FROM schedule`
	scheduleSelect     = `SELECT ` + scheduleColumns + scheduleState
	scheduleBareSelect = `SELECT ` + scheduleBare + `, NULL` + scheduleState
)

// scheduleArgs appends the values of scheduleColumns.
func scheduleArgs(args []any, s *Schedule) ([]any, error) {
	backoff, err := backoffValue(s.Backoff)
	if err != nil {
		return nil, fmt.Errorf("encode backoff: %w", err)
	}
	var labels any
	if len(s.Labels) > 0 {
		text, err := json.Marshal(s.Labels)
		if err != nil {
			return nil, fmt.Errorf("encode labels: %w", err)
		}
		labels = string(text)
	}
	var owed any
	if len(s.Owed) > 0 {
		var spans [][2]int64
		for _, span := range s.Owed {
			spans = append(spans, [2]int64{span.First.UnixMicro(), span.Last.UnixMicro()})
		}
		text, err := json.Marshal(spans)
		if err != nil {
			return nil, fmt.Errorf("encode what waits: %w", err)
		}
		owed = string(text)
	}
	return append(args,
		s.Name, s.Pool, s.Method, s.Spec, s.Timezone, string(s.Overlap), string(s.Missed), s.Jitter.Microseconds(), int64(s.Priority),
		int64(s.MaxAttempts), backoff, s.Timeout.Microseconds(), string(s.Delivery), text(s.ConcurrencyKey), s.CreatedAt.UnixMicro(), moment(s.NextAt),
		owed, moment(s.LastAt), number(int(s.LastJob)), s.Skipped, text(s.Traceparent), text(s.Tracestate), labels, s.Params), nil
}

// scanSchedule reads the values of scheduleSelect.
func scanSchedule(values []driver.Value) (Schedule, error) {
	s := scanner{values: values}
	c := Schedule{
		Name: s.text(), Pool: s.text(), Method: s.text(), Spec: s.text(), Timezone: s.text(), Overlap: Overlap(s.text()),
		Missed: Missed(s.text()), Jitter: microseconds(s.int()), Priority: int(s.int()), MaxAttempts: int(s.int()), Backoff: DefaultBackoff,
	}
	if text := s.text(); text != "" {
		var b backoffRow
		if err := json.Unmarshal([]byte(text), &b); err != nil {
			return Schedule{}, fmt.Errorf("schedule %q: decode backoff: %w", c.Name, err)
		}
		c.Backoff = Backoff{microseconds(b.BaseUs), b.Factor, microseconds(b.CapUs), b.Jitter}
	}
	c.Timeout, c.Delivery, c.ConcurrencyKey = microseconds(s.int()), Delivery(s.text()), s.text()
	c.CreatedAt, c.NextAt = s.moment(), s.moment()
	if text := s.text(); text != "" {
		var spans [][2]int64
		if err := json.Unmarshal([]byte(text), &spans); err != nil {
			return Schedule{}, fmt.Errorf("schedule %q: decode what waits: %w", c.Name, err)
		}
		for _, span := range spans {
			c.Owed = append(c.Owed, Span{time.UnixMicro(span[0]).UTC(), time.UnixMicro(span[1]).UTC()})
		}
	}
	c.LastAt, c.LastJob, c.Skipped = s.moment(), s.int(), s.int()
	c.Traceparent, c.Tracestate = s.text(), s.text()
	if text := s.text(); text != "" {
		if err := json.Unmarshal([]byte(text), &c.Labels); err != nil {
			return Schedule{}, fmt.Errorf("schedule %q: decode labels: %w", c.Name, err)
		}
	}
	c.Params, c.LastState = s.bytes(), State(s.text())
	return c, nil
}
