package ledgertest

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/whipper-sidecar/whipper/ledger"
)

// noon is when the clock of a bench begins.
var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// bench is a test with a store and the store's clock.
type bench struct {
	*testing.T
	Store
	engine Engine
	dir    string
	now    time.Time // the test sets it between calls
}

func newBench(t *testing.T, e Engine) *bench {
	b := &bench{T: t, engine: e, dir: t.TempDir(), now: noon}
	b.open()
	t.Cleanup(b.close)
	return b
}

func (b *bench) open() {
	b.Helper()
	store, err := b.engine.Open(b.dir, func() time.Time { return b.now })
	if err != nil {
		b.Fatal(err)
	}
	b.Store = store
}

func (b *bench) close() {
	b.Helper()
	if err := b.engine.Check(b.Store); err != nil {
		b.Error(err)
	}
	if err := b.Close(); err != nil {
		b.Error(err)
	}
}

// reopen closes the store and opens it again.
func (b *bench) reopen() {
	b.Helper()
	b.close()
	b.open()
}

// submit submits jobs and returns their ids.
func (b *bench) submit(jobs ...ledger.Job) []int64 {
	b.Helper()
	ids := make([]int64, len(jobs))
	for i, s := range b.submitted(jobs...) {
		ids[i] = s.ID
	}
	return ids
}

func (b *bench) submitted(jobs ...ledger.Job) []ledger.Submitted {
	b.Helper()
	answer, err := b.SubmitWith(b.Context(), jobs, ledger.SubmitOptions{})
	if err != nil || len(answer) != len(jobs) {
		b.Fatalf("%d answers to %d jobs: %v", len(answer), len(jobs), err)
	}
	return answer
}

// insert hands over a job of an invoke.
func (b *bench) insert(job ledger.Job) ledger.Job {
	b.Helper()
	id, err := b.NextID(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	job.ID, job.Origin, job.MaxAttempts, job.Delivery, job.Backoff = id, ledger.FromInvoke, 1, ledger.AtLeastOnce, ledger.DefaultBackoff
	if job.CreatedAt.IsZero() {
		job.CreatedAt = b.now
	}
	job.RunAt = job.CreatedAt
	b.Insert(job, b.accepted)
	return job
}

func (b *bench) job(id int64) ledger.Job {
	b.Helper()
	job, _ := b.whole(id)
	return job
}

func (b *bench) whole(id int64) (ledger.Job, []ledger.Attempt) {
	b.Helper()
	job, attempts, err := b.Get(b.Context(), id)
	if err != nil {
		b.Fatal(err)
	}
	return job, attempts
}

func (b *bench) flush() {
	b.Helper()
	if err := b.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
}

// accepted is for changes that must not be refused.
func (b *bench) accepted(err error) {
	if err != nil {
		b.Error(err)
	}
}

// start has a queued job run.
func (b *bench) start(id int64) ledger.Job {
	b.Helper()
	job := ledger.Begin(b.job(id), "w1", 4711, b.now)
	b.Start(job, b.accepted)
	b.flush()
	return job
}

// finish ends a run, now unless the ending says otherwise.
func (b *bench) finish(job ledger.Job, e ledger.Ending) ledger.Job {
	b.Helper()
	if e.At.IsZero() {
		e.At = b.now
	}
	job, attempt := ledger.Settle(job, e, 0.5)
	b.Finish(job, attempt, b.accepted)
	b.flush()
	return job
}

// run takes a queued job through one run.
func (b *bench) run(id int64, e ledger.Ending) ledger.Job {
	b.Helper()
	return b.finish(b.start(id), e)
}

// end takes a queued job to an end of this kind.
func (b *bench) end(id int64, o ledger.Outcome) {
	b.Helper()
	b.run(id, ledger.Ending{Outcome: o, Permanent: true})
}

// states are those of the jobs, in the order of the ids, with "gone" for one that is not there.
func (b *bench) states(ids ...int64) string {
	b.Helper()
	found, err := b.States(b.Context(), ids)
	if err != nil {
		b.Fatal(err)
	}
	var all []string
	for _, id := range ids {
		if state, ok := found[id]; ok {
			all = append(all, string(state))
		} else {
			all = append(all, "gone")
		}
	}
	return strings.Join(all, " ")
}

// counts are how many jobs of a pool are in each state.
func (b *bench) counts(pool string) map[ledger.State]int64 {
	b.Helper()
	counts, err := b.Counts(b.Context(), pool)
	if err != nil {
		b.Fatal(err)
	}
	return counts
}

// exported is all that the store says of its jobs.
func (b *bench) exported() string {
	b.Helper()
	var text strings.Builder
	if _, err := b.Export(b.Context(), &text, ledger.Filter{}, nil); err != nil {
		b.Fatal(err)
	}
	return text.String()
}

func idsOf(jobs []ledger.Job) []int64 {
	ids := make([]int64, len(jobs))
	for i := range jobs {
		ids[i] = jobs[i].ID
	}
	return ids
}

// many is the same job again and again.
func many(n int, job ledger.Job) []ledger.Job { return slices.Repeat([]ledger.Job{job}, n) }

// plain is a job without anything special.
var plain = ledger.Job{Pool: "p", Method: "m"}

var allStates = []ledger.State{ledger.Queued, ledger.Running, ledger.Succeeded, ledger.Failed, ledger.Cancelled, ledger.Dropped}
