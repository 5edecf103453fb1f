package ledgertest

import (
	"errors"
	"slices"
	"time"

	"github.com/whipper-sidecar/whipper/ledger"
)

var commands = []behaviour{
	{"a cancellation ends what is queued, and leaves all others alone", func(b *bench) {
		ids := b.submit(plain, plain, plain, plain)
		b.start(ids[1])
		b.run(ids[2], ledger.Ending{Outcome: ledger.OutcomeError}) // waits for its retry
		b.Start(ledger.Begin(b.job(ids[3]), "w1", 1, noon), b.accepted)
		// The start was handed over first, so it comes first.
		cancelled, err := b.CancelQueued(b.Context(), append(ids, 999), noon, []byte(`{"code":1004}`))
		if want := []int64{ids[0], ids[2]}; err != nil || !slices.Equal(cancelled, want) {
			b.Errorf("cancelled %v, want %v: %v", cancelled, want, err)
		}
		if job := b.job(ids[0]); !job.FinishedAt.Equal(noon) || string(job.Error) != `{"code":1004}` || job.ErrorSource != ledger.FromWhipper {
			b.Errorf("%+v", job)
		}
		if got := b.states(ids...); got != "cancelled running cancelled running" {
			b.Errorf("they are %s", got)
		}
	}},
	{"how long a job ran is not known where it was put back and ended without another run", func(b *bench) {
		cancelled, expired := b.submit(plain)[0], b.submit(plain)[0]
		b.run(cancelled, ledger.Ending{Outcome: ledger.OutcomeInterrupted})
		b.run(expired, ledger.Ending{Outcome: ledger.OutcomeInterrupted})
		later := b.now.Add(time.Hour)
		if _, err := b.CancelQueued(b.Context(), []int64{cancelled}, later, nil); err != nil {
			b.Fatal(err)
		}
		b.Finish(ledger.EndWaiting(b.job(expired), ledger.Failed, later, []byte(`{"code":1007}`)), ledger.Attempt{}, b.accepted)
		b.flush()
		for _, id := range []int64{cancelled, expired} {
			job := b.job(id)
			if ran, ok := job.Ran(); ok || !job.State.Terminal() || job.Worker == "" {
				b.Errorf("%s after %v: %+v", job.State, ran, job)
			}
		}
	}},
	{"what a cancellation has ended cannot start any more", func(b *bench) {
		id := b.submit(plain)[0]
		job := b.job(id)
		if _, err := b.CancelQueued(b.Context(), []int64{id}, noon, nil); err != nil {
			b.Fatal(err)
		}
		var answer error
		b.Start(ledger.Begin(job, "w1", 1, noon), func(err error) { answer = err })
		b.flush()
		if !errors.Is(answer, ledger.ErrGuard) || b.states(id) != "cancelled" {
			b.Errorf("%v, it is %s", answer, b.states(id))
		}
	}},
	{"a retried job has its id, its history and all its attempts again", func(b *bench) {
		id := b.submit(ledger.Job{Pool: "p", Method: "m", MaxAttempts: 2, IdempotencyKey: "k"})[0]
		e := ledger.Ending{Outcome: ledger.OutcomeError, Error: []byte(`{"code":1,"message":"no"}`), ErrorSource: ledger.FromWorker}
		b.run(id, e)
		b.run(id, e)
		b.now = b.now.Add(time.Hour)
		var told []ledger.Job
		retried, err := b.Retry(b.Context(), []int64{id, id}, func(jobs []ledger.Job) { told = append(told, jobs...) })
		if err != nil || !slices.Equal(retried, []int64{id}) || len(told) != 1 || told[0].ID != id || told[0].State != ledger.Queued {
			b.Fatalf("retried %v, told %+v: %v", retried, told, err)
		}
		job, attempts := b.whole(id)
		if job.State != ledger.Queued || job.Attempt != 0 || job.Crashes != 0 || job.Runs != 2 || !job.RunAt.Equal(b.now) || !job.FinishedAt.IsZero() ||
			job.IdempotencyKey != "k" || string(job.Error) != string(e.Error) || job.Alone || len(attempts) != 2 {
			b.Errorf("%+v with %d attempts", job, len(attempts))
		}
		b.run(id, ledger.Ending{Outcome: ledger.OutcomeSucceeded, Result: []byte("1")})
		if job, attempts = b.whole(id); job.State != ledger.Succeeded || job.Attempt != 1 || len(attempts) != 3 || attempts[2].Number != 3 {
			b.Errorf("%+v with %+v", job, attempts)
		}
	}},
	{"only what has ended without success is retried", func(b *bench) {
		ids := b.submit(many(5, plain)...)
		b.end(ids[1], ledger.OutcomeSucceeded)
		b.start(ids[2])
		if _, err := b.CancelQueued(b.Context(), ids[3:4], noon, nil); err != nil {
			b.Fatal(err)
		}
		b.end(ids[4], ledger.OutcomeError)
		var unknown *ledger.NotFoundError
		if _, err := b.Retry(b.Context(), append(ids[:5:5], 4711), nil); !errors.As(err, &unknown) || unknown.ID != 4711 {
			b.Errorf("with an unknown id: %v", err)
		}
		if got := b.states(ids...); got != "queued succeeded running cancelled failed" {
			b.Errorf("a refused retry has changed something: %s", got)
		}
		retried, err := b.Retry(b.Context(), ids, nil)
		if err != nil || !slices.Equal(retried, ids[3:]) {
			b.Errorf("retried %v: %v", retried, err)
		}
		if got := b.states(ids...); got != "queued succeeded running queued queued" {
			b.Errorf("they are %s", got)
		}
	}},
	{"a retried invoke belongs to the ledger", func(b *bench) {
		job := b.insert(ledger.Job{Pool: "p", Method: "m", State: ledger.Dropped, FinishedAt: noon, ExpiresAt: noon.Add(time.Second)})
		b.flush()
		b.now = b.now.Add(time.Hour)
		if _, err := b.Retry(b.Context(), []int64{job.ID}, nil); err != nil {
			b.Fatal(err)
		}
		if job := b.job(job.ID); job.State != ledger.Queued || job.Origin != ledger.FromSubmit || !job.ExpiresAt.IsZero() {
			b.Errorf("%+v", job)
		}
		if r, err := b.Recover(b.Context()); err != nil || r != (ledger.Recovery{}) {
			b.Errorf("a restart made %+v of it: %v", r, err)
		}
	}},
	{"a job that has ended its process runs alone when it is retried", func(b *bench) {
		ids := b.submit(plain, ledger.Job{Pool: "p", Method: "m", ExpiresAt: noon.Add(time.Hour)})
		b.end(ids[0], ledger.OutcomeCrashed)
		b.end(ids[1], ledger.OutcomeError)
		if retried, err := b.Retry(b.Context(), ids, nil); err != nil || len(retried) != 2 {
			b.Fatal(retried, err)
		}
		if job := b.job(ids[0]); !job.Alone {
			b.Errorf("%+v", job)
		}
		if job := b.job(ids[1]); job.Alone || job.ExpiresAt.IsZero() {
			b.Errorf("%+v", job)
		}
	}},
	{"thousands are cancelled and retried, and each retry is told of once", func(b *bench) {
		ids := b.submit(many(1200, plain)...)
		if cancelled, err := b.CancelQueued(b.Context(), ids, noon, nil); err != nil || len(cancelled) != len(ids) {
			b.Fatal(len(cancelled), err)
		}
		var told []int64
		retried, err := b.Retry(b.Context(), ids, func(jobs []ledger.Job) { told = append(told, idsOf(jobs)...) })
		if err != nil || !slices.Equal(retried, ids) || !slices.Equal(told, ids) {
			b.Errorf("%d retried, told of %d: %v", len(retried), len(told), err)
		}
	}},
}
