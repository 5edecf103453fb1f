package jsonrpc

import "encoding/json"

// Methods of the local socket.
const (
	MethodServerPing     = "ping"
	MethodJobInvoke      = "job.invoke"
	MethodJobSubmit      = "job.submit"
	MethodJobSubmitBatch = "job.submitBatch"
	MethodJobGet         = "job.get"
	MethodJobList        = "job.list"
	MethodJobWait        = "job.wait"
	MethodJobCancel      = "job.cancel"
	MethodJobRetry       = "job.retry"
	MethodJobPrune       = "job.prune"
	MethodPoolList       = "pool.list"
	MethodPoolStats      = "pool.stats"
	MethodPoolPause      = "pool.pause"
	MethodPoolResume     = "pool.resume"
	MethodPoolRestart    = "pool.restart"
	MethodPoolResize     = "pool.resize"
	MethodWorkerList     = "worker.list"
	MethodSchedulePut    = "schedule.put"
	MethodScheduleList   = "schedule.list"
	MethodScheduleDelete = "schedule.delete"
	MethodDiscover       = "rpc.discover"
	MethodSubscribe      = "event.subscribe"
	MethodUnsubscribe    = "event.unsubscribe"
	MethodEvent          = "event" // a notification of the supervisor's
	MethodStatsNote      = "stats" // another
)

// Trace is the W3C trace context that invoke and submit accept.
type Trace struct {
	Traceparent string `json:"traceparent,omitempty"`
	Tracestate  string `json:"tracestate,omitempty"`
	Baggage     string `json:"baggage,omitempty"`
}

// PingResult describes the supervisor.
type PingResult struct {
	Version  string   `json:"version"`
	PID      int      `json:"pid"`
	UptimeMs int64    `json:"uptimeMs"`
	Pools    []string `json:"pools"`
}

// InvokeParams is the params of job.invoke.
type InvokeParams struct {
	Pool      string          `json:"pool,omitempty"`
	Method    string          `json:"method"`
	Params    json.RawMessage `json:"params,omitempty"`    // an array, an object or absent
	TimeoutMs int64           `json:"timeoutMs,omitempty"` // 0: the pool's invocation timeout
	Priority  int             `json:"priority,omitempty"`  // -100 to 100, the higher the sooner
	Trace
}

// ResponseMeta is the meta member of a job.invoke response.
type ResponseMeta struct {
	Job         int64  `json:"job,omitempty"`
	Attempts    int    `json:"attempts"`
	Worker      string `json:"worker,omitempty"`
	WaitMs      int64  `json:"waitMs"`
	RunMs       int64  `json:"runMs"`
	ErrorSource string `json:"errorSource,omitempty"` // "worker" or "whipper", on an error
	Dropped     bool   `json:"dropped,omitempty"`     // all slots were taken and the pool drops calls then: the result is null
}

// Backoff is a job's retry policy: attempt n waits base × factor^(n-1), at most cap, spread by ± jitter.
type Backoff struct {
	BaseMs int64   `json:"baseMs"`
	Factor float64 `json:"factor"`
	CapMs  int64   `json:"capMs"`
	Jitter float64 `json:"jitter"` // 0 to 1: share of the wait by which it may vary
}

// SubmitParams is the params of job.submit and one element of job.submitBatch's jobs.
type SubmitParams struct {
	Pool           string            `json:"pool,omitempty"`
	Method         string            `json:"method"`
	Params         json.RawMessage   `json:"params,omitempty"`
	TimeoutMs      int64             `json:"timeoutMs,omitempty"`
	Priority       int               `json:"priority,omitempty"`
	DelayMs        int64             `json:"delayMs,omitempty"`
	RunAt          *Time             `json:"runAt,omitempty"`
	MaxAttempts    int               `json:"maxAttempts,omitempty"` // 0: 3
	Backoff        *Backoff          `json:"backoff,omitempty"`
	IdempotencyKey string            `json:"idempotencyKey,omitempty"`
	ConcurrencyKey string            `json:"concurrencyKey,omitempty"` // of a pool's jobs with the same one, one runs at a time
	Delivery       string            `json:"delivery,omitempty"`       // at-least-once (default) or at-most-once
	ExpiresAt      *Time             `json:"expiresAt,omitempty"`
	Labels         map[string]string `json:"labels,omitempty"`
	Trace
}

// SubmitResult is the result of job.submit, sent after the commit.
type SubmitResult struct {
	ID        int64 `json:"id"`
	Duplicate bool  `json:"duplicate"` // the idempotency key was known: ID is the first job's
}

// SubmitBatchParams is the params of job.submitBatch.
type SubmitBatchParams struct {
	Jobs []SubmitParams `json:"jobs"`
}

// SubmitBatchResult holds one id per job, in order.
type SubmitBatchResult struct {
	IDs []int64 `json:"ids"`
}

// Job is a job as clients see it.
type Job struct {
	ID             int64             `json:"id"`
	Pool           string            `json:"pool"`
	Method         string            `json:"method"`
	State          string            `json:"state"` // queued running succeeded failed cancelled dropped
	Priority       int               `json:"priority"`
	Attempt        int               `json:"attempt"` // attempts charged so far
	MaxAttempts    int               `json:"maxAttempts"`
	Params         json.RawMessage   `json:"params,omitempty"`
	Result         json.RawMessage   `json:"result,omitempty"`
	Error          *Error            `json:"error,omitempty"`
	ErrorSource    string            `json:"errorSource,omitempty"`
	Progress       json.RawMessage   `json:"progress,omitempty"`
	Labels         map[string]string `json:"labels"`
	CreatedAt      Time              `json:"createdAt"`
	RunAt          Time              `json:"runAt"`
	StartedAt      *Time             `json:"startedAt,omitempty"`
	FinishedAt     *Time             `json:"finishedAt,omitempty"`
	ExpiresAt      *Time             `json:"expiresAt,omitempty"`
	TimeoutMs      int64             `json:"timeoutMs,omitempty"`
	WaitMs         *int64            `json:"waitMs,omitempty"` // from when it could run to its last start
	RunMs          *int64            `json:"runMs,omitempty"`  // of the last run
	Worker         string            `json:"worker,omitempty"`
	IdempotencyKey string            `json:"idempotencyKey,omitempty"`
	ConcurrencyKey string            `json:"concurrencyKey,omitempty"`
	Delivery       string            `json:"delivery"`
	Origin         string            `json:"origin"` // submit or invoke
	Trace
	Attempts []Attempt `json:"attempts,omitempty"` // job.get only
}

// Attempt is one run of a job.
type Attempt struct {
	Attempt    int    `json:"attempt"`           // counts every run, charged or not, from 1
	Outcome    string `json:"outcome,omitempty"` // missing while it runs
	Worker     string `json:"worker"`
	PID        int    `json:"pid"`
	StartedAt  Time   `json:"startedAt"`
	FinishedAt *Time  `json:"finishedAt,omitempty"`
	Error      *Error `json:"error,omitempty"`
	ExitCode   *int   `json:"exitCode,omitempty"`
	Signal     string `json:"signal,omitempty"` // e.g. SIGKILL
	StderrTail string `json:"stderrTail,omitempty"`
}

// GetParams is the params of job.get.
type GetParams struct {
	ID int64 `json:"id"`
}

// ListParams is the params of job.list: a filter, a cursor and a limit.
type ListParams struct {
	Pool     string `json:"pool,omitempty"`
	Method   string `json:"method,omitempty"`
	State    string `json:"state,omitempty"`
	Since    *Time  `json:"since,omitempty"` // created at or after
	Until    *Time  `json:"until,omitempty"` // created before
	Label    *Label `json:"label,omitempty"`
	Grep     string `json:"grep,omitempty"`  // a text that occurs in the job: its method, key, labels, payloads, errors or stderr tails
	Limit    int    `json:"limit,omitempty"` // 1 to 1000; 0: 100
	Cursor   string `json:"cursor,omitempty"`
	Payloads bool   `json:"payloads,omitempty"` // with params, result, error and progress
}

// Label is one name and value that a job must carry.
type Label struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// JobsResult is the result of job.list and job.wait.
type JobsResult struct {
	Jobs       []Job  `json:"jobs"`
	NextCursor string `json:"nextCursor,omitempty"` // job.list: more follow
}

// WaitParams is the params of job.wait. A wait that times out is a TimeoutError. The jobs come back without their params.
type WaitParams struct {
	IDs       []int64 `json:"ids"`
	TimeoutMs int64   `json:"timeoutMs,omitempty"` // 0: no limit
	Payloads  *bool   `json:"payloads,omitempty"`  // nil: true; false: without result and progress too, so that any number of jobs fits
}

// CancelJobsParams is the params of job.cancel: ids, or a filter.
type CancelJobsParams struct {
	IDs    []int64     `json:"ids,omitempty"`
	Filter *ListParams `json:"filter,omitempty"` // pool, method, state, since, until, label and grep apply
}

// RetryJobsParams is the params of job.retry: ids, or a filter.
type RetryJobsParams struct {
	IDs    []int64     `json:"ids,omitempty"`
	Filter *ListParams `json:"filter,omitempty"` // pool, method, state, since, until, label and grep apply
}

// PruneJobsParams is the params of job.prune: ids, or a filter.
type PruneJobsParams struct {
	IDs    []int64      `json:"ids,omitempty"`
	Filter *PruneFilter `json:"filter,omitempty"`
}

// PruneFilter selects jobs that have their final outcome. At least one member besides Limit must be set.
type PruneFilter struct {
	Pool        string `json:"pool,omitempty"`
	Method      string `json:"method,omitempty"`
	State       string `json:"state,omitempty"`       // succeeded, failed, cancelled or dropped; "": all of them
	Since       *Time  `json:"since,omitempty"`       // created at or after
	Until       *Time  `json:"until,omitempty"`       // created before
	EndedBefore *Time  `json:"endedBefore,omitempty"` // final before
	Label       *Label `json:"label,omitempty"`
	Grep        string `json:"grep,omitempty"`  // as in ListParams
	Limit       int    `json:"limit,omitempty"` // most jobs, those that were final first; 0: all
}

// CountResult says how many jobs a request changed.
type CountResult struct {
	Count int `json:"count"`
}

// PoolParams names a pool; where only one exists it may be left out.
type PoolParams struct {
	Pool string `json:"pool,omitempty"`
}

// PauseParams is the params of pool.pause and pool.resume: those of a pool, or of one of its methods.
type PauseParams struct {
	Pool   string `json:"pool,omitempty"`
	Method string `json:"method,omitempty"` // "": the pool
}

// PoolStatsParams is the params of pool.stats.
type PoolStatsParams struct {
	Pool   string `json:"pool,omitempty"`
	Follow bool   `json:"follow,omitempty"` // tell what changes, in stats notifications on the same connection
}

// StatsNote is the params of a stats notification.
type StatsNote struct {
	Pool  string    `json:"pool"`
	Stats PoolStats `json:"stats"`
}

// ResizeParams is the params of pool.resize. A bound that is 0 or absent stays as it is; one of the two must be given.
type ResizeParams struct {
	Pool       string `json:"pool,omitempty"`
	MinWorkers int    `json:"minWorkers,omitempty"`
	MaxWorkers int    `json:"maxWorkers,omitempty"`
}

// RestartResult is the result of pool.restart.
type RestartResult struct {
	Pool     string `json:"pool"`
	Replaced int    `json:"replaced"` // workers
}

// Pool is a pool's configuration and condition.
type Pool struct {
	Name       string           `json:"name"`
	State      string           `json:"state"`            // starting, available, paused, degraded, draining
	Reason     string           `json:"reason,omitempty"` // why it is degraded
	Command    []string         `json:"command"`
	MinWorkers int              `json:"minWorkers"`
	MaxWorkers int              `json:"maxWorkers"`
	Program    *Program         `json:"program,omitempty"` // what the workers say they are
	Methods    []string         `json:"methods,omitempty"` // as the workers declare
	Listen     []string         `json:"listen,omitempty"`  // addresses of the sockets that the workers share
	Jobs       map[string]int64 `json:"jobs"`              // by state

	Restrictions []Restriction `json:"restrictions,omitempty"` // methods that have a limit or are paused
}

// Restriction is a method of which not all calls may run.
type Restriction struct {
	Method  string `json:"method"`
	Limit   int    `json:"limit,omitempty"` // calls at once; 0: any number
	Paused  bool   `json:"paused,omitempty"`
	Running int    `json:"running"`
}

// Program is the name and version that workers gave when they were greeted.
type Program struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
}

// PoolListResult is the result of pool.list.
type PoolListResult struct {
	Pools []Pool `json:"pools"`
}

// PoolStats counts over the pool's life, not only over the workers alive now.
type PoolStats struct {
	WorkerCount           int         `json:"workerCount"`
	IdleWorkerCount       int         `json:"idleWorkerCount"`
	BusyWorkerCount       int         `json:"busyWorkerCount"`
	AtCapacityWorkerCount int         `json:"atCapacityWorkerCount"`
	MaxSeenWorkerCount    int         `json:"maxSeenWorkerCount"`
	ProcessCount          int         `json:"processCount"` // that live: forkCount less exitCount
	Workers               WorkerStats `json:"workers"`
}

// WorkerStats counts what workers did.
type WorkerStats struct {
	CallsHandled           int64 `json:"callsHandled"`
	ErrorCount             int64 `json:"errorCount"`
	ForkCount              int64 `json:"forkCount"`
	ExitCount              int64 `json:"exitCount"` // processes that were reaped
	MaxSeenConcurrentCalls int   `json:"maxSeenConcurrentCalls"`
	ResetCount             int64 `json:"resetCount"`
	StrayLines             int64 `json:"strayLines"` // on stdout, that were no message or answered nothing
}

// Worker is one worker of a pool.
type Worker struct {
	ID            string      `json:"id"` // w1, w2, …
	Pool          string      `json:"pool"`
	PID           int         `json:"pid,omitempty"`
	State         string      `json:"state"`         // created forking processing flushing dying destroying
	WorkingStatus string      `json:"workingStatus"` // idle busy atCapacity
	Calls         int         `json:"calls"`         // in flight
	Stats         WorkerStats `json:"stats"`
	StderrTail    string      `json:"stderrTail,omitempty"`
	StartedAt     *Time       `json:"startedAt,omitempty"`  // its process
	Processes     int         `json:"processes,omitempty"`  // in the process's tree, itself included; this and the next three only where the system tells
	RSSBytes      int64       `json:"rssBytes,omitempty"`   // of the tree; a page that several of them share counts for each
	CPUMs         *int64      `json:"cpuMs,omitempty"`      // CPU time that the tree has taken since it was started
	CPUPercent    *float64    `json:"cpuPercent,omitempty"` // 100 is one core: since the look before, at least a second ago, else since its start
	LastExit      *WorkerExit `json:"lastExit,omitempty"`   // of its process before
}

// WorkerExit is how a process of a worker ended.
type WorkerExit struct {
	At       Time   `json:"at"`
	PID      int    `json:"pid"`
	ExitCode *int   `json:"exitCode,omitempty"`
	Signal   string `json:"signal,omitempty"` // as SIGKILL
	Reason   string `json:"reason"`           // as in worker:process:exited
}

// WorkerListResult is the result of worker.list.
type WorkerListResult struct {
	Workers []Worker `json:"workers"`
}
