package ledgertest

import (
	"maps"
	"slices"
	"time"

	"github.com/whipper-sidecar/whipper/ledger"
)

// model is a ledger as plain as can be: a map of jobs, and the books of those that have ended. It has the rules by which jobs move on
// in words of its own, so that it does not repeat a mistake of ledger.Settle or of an engine.
type model struct {
	jobs  map[int64]*entry
	books map[method]*book
	last  int64 // the highest id that was given out
}

type entry struct {
	job      ledger.Job
	attempts []ledger.Attempt // that have ended
	lane     ledger.Lane      // "": none
	compared bool             // with the store, since it has changed
}

type method struct{ pool, name string }

// book is what has become of a method's jobs, pruned ones included.
type book struct {
	ended             map[ledger.State]int64
	attempts, crashes int64
	ran               int64 // jobs that have ended by a run whose length is known
}

// backoff is the policy of all jobs of the model.
var backoff = ledger.Backoff{Base: time.Second, Factor: 2, Cap: 3 * time.Second}

func newModel() *model { return &model{jobs: map[int64]*entry{}, books: map[method]*book{}} }

func (m *model) clone() *model {
	c := &model{jobs: map[int64]*entry{}, books: map[method]*book{}, last: m.last}
	for id, e := range m.jobs {
		c.jobs[id] = &entry{job: e.job, attempts: slices.Clone(e.attempts), lane: e.lane}
	}
	for name, b := range m.books {
		c.books[name] = &book{maps.Clone(b.ended), b.attempts, b.crashes, b.ran}
	}
	return c
}

// ids are those of the jobs in these states, or of all, the oldest first.
func (m *model) ids(states ...ledger.State) (ids []int64) {
	for _, id := range slices.Sorted(maps.Keys(m.jobs)) {
		if len(states) == 0 || slices.Contains(states, m.jobs[id].job.State) {
			ids = append(ids, id)
		}
	}
	return ids
}

// holder is the job that has another's idempotency key, or nil.
func (m *model) holder(of *ledger.Job) *ledger.Job {
	for _, e := range m.jobs {
		if of.IdempotencyKey != "" && e.job.IdempotencyKey == of.IdempotencyKey && e.job.Pool == of.Pool {
			return &e.job
		}
	}
	return nil
}

// admits says why a submission must be refused: "conflict", "backlog", or "" if it must not.
func (m *model) admits(jobs []ledger.Job, backlog int) string {
	m = m.clone()
	for _, job := range jobs {
		if h := m.holder(&job); h == nil {
			job.ID = m.last + 1
			m.add(job)
		} else if h.Method != job.Method || string(h.Params) != string(job.Params) {
			return "conflict"
		}
	}
	for i := range jobs {
		n := 0
		for _, id := range m.ids(ledger.Queued) {
			if j := &m.jobs[id].job; j.Pool == jobs[i].Pool && j.Origin == ledger.FromSubmit {
				n++
			}
		}
		if backlog > 0 && n > backlog {
			return "backlog"
		}
	}
	return ""
}

func (m *model) add(job ledger.Job) {
	m.last = max(m.last, job.ID)
	m.jobs[job.ID] = &entry{job: job}
	if _, ok := m.books[method{job.Pool, job.Method}]; !ok {
		m.books[method{job.Pool, job.Method}] = &book{ended: map[ledger.State]int64{}}
	}
	if job.State.Terminal() {
		m.book(&job).ended[job.State]++
	}
}

func (m *model) book(j *ledger.Job) *book { return m.books[method{j.Pool, j.Method}] }

// change is the job to be changed. It leaves its lane.
func (m *model) change(id int64) *ledger.Job {
	m.jobs[id].compared, m.jobs[id].lane = false, ""
	return &m.jobs[id].job
}

func (m *model) start(id int64, at time.Time) {
	j := m.change(id)
	j.State, j.StartedAt, j.Worker, j.PID = ledger.Running, at, "w1", 4711
	j.Attempt++
	j.Runs++
}

// finish ends a run.
func (m *model) finish(id int64, e ledger.Ending) {
	j := m.change(id)
	m.jobs[id].attempts = append(m.jobs[id].attempts, ledger.Attempt{
		Number: j.Runs, Outcome: e.Outcome, Worker: j.Worker, PID: j.PID, StartedAt: j.StartedAt, FinishedAt: e.At, Error: e.Error,
	})
	m.book(j).attempts++
	if e.Outcome == ledger.OutcomeCrashed {
		m.book(j).crashes++
	}
	if e.Error != nil {
		j.Error, j.ErrorSource = e.Error, e.ErrorSource
	}
	suspected := j.Alone
	j.Alone = false
	once := j.Delivery == ledger.AtMostOnce
	switch {
	case e.Outcome == ledger.OutcomeSucceeded:
		j.Result, j.Error, j.ErrorSource = e.Result, nil, ""
		m.end(j, ledger.Succeeded, e.At)
	case e.Outcome == ledger.OutcomeCancelled:
		m.end(j, ledger.Cancelled, e.At)
	case e.Outcome == ledger.OutcomeSnoozed:
		j.Attempt--
		j.State, j.RunAt = ledger.Queued, e.At.Add(e.Snooze)
	case e.Outcome == ledger.OutcomeInterrupted || e.Shared: // nobody's fault
		j.Attempt--
		if e.Shared || e.Abandoned {
			j.Crashes++
		}
		if once || j.Origin == ledger.FromInvoke || (e.Shared || e.Abandoned) && j.Crashes >= 5 {
			m.end(j, ledger.Failed, e.At)
			break
		}
		j.State, j.Alone = ledger.Queued, e.Shared || suspected
	case once || e.Permanent || j.Attempt == j.MaxAttempts:
		m.end(j, ledger.Failed, e.At)
	default:
		j.State, j.RunAt = ledger.Queued, e.At.Add([]time.Duration{1: time.Second, 2: 2 * time.Second, 3: 3 * time.Second}[j.Attempt])
		j.Alone = e.Outcome == ledger.OutcomeCrashed
	}
	if j.State == ledger.Queued && j.ConcurrencyKey != "" && !j.RunAt.After(e.At) {
		m.jobs[id].lane = ledger.KeyLane(j.ConcurrencyKey)
	}
	if j.State.Terminal() && !e.Abandoned { // nobody knows when that run came to its end
		m.book(j).ran++
	}
}

// end gives a job its final state.
func (m *model) end(j *ledger.Job, state ledger.State, at time.Time) {
	j.State, j.FinishedAt = state, at
	m.book(j).ended[state]++
}

// endUnrun ends a queued job without a run.
func (m *model) endUnrun(id int64, state ledger.State, at time.Time, err []byte) {
	j := m.change(id)
	j.Error, j.ErrorSource = err, ledger.FromWhipper
	if !j.StartedAt.IsZero() && !j.RunAt.After(j.StartedAt) {
		j.RunAt = j.StartedAt.Add(time.Microsecond)
	}
	m.end(j, state, at)
}

// retry queues a job anew.
func (m *model) retry(id int64, at time.Time) {
	j := m.change(id)
	j.State, j.Attempt, j.Crashes, j.Origin, j.RunAt, j.FinishedAt = ledger.Queued, 0, 0, ledger.FromSubmit, at, time.Time{}
	if expired(j, at) {
		j.ExpiresAt = time.Time{}
	}
	if a := m.jobs[id].attempts; len(a) > 0 && a[len(a)-1].Outcome == ledger.OutcomeCrashed {
		j.Alone = true
	}
}

// recover settles what a supervisor has left.
func (m *model) recover(at time.Time) (r ledger.Recovery) {
	for _, id := range m.ids(ledger.Queued, ledger.Running) {
		j := &m.jobs[id].job
		switch {
		case j.State == ledger.Running:
			m.finish(id, ledger.Ending{Outcome: ledger.OutcomeInterrupted, Abandoned: true, At: at, Error: anyWords, ErrorSource: ledger.FromWhipper})
			if j.State == ledger.Failed {
				r.Failed++
			} else {
				r.Requeued++
			}
		case j.Origin == ledger.FromInvoke:
			m.endUnrun(id, ledger.Cancelled, at, anyWords)
			r.Cancelled++
		}
	}
	if ids := m.ids(); len(ids) > 0 {
		newest := &m.jobs[ids[len(ids)-1]].job
		seen := slices.MaxFunc([]time.Time{newest.CreatedAt, newest.StartedAt, newest.FinishedAt}, time.Time.Compare)
		if seen.After(at.Add(time.Second)) {
			m.rebase(at)
		}
	}
	return r
}

// rebase has jobs not wait for a clock that is behind them.
func (m *model) rebase(at time.Time) {
	for _, id := range m.ids(ledger.Queued) {
		switch e := m.jobs[id]; {
		case !e.job.RunAt.After(at):
		case e.job.Runs == 0 && e.job.RunAt.Equal(e.job.CreatedAt):
			e.job.RunAt, e.compared = at, false
		case e.job.Runs > 0 && e.job.StartedAt.After(at):
			e.job.RunAt, e.compared = at.Add(max(0, e.job.RunAt.Sub(e.job.StartedAt))), false
		}
	}
}

// anyWords stand for an error whose words are the engine's.
var anyWords = []byte("any")
