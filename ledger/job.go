package ledger

import (
	"time"
)

// State is where a job stands. The last four are terminal: they are recorded once and never overwritten.
type State string

// The states of a job.
const (
	Queued    State = "queued"
	Running   State = "running"
	Succeeded State = "succeeded"
	Failed    State = "failed"
	Cancelled State = "cancelled"
	Dropped   State = "dropped"
)

// Terminal says whether a job in this state has its final outcome.
func (s State) Terminal() bool { return s != Queued && s != Running }

// Delivery says what happens to a job whose run was cut short.
type Delivery string

// The two deliveries.
const (
	AtLeastOnce Delivery = "at-least-once" // run again
	AtMostOnce  Delivery = "at-most-once"  // its start is on disk before the worker sees it; never run again
)

// Origin says who waits for a job.
type Origin string

// The two origins.
const (
	FromSubmit Origin = "submit" // the ledger owns it
	FromInvoke Origin = "invoke" // its caller owns it: nobody runs it once the caller is gone
)

// Source says who made an error.
type Source string

// The two sources of an error.
const (
	FromWorker  Source = "worker"
	FromWhipper Source = "whipper"
)

// Limits and defaults of a job.
const (
	MinPriority        = -100
	MaxPriority        = 100
	DefaultMaxAttempts = 3      // of a submitted job; an invoked one has 1
	MostAttempts       = 10_000 // that a job's MaxAttempts may be
	MaxConcurrencyKey  = 200    // bytes
	MaxCrashes         = 5      // uncharged crashes and interruptions before a job fails
)

// Backoff is the wait before a retry: Base × Factor^(attempt-1), at most Cap, spread evenly by ± Jitter of itself.
type Backoff struct {
	Base   time.Duration // 0: 1s
	Factor float64       // 0: 2
	Cap    time.Duration // 0: 1h
	Jitter float64       // share from 0 to 1; 0: none
}

// DefaultBackoff is what a job without a policy of its own gets.
var DefaultBackoff = Backoff{Base: time.Second, Factor: 2, Cap: time.Hour, Jitter: 0.1}

// Trace is the W3C trace context that came with a job.
type Trace struct {
	Traceparent, Tracestate, Baggage string
}

// Job is one row of the ledger. It is a plain value: whoever holds a copy owns it; its byte slices are never written to.
// Params, Result and Error hold JSON that the ledger does not look into.
type Job struct {
	ID       int64
	Pool     string
	Method   string
	State    State
	Priority int // MinPriority to MaxPriority, the higher the sooner

	Params []byte // nil: the call has no params
	Labels map[string]string

	Attempt     int // attempts charged, the running one included
	MaxAttempts int
	Runs        int  // runs begun, charged or not: numbers the attempts
	Crashes     int  // uncharged crashes and interruptions by the supervisor's death; MaxCrashes is the end
	Alone       bool // shares no process with another call on its next run
	Backoff     Backoff
	Timeout     time.Duration // 0: the pool's
	Delivery    Delivery
	Origin      Origin

	IdempotencyKey string // unique per pool; "": none
	ConcurrencyKey string // of the jobs of a pool with the same one, one runs at a time; "": none
	Trace

	CreatedAt  time.Time
	RunAt      time.Time // not before
	ExpiresAt  time.Time // zero: never
	StartedAt  time.Time // of the last run; zero: not yet
	FinishedAt time.Time // zero: not terminal

	Worker string // of the last run, as w1
	PID    int

	Result      []byte // JSON; nil unless Succeeded
	Error       []byte // JSON error object of the last run that had one; nil once Succeeded
	ErrorSource Source
	Progress    []byte // last progress value
}

// Wait is how long the job could have run before its last run began.
func (j *Job) Wait() time.Duration {
	if j.StartedAt.IsZero() {
		return 0
	}
	return max(0, j.StartedAt.Sub(j.RunAt))
}

// Ran is how long the job's last run took, where its end is the job's. It is not where the job was queued for another run, or a later one, and
// cancelled or too late before that.
func (j *Job) Ran() (d time.Duration, ok bool) {
	if j.StartedAt.IsZero() || j.FinishedAt.IsZero() || j.RunAt.After(j.StartedAt) {
		return 0, false
	}
	return max(0, j.FinishedAt.Sub(j.StartedAt)), true
}

// Outcome is how one attempt ended.
type Outcome string

// The outcomes of an attempt.
const (
	OutcomeSucceeded   Outcome = "succeeded"
	OutcomeError       Outcome = "error"       // the worker answered with an error
	OutcomeTimeout     Outcome = "timeout"     // no answer in time
	OutcomeCrashed     Outcome = "crashed"     // its process died
	OutcomeCancelled   Outcome = "cancelled"   // cancelled while running
	OutcomeInterrupted Outcome = "interrupted" // put back: drain, recycling, or the supervisor's death
	OutcomeSnoozed     Outcome = "snoozed"     // the worker asked to be called again later
)

// Attempt is one run of a job that has ended, or, with an empty Outcome, is under way.
type Attempt struct {
	Number     int // 1 is the first run; counts uncharged runs too
	Outcome    Outcome
	Worker     string
	PID        int
	StartedAt  time.Time
	FinishedAt time.Time
	Error      []byte // JSON error object
	ExitCode   *int   // of the process, if it ended with the attempt
	Signal     string // as SIGKILL
	StderrTail string // last lines of the process, if it ended with the attempt
}
