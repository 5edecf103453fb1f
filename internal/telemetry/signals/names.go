package signals

import (
	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// SchemaURL names the version of the semantic conventions that all names without whipper. in front are from.
const SchemaURL = semconv.SchemaURL

// Scope is the name of the instrumentation: of the tracer, the meter and the logger.
const Scope = "github.com/whipper-sidecar/whipper"

// Attributes that the conventions know.
const (
	DestinationName = semconv.MessagingDestinationNameKey   // of spans: the pool
	MessageID       = semconv.MessagingMessageIDKey         // the job's id
	BatchCount      = semconv.MessagingBatchMessageCountKey // jobs that were submitted at once
	OperationName   = semconv.MessagingOperationNameKey     // send or process
	OperationType   = semconv.MessagingOperationTypeKey
	System          = semconv.MessagingSystemKey // whipper
	RPCMethod       = semconv.RPCMethodKey
	RPCSystem       = semconv.RPCSystemNameKey         // jsonrpc
	RPCStatusCode   = semconv.RPCResponseStatusCodeKey // the code of the worker's JSON-RPC error
	RequestID       = semconv.JSONRPCRequestIDKey
	ProtocolVersion = semconv.JSONRPCProtocolVersionKey // 2.0
	ErrorType       = semconv.ErrorTypeKey
	ProcessPID      = semconv.ProcessPIDKey // the worker's
	ExitCode        = semconv.ProcessExitCodeKey
)

// Attributes of whipper's own.
const (
	PoolName    = attribute.Key("whipper.pool")         // of metrics
	JobID       = attribute.Key("whipper.job.id")       // of the spans of workers, which the SDKs make
	Attempt     = attribute.Key("whipper.job.attempt")  // attempts charged, this one included
	RunNumber   = attribute.Key("whipper.job.run")      // runs, charged or not, this one included
	Outcome     = attribute.Key("whipper.outcome")      // how an attempt ended
	QueueWait   = attribute.Key("whipper.queue.wait")   // seconds that the job could have run before it did
	Worker      = attribute.Key("whipper.worker")       // as w1
	Signal      = attribute.Key("whipper.exit.signal")  // that ended the worker's process, as SIGKILL
	ExitReason  = attribute.Key("whipper.exit.reason")  // why the worker's process ended
	QueueState  = attribute.Key("whipper.queue.state")  // invoked or submitted
	WorkerState = attribute.Key("whipper.worker.state") // as in docs/worker-states.md
	LedgerFile  = attribute.Key("whipper.ledger.file")  // database or wal
	RetryDelay  = attribute.Key("whipper.retry.delay")  // seconds until the next run
	LinkKind    = attribute.Key("whipper.link")         // why a span links to another
)

// Values of LinkKind.
const (
	LinkSend     = "send"     // the span that handed the job in, where it is not the parent
	LinkPrevious = "previous" // the attempt before
	LinkSchedule = "schedule" // the call that made the schedule
)

// Values of LedgerFile.
const (
	FileDatabase = "database"
	FileWAL      = "wal"
)

// Other is the method of calls beyond the methods that a pool's metrics tell apart, and the type of errors that have none.
const Other = "_OTHER"

// Values of System and ProtocolVersion, and the operations: a span's name is its operation and the pool.
const (
	SystemWhipper    = "whipper"
	JSONRPCVersion   = "2.0"
	OperationSend    = "send"
	OperationProcess = "process"
)

// Events of an attempt's span.
const (
	EventCrash   = "whipper.crash"   // the worker's process ended under the call
	EventTimeout = "whipper.timeout" // no answer in time
	EventRetry   = "whipper.retry"   // another attempt will be made
	EventSnooze  = "whipper.snooze"  // the worker asked to be called again later
	EventCancel  = "whipper.cancel"  // somebody has cancelled the call
)

// Metrics. Durations are in seconds.
const (
	MetricCallDuration     = "whipper.call.duration"
	MetricCallWait         = "whipper.call.wait"
	MetricActiveCalls      = "whipper.call.active"
	MetricQueueJobs        = "whipper.queue.jobs"
	MetricQueueOldest      = "whipper.queue.oldest"
	MetricWorkers          = "whipper.pool.workers"
	MetricWorkerForks      = "whipper.worker.forks"
	MetricWorkerExits      = "whipper.worker.exits"
	MetricWorkerResets     = "whipper.worker.resets"
	MetricStrayLines       = "whipper.worker.stray_lines"
	MetricCommitDuration   = "whipper.ledger.commit.duration"
	MetricCommitOperations = "whipper.ledger.commit.operations"
	MetricLedgerSize       = "whipper.ledger.size"
	MetricSpansDropped     = "whipper.telemetry.spans.dropped"
	MetricLogsDropped      = "whipper.telemetry.logs.dropped"
)

// Values of ErrorType at MetricSpansDropped and MetricLogsDropped.
const (
	DropQueueFull    = "queue_full"    // more than the queue holds wait for the collector
	DropExportFailed = "export_failed" // the collector did not take them
)
