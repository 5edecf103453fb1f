package whipper

import "github.com/whipper-sidecar/whipper/jsonrpc"

// What is asked for. Durations are in milliseconds.
type (
	// InvokeParams is a call whose caller waits for its result.
	InvokeParams = jsonrpc.InvokeParams
	// SubmitParams is a job for the ledger.
	SubmitParams = jsonrpc.SubmitParams
	// SubmitBatchParams is several jobs that are submitted together.
	SubmitBatchParams = jsonrpc.SubmitBatchParams
	// GetParams names one job.
	GetParams = jsonrpc.GetParams
	// ListParams is a filter, a cursor and a limit.
	ListParams = jsonrpc.ListParams
	// WaitParams names the jobs to wait for, and for how long.
	WaitParams = jsonrpc.WaitParams
	// CancelJobsParams is the ids of jobs, or a filter.
	CancelJobsParams = jsonrpc.CancelJobsParams
	// RetryJobsParams is the ids of jobs, or a filter.
	RetryJobsParams = jsonrpc.RetryJobsParams
	// PruneJobsParams is the ids of jobs, or a filter.
	PruneJobsParams = jsonrpc.PruneJobsParams
	// PruneFilter selects jobs that have their final outcome.
	PruneFilter = jsonrpc.PruneFilter
	// PauseParams names a pool, or one of its methods.
	PauseParams = jsonrpc.PauseParams
	// Restriction is a method of a pool that has a limit or is paused.
	Restriction = jsonrpc.Restriction
	// PoolParams names a pool; where there is only one it may be left out.
	PoolParams = jsonrpc.PoolParams
	// ResizeParams is how many workers a pool should have at least and at most.
	ResizeParams = jsonrpc.ResizeParams
	// SchedulePutParams is when jobs are submitted, and which.
	SchedulePutParams = jsonrpc.SchedulePutParams
	// ScheduleListParams says what a listing of schedules has.
	ScheduleListParams = jsonrpc.ScheduleListParams
	// ScheduleDeleteParams names schedules.
	ScheduleDeleteParams = jsonrpc.ScheduleDeleteParams
	// Backoff is a job's retry policy.
	Backoff = jsonrpc.Backoff
	// Label is a name and value that a job must carry.
	Label = jsonrpc.Label
	// Trace is a W3C trace context.
	Trace = jsonrpc.Trace
	// Time is a moment, with milliseconds on the wire.
	Time = jsonrpc.Time
)

// What comes back.
type (
	// PingResult describes the supervisor.
	PingResult = jsonrpc.PingResult
	// ResponseMeta tells of an invocation's job, worker and times.
	ResponseMeta = jsonrpc.ResponseMeta
	// SubmitResult is the id of a job that is on disk.
	SubmitResult = jsonrpc.SubmitResult
	// SubmitBatchResult is one id per job, in order.
	SubmitBatchResult = jsonrpc.SubmitBatchResult
	// Job is a job as the ledger has it.
	Job = jsonrpc.Job
	// Attempt is one run of a job.
	Attempt = jsonrpc.Attempt
	// JobsResult is a page of jobs, or those that were waited for.
	JobsResult = jsonrpc.JobsResult
	// CountResult says how many jobs were changed.
	CountResult = jsonrpc.CountResult
	// Pool is a pool's configuration and condition.
	Pool = jsonrpc.Pool
	// PoolListResult is all pools of a supervisor.
	PoolListResult = jsonrpc.PoolListResult
	// RestartResult says how many workers were replaced.
	RestartResult = jsonrpc.RestartResult
	// PoolStats counts over a pool's life.
	PoolStats = jsonrpc.PoolStats
	// WorkerStats counts what workers did.
	WorkerStats = jsonrpc.WorkerStats
	// Worker is one worker of a pool.
	Worker = jsonrpc.Worker
	// WorkerListResult is the workers of a pool.
	WorkerListResult = jsonrpc.WorkerListResult
	// Schedule is a schedule as the ledger has it.
	Schedule = jsonrpc.Schedule
	// SchedulePutResult is a schedule that is on disk.
	SchedulePutResult = jsonrpc.SchedulePutResult
	// ScheduleListResult is a page of schedules.
	ScheduleListResult = jsonrpc.ScheduleListResult
	// Error is an error answer: the worker's own, or one of whipper's conditions, which Type names.
	Error = jsonrpc.Error
	// ErrorData is what Error.Details gives.
	ErrorData = jsonrpc.ErrorData
)

// Codes of whipper's own conditions, and the three of JSON-RPC that calls end with. A worker's function may use the same
// numbers: ResponseMeta.ErrorSource tells whose error it is.
const (
	CodeAtCapacity       = jsonrpc.CodeAtCapacity
	CodeTimeout          = jsonrpc.CodeTimeout
	CodeWorkerCrashed    = jsonrpc.CodeWorkerCrashed
	CodeCancelled        = jsonrpc.CodeCancelled
	CodeQueueFull        = jsonrpc.CodeQueueFull
	CodeNotFound         = jsonrpc.CodeNotFound
	CodeShuttingDown     = jsonrpc.CodeShuttingDown
	CodeExpired          = jsonrpc.CodeExpired
	CodeMessageTooLarge  = jsonrpc.CodeMessageTooLarge
	CodeInvalidArgument  = jsonrpc.CodeInvalidArgument
	CodeLedger           = jsonrpc.CodeLedger
	CodeMethodNotFound   = jsonrpc.CodeMethodNotFound
	CodeInvalidParams    = jsonrpc.CodeInvalidParams
	CodeRequestCancelled = jsonrpc.CodeRequestCancelled
)
