package jsonrpc

import "encoding/json"

// SchedulePutParams is the params of schedule.put: when jobs are submitted, and which.
type SchedulePutParams struct {
	Name           string            `json:"name"`
	Spec           string            `json:"spec"`               // cron expression
	Timezone       string            `json:"timezone,omitempty"` // IANA name; "": UTC
	Overlap        string            `json:"overlap,omitempty"`  // skip (default) or queue
	Missed         string            `json:"missed,omitempty"`   // once (default) or skip
	JitterMs       int64             `json:"jitterMs,omitempty"` // a job runs later by up to so much, at random
	Pool           string            `json:"pool,omitempty"`
	Method         string            `json:"method"`
	Params         json.RawMessage   `json:"params,omitempty"`
	TimeoutMs      int64             `json:"timeoutMs,omitempty"`
	Priority       int               `json:"priority,omitempty"`
	MaxAttempts    int               `json:"maxAttempts,omitempty"` // 0: 3
	Backoff        *Backoff          `json:"backoff,omitempty"`
	Delivery       string            `json:"delivery,omitempty"` // at-least-once (default) or at-most-once
	ConcurrencyKey string            `json:"concurrencyKey,omitempty"`
	Labels         map[string]string `json:"labels,omitempty"`
	Traceparent    string            `json:"traceparent,omitempty"` // of the call, which the jobs' traces link to
	Tracestate     string            `json:"tracestate,omitempty"`
}

// SchedulePutResult is the schedule as it is on disk.
type SchedulePutResult struct {
	Schedule Schedule `json:"schedule"`
	Replaced bool     `json:"replaced"` // there was one of that name
}

// ScheduleListParams is the params of schedule.list.
type ScheduleListParams struct {
	Limit    int    `json:"limit,omitempty"` // 1 to 1000; 0: as many as fit into an answer
	Cursor   string `json:"cursor,omitempty"`
	Payloads bool   `json:"payloads,omitempty"` // with params
}

// ScheduleListResult is a page of schedules, by name.
type ScheduleListResult struct {
	Schedules  []Schedule `json:"schedules"`
	NextCursor string     `json:"nextCursor,omitempty"` // more follow
}

// ScheduleDeleteParams is the params of schedule.delete.
type ScheduleDeleteParams struct {
	Names []string `json:"names"`
}

// Schedule is a schedule as clients see it.
type Schedule struct {
	Name           string            `json:"name"`
	Spec           string            `json:"spec"`
	Timezone       string            `json:"timezone"`
	Overlap        string            `json:"overlap"`
	Missed         string            `json:"missed"`
	JitterMs       int64             `json:"jitterMs,omitempty"`
	Pool           string            `json:"pool"`
	Method         string            `json:"method"`
	Params         json.RawMessage   `json:"params,omitempty"`
	TimeoutMs      int64             `json:"timeoutMs,omitempty"`
	Priority       int               `json:"priority"`
	MaxAttempts    int               `json:"maxAttempts"`
	Backoff        *Backoff          `json:"backoff,omitempty"` // absent: the default
	Delivery       string            `json:"delivery"`
	ConcurrencyKey string            `json:"concurrencyKey,omitempty"`
	Labels         map[string]string `json:"labels"`
	CreatedAt      Time              `json:"createdAt"`
	NextAt         *Time             `json:"nextAt,omitempty"`       // the time that comes next; absent: none does
	WaitingAt      *Time             `json:"waitingAt,omitempty"`    // the oldest time that waits for lastJob to end
	LastAt         *Time             `json:"lastAt,omitempty"`       // the last time that had a job
	LastJob        int64             `json:"lastJob,omitempty"`      // its job
	LastState      string            `json:"lastJobState,omitempty"` // absent: that job was pruned
	Skipped        int64             `json:"skipped"`                // times that came while the job before had not ended
}
