package ledgertest

import (
	"context"
	"errors"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/whipper-sidecar/whipper/ledger"
)

func draw[T any](m *machine, label string, from ...T) T {
	return rapid.SampledFrom(from).Draw(m.T, label)
}

// drawJob is a job as it is before anything happens to it.
func (m *machine) drawJob() ledger.Job {
	second := func(label string, from ...int) time.Time {
		return m.now.Add(time.Duration(draw(m, label, from...)) * time.Second)
	}
	job := ledger.Job{
		Pool: draw(m, "pool", "p", "q"), Method: draw(m, "method", "m", "n"), Params: draw(m, "params", nil, []byte(`[1]`), []byte(`[2]`)),
		State: ledger.Queued, Priority: draw(m, "priority", 0, 0, -1, 1), MaxAttempts: rapid.IntRange(1, 4).Draw(m.T, "attempts"),
		Backoff: backoff, Delivery: draw(m, "delivery", ledger.AtLeastOnce, ledger.AtLeastOnce, ledger.AtMostOnce), Origin: ledger.FromSubmit,
		ConcurrencyKey: draw(m, "concurrency key", "", "u"), CreatedAt: m.now, RunAt: second("delay", 0, 0, 0, 2, 60),
	}
	if rapid.IntRange(0, 3).Draw(m.T, "expires") == 0 {
		job.ExpiresAt = second("expiry", -1, 1, 3, 3600)
	}
	return job
}

func (m *machine) submit() {
	jobs := make([]ledger.Job, rapid.IntRange(1, 4).Draw(m.T, "jobs"))
	for i := range jobs {
		jobs[i] = m.drawJob()
		jobs[i].IdempotencyKey = draw(m, "key", "", "", "k", "l")
	}
	backlog := draw(m, "backlog", 0, 0, 4)
	refusal := m.model.admits(jobs, backlog)
	answer, err := m.SubmitWith(context.Background(), jobs, ledger.SubmitOptions{Backlog: backlog})
	var conflict *ledger.KeyConflictError
	var full *ledger.BacklogError
	if errors.As(err, &conflict) != (refusal == "conflict") || errors.As(err, &full) != (refusal == "backlog") || (err != nil) != (refusal != "") {
		m.Fatalf("submission was answered %v, %v; the model's refusal is %q", answer, err, refusal)
	}
	for i, a := range answer {
		holder := m.model.holder(&jobs[i])
		if a.Duplicate != (holder != nil) || holder != nil && a.ID != holder.ID || holder == nil && a.ID <= m.model.last {
			m.Fatalf("answers %+v, job %d has the key, the last id was %d", answer, i, m.model.last)
		}
		if jobs[i].ID = a.ID; holder == nil {
			m.model.add(jobs[i])
		}
	}
}

// invoke inserts a job that somebody waits for, and that has begun already, has to wait, or was dropped.
func (m *machine) invoke() bool {
	id, err := m.NextID(context.Background())
	if err != nil || id <= m.model.last {
		m.Fatalf("id %d after %d: %v", id, m.model.last, err)
	}
	job := m.drawJob()
	job.ID, job.Origin, job.MaxAttempts, job.RunAt = id, ledger.FromInvoke, 1, m.now
	switch draw(m, "as", ledger.Queued, ledger.Running, ledger.Dropped) {
	case ledger.Running:
		job = ledger.Begin(job, "w1", 4711, m.now)
	case ledger.Dropped:
		job.State, job.FinishedAt = ledger.Dropped, m.now
	}
	m.Insert(job, m.answer)
	m.model.add(job)
	return true
}

func (m *machine) start() bool {
	id, ok := m.pick(ledger.Queued)
	if ok {
		m.Start(ledger.Begin(m.model.jobs[id].job, "w1", 4711, m.now), m.answer)
		m.model.start(id, m.now)
	}
	return ok
}

func (m *machine) finish() bool {
	id, ok := m.pick(ledger.Running)
	if ok {
		e := m.drawEnding()
		job, attempt := ledger.Settle(m.model.jobs[id].job, e, 0)
		m.Finish(job, attempt, m.answer)
		m.model.finish(id, e)
	}
	return ok
}

func (m *machine) drawEnding() ledger.Ending {
	e := ledger.Ending{At: m.now, Outcome: draw(m, "outcome",
		ledger.OutcomeSucceeded, ledger.OutcomeError, ledger.OutcomeTimeout, ledger.OutcomeCrashed, ledger.OutcomeCancelled,
		ledger.OutcomeInterrupted, ledger.OutcomeSnoozed)}
	switch e.Outcome {
	case ledger.OutcomeSucceeded:
		e.Result = []byte(`"ok"`)
		return e
	case ledger.OutcomeSnoozed:
		e.Snooze = time.Duration(rapid.IntRange(0, 5).Draw(m.T, "snooze")) * time.Second
		return e
	case ledger.OutcomeError:
		e.Permanent = rapid.Bool().Draw(m.T, "permanent")
	case ledger.OutcomeCrashed:
		e.Shared = rapid.Bool().Draw(m.T, "shared")
	}
	e.Error, e.ErrorSource = []byte(`{"code":1}`), ledger.FromWorker
	return e
}

// refuse hands over a change that starts from another state than the job's.
func (m *machine) refuse() {
	id, ok := m.pick()
	if !ok {
		m.Skip("there is no job")
	}
	job := m.model.jobs[id].job
	late := ledger.Begin(job, "w2", 1, m.now)
	ended, attempt := ledger.Settle(late, ledger.Ending{Outcome: ledger.OutcomeError, At: m.now, Permanent: true}, 0) // its number is not taken
	unrun := job
	unrun.State, unrun.FinishedAt = ledger.Cancelled, m.now
	kinds := []string{"insert"}
	if job.State != ledger.Queued {
		kinds = append(kinds, "start", "end unrun")
	}
	if job.State != ledger.Running {
		kinds = append(kinds, "end")
	}
	switch draw(m, "kind", kinds...) {
	case "insert":
		m.Insert(job, m.answer)
	case "start":
		m.Start(late, m.answer)
	case "end unrun":
		m.Finish(unrun, ledger.Attempt{}, m.answer)
	case "end":
		m.Finish(ended, attempt, m.answer)
	}
	if err := <-m.answered; !errors.Is(err, ledger.ErrGuard) {
		m.Fatalf("a change of a job that is %s was answered: %v", job.State, err)
	}
}

// park has a job stand aside.
func (m *machine) park() bool {
	id, ok := m.pick(ledger.Queued)
	if ok {
		lane := draw(m, "lane", ledger.KeyLane("u"), ledger.MethodLane("m"))
		m.Park([]ledger.Parked{{Job: id, Lane: lane}}, m.answer)
		m.model.jobs[id].lane = lane
	}
	return ok
}

// expire ends what has expired, as a claimer does.
func (m *machine) expire() {
	pool := draw(m, "pool", "p", "q")
	jobs, err := m.Expired(context.Background(), pool, m.now, 2)
	if err != nil {
		m.Fatal(err)
	}
	for _, job := range jobs {
		job = ledger.EndWaiting(job, ledger.Failed, m.now, []byte(`{"code":1008}`))
		m.Finish(job, ledger.Attempt{}, m.answer)
		m.accepted()
		m.model.endUnrun(job.ID, ledger.Failed, m.now, job.Error)
	}
}

func (m *machine) cancel() {
	ids := m.pickSome()
	var want []int64
	for _, id := range ids {
		if m.model.jobs[id].job.State == ledger.Queued {
			want = append(want, id)
			m.model.endUnrun(id, ledger.Cancelled, m.now, []byte(`{"code":1004}`))
		}
	}
	if got, err := m.CancelQueued(context.Background(), ids, m.now, []byte(`{"code":1004}`)); err != nil || !slices.Equal(got, want) {
		m.Fatalf("of %v were cancelled %v, want %v: %v", ids, got, want, err)
	}
}

func (m *machine) retry() {
	ids := m.pickSome()
	var want []int64
	for _, id := range slices.Sorted(slices.Values(ids)) {
		if slices.Contains(ledger.Retryable, m.model.jobs[id].job.State) {
			want = append(want, id)
			m.model.retry(id, m.now)
		}
	}
	if got, err := m.Retry(context.Background(), ids, nil); err != nil || !slices.Equal(got, want) {
		m.Fatalf("of %v were retried %v, want %v: %v", ids, got, want, err)
	}
}

// prune leaves alone what somebody may be waiting for, so it comes only when nobody is.
func (m *machine) prune() {
	f := ledger.PruneFilter{
		Pool: draw(m, "pool", "", "p"), Method: draw(m, "method", "", "m"),
		States: draw(m, "states", nil, []ledger.State{ledger.Succeeded}, []ledger.State{ledger.Failed, ledger.Cancelled}),
	}
	if rapid.Bool().Draw(m.T, "old") {
		f.EndedBefore = m.now
	}
	if len(m.waits) > 0 {
		m.Skip("somebody waits")
	}
	want := 0
	for _, id := range m.model.ids(ledger.Succeeded, ledger.Failed, ledger.Cancelled, ledger.Dropped) {
		j := &m.model.jobs[id].job
		if (f.Pool == "" || j.Pool == f.Pool) && (f.Method == "" || j.Method == f.Method) && (f.States == nil || slices.Contains(f.States, j.State)) &&
			(f.EndedBefore.IsZero() || j.FinishedAt.Before(f.EndedBefore)) {
			want++
			delete(m.model.jobs, id)
		}
	}
	if n, err := m.Prunable(context.Background(), f); n != want || err != nil {
		m.Fatalf("%d can be pruned, want %d: %v", n, want, err)
	}
	if n, err := m.Prune(context.Background(), f); n != want || err != nil {
		m.Fatalf("%d were pruned, want %d: %v", n, want, err)
	}
}

func (m *machine) pruneIDs() {
	ids := m.pickSome()
	if len(m.waits) > 0 {
		m.Skip("somebody waits")
	}
	refused := slices.ContainsFunc(ids, func(id int64) bool { return !m.model.jobs[id].job.State.Terminal() })
	n, err := m.PruneIDs(context.Background(), ids)
	if errors.As(err, new(*ledger.NotEndedError)) != refused || !refused && (n != len(ids) || err != nil) {
		m.Fatalf("%d of %v were pruned, refused %t: %v", n, ids, refused, err)
	}
	if refused {
		return
	}
	for _, id := range ids {
		delete(m.model.jobs, id)
	}
}
