package ledgertest

import (
	"context"
	"io"
	"time"

	"github.com/whipper-sidecar/whipper/ledger"
)

// Store is what the supervisor, the server and the commands need of a ledger, whatever engine keeps it. What each method promises is
// said at that of *ledger.Ledger, and Run holds an engine to it.
type Store interface {
	// Jobs come in, by submission or under an id that was drawn before.
	SubmitWith(ctx context.Context, jobs []ledger.Job, o ledger.SubmitOptions) ([]ledger.Submitted, error)
	NextID(ctx context.Context) (int64, error)
	LastID() int64
	Insert(job ledger.Job, done func(error))

	// They are claimed and run. The rows are those that ledger.Begin and ledger.Settle return.
	Ready(ctx context.Context, pool string, now time.Time, limit int, skip map[int64]struct{}) (jobs []ledger.Job, next time.Time, err error)
	ReadyAfter(ctx context.Context, pool string, now time.Time, limit int, skip map[int64]struct{}, after ledger.Position) (jobs []ledger.Job, next time.Time, err error)
	Expired(ctx context.Context, pool string, now time.Time, limit int) ([]ledger.Job, error)
	Park(jobs []ledger.Parked, done func(error))
	InLane(ctx context.Context, pool string, lane ledger.Lane, limit int, skip map[int64]struct{}) (jobs []ledger.Job, skipped []int64, more bool, err error)
	Lanes(ctx context.Context, pool string) ([]ledger.Lane, error)
	Start(job ledger.Job, done func(error))
	Finish(job ledger.Job, a ledger.Attempt, done func(error))

	// Somebody commands.
	PauseMethod(ctx context.Context, pool, method string) error
	ResumeMethod(ctx context.Context, pool, method string) error
	PausedMethods(ctx context.Context, pool string) ([]string, error)
	CancelQueued(ctx context.Context, ids []int64, at time.Time, errJSON []byte) (cancelled []int64, err error)
	Retry(ctx context.Context, ids []int64, committed func([]ledger.Job)) (retried []int64, err error)
	Prune(ctx context.Context, f ledger.PruneFilter) (int, error)
	PruneIDs(ctx context.Context, ids []int64) (int, error)
	Sweep(ctx context.Context, r ledger.Retention) (pruned int, next time.Time, err error)

	// Somebody asks.
	Get(ctx context.Context, id int64) (ledger.Job, []ledger.Attempt, error)
	States(ctx context.Context, ids []int64) (map[int64]ledger.State, error)
	Wait(ctx context.Context, ids []int64, r ledger.Reading) ([]ledger.Job, error)
	List(ctx context.Context, f ledger.Filter) (jobs []ledger.Job, next string, err error)
	Count(ctx context.Context, f ledger.Filter) (int64, error)
	Counts(ctx context.Context, pool string) (map[ledger.State]int64, error)
	Stats(ctx context.Context, f ledger.StatsFilter) ([]ledger.MethodStats, error)
	Prunable(ctx context.Context, f ledger.PruneFilter) (int, error)
	PrunableIDs(ctx context.Context, ids []int64) (int, error)
	Export(ctx context.Context, w io.Writer, f ledger.Filter, progress func(jobs int64)) (jobs int64, err error)

	// A schedule has its times.
	PutSchedule(ctx context.Context, s ledger.Schedule) (put ledger.Schedule, replaced bool, err error)
	DeleteSchedules(ctx context.Context, names []string) error
	Schedules(ctx context.Context) ([]ledger.Schedule, error)
	Due(ctx context.Context, now time.Time) (due []ledger.Schedule, next time.Time, err error)
	Fire(ctx context.Context, names []string, t ledger.Turns) (turned []ledger.Turned, err error)
	SchedulesChanged() <-chan struct{}

	// A supervisor starts, and stops.
	RecordProcess(ctx context.Context, p ledger.Process) error
	ForgetProcess(p ledger.Process)
	Processes(ctx context.Context) ([]ledger.Process, error)
	Recover(ctx context.Context) (ledger.Recovery, error)
	Rebase(ctx context.Context, pool string) (int, error)
	Flush(ctx context.Context) error
	Close() error
}

// Engine is one way to keep a ledger.
type Engine struct {
	// Open opens the store that a folder stands for, and makes it if there is none. now is its clock.
	Open func(dir string, now func() time.Time) (Store, error)

	// Crash makes of one folder's store another's, as it would be found if the process that has the first open were killed at this
	// moment. The first is closed afterwards.
	Crash func(from, to string) error

	// Import makes a folder's store of an export, or adds it to one that is there and closed.
	Import func(dir string, from io.Reader) (ledger.Imported, error)

	// Check looks for what no caller can see to be wrong. It is called before a store is closed for good.
	Check func(Store) error
}
