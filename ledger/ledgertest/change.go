package ledgertest

import (
	"errors"
	"reflect"
	"time"

	"github.com/whipper-sidecar/whipper/ledger"
)

var changes = []behaviour{
	{"a refused change leaves the row and its neighbours alone", func(b *bench) {
		ids := b.submit(plain, plain)
		first, second := b.job(ids[0]), ledger.Begin(b.job(ids[1]), "w1", 1, noon)
		ended := b.run(ids[0], ledger.Ending{Outcome: ledger.OutcomeSucceeded, Result: []byte("1")})

		late := ledger.Begin(first, "w2", 2, noon)
		failed, attempt := ledger.Settle(late, ledger.Ending{Outcome: ledger.OutcomeError, At: noon, Permanent: true}, 0)
		attempt.Number = 2 // so that it is the job's row that refuses
		unknown := late
		unknown.ID = 999
		var errs []error
		note := func(err error) { errs = append(errs, err) }
		b.Finish(failed, attempt, note) // terminal is final
		b.Start(unknown, note)          // there is no such row
		b.Insert(first, note)           // the row is there already
		b.Start(second, b.accepted)
		cancelled, one := ledger.Settle(second, ledger.Ending{Outcome: ledger.OutcomeCancelled, At: noon}, 0)
		b.Finish(cancelled, one, b.accepted)
		b.flush()
		if len(errs) != 3 {
			b.Fatalf("%d answers, want 3", len(errs))
		}
		for i, err := range errs {
			var guard *ledger.GuardError
			if !errors.Is(err, ledger.ErrGuard) || !errors.As(err, &guard) {
				b.Errorf("change %d: %v, want a guard error", i, err)
			}
		}
		if got, attempts := b.whole(ids[0]); !reflect.DeepEqual(got, ended) || len(attempts) != 1 {
			b.Errorf("the ended job has become %+v with attempts %v", got, attempts)
		}
		if got := b.job(ids[1]); !reflect.DeepEqual(got, cancelled) {
			b.Errorf("the neighbour is %+v", got)
		}
	}},
	{"no end is followed by another, whatever comes", func(b *bench) {
		for _, first := range []ledger.Outcome{ledger.OutcomeSucceeded, ledger.OutcomeError, ledger.OutcomeCancelled} {
			id := b.submit(plain)[0]
			running := b.start(id)
			b.finish(running, ledger.Ending{Outcome: first, Permanent: true})
			was, attemptsBefore := b.whole(id)
			for _, second := range []ledger.Outcome{
				ledger.OutcomeSucceeded, ledger.OutcomeError, ledger.OutcomeTimeout, ledger.OutcomeCrashed, ledger.OutcomeCancelled,
				ledger.OutcomeInterrupted, ledger.OutcomeSnoozed,
			} {
				again, attempt := ledger.Settle(running, ledger.Ending{Outcome: second, At: noon.Add(time.Hour)}, 0)
				var answer error
				b.Finish(again, attempt, func(err error) { answer = err })
				b.flush()
				if answer == nil {
					b.Errorf("%s after %s was accepted", second, first)
				}
			}
			if got, attempts := b.whole(id); !reflect.DeepEqual(got, was) || !reflect.DeepEqual(attempts, attemptsBefore) {
				b.Errorf("%+v has become %+v with attempts %v", was, got, attempts)
			}
		}
	}},
	{"a run begins once, and ends only if it has begun", func(b *bench) {
		id := b.submit(plain)[0]
		job := ledger.Begin(b.job(id), "w1", 1, noon)
		ended, attempt := ledger.Settle(job, ledger.Ending{Outcome: ledger.OutcomeSucceeded, At: noon}, 0)
		var answers []error
		note := func(err error) { answers = append(answers, err) }
		b.Finish(ended, attempt, note) // it is queued
		b.flush()
		b.Start(job, note)
		b.flush()
		b.Start(job, note) // it runs already
		b.flush()
		b.Finish(ended, attempt, note)
		b.flush()
		for i, err := range answers {
			if refused := i == 0 || i == 2; errors.Is(err, ledger.ErrGuard) != refused || !refused && err != nil {
				b.Errorf("change %d: %v", i, err)
			}
		}
		if len(answers) != 4 || b.states(id) != "succeeded" {
			b.Errorf("%d answers, the job is %s", len(answers), b.states(id))
		}
	}},
	{"changes of a job are written in the order in which they were handed over", func(b *bench) {
		job := b.insert(ledger.Job{Pool: "p", Method: "m", State: ledger.Queued})
		for range 3 {
			job = ledger.Begin(job, "w1", 1, noon)
			b.Start(job, b.accepted)
			var attempt ledger.Attempt
			job, attempt = ledger.Settle(job, ledger.Ending{Outcome: ledger.OutcomeSnoozed, At: noon, Snooze: time.Second}, 0)
			b.Finish(job, attempt, b.accepted)
		}
		b.flush()
		if got, attempts := b.whole(job.ID); !reflect.DeepEqual(got, job) || len(attempts) != 3 {
			b.Errorf("got  %+v\nwant %+v, attempts %v", got, job, attempts)
		}
	}},
	{"counts are those of the pool", func(b *bench) {
		ids := b.submit(plain, ledger.Job{Pool: "p", Method: "n"}, ledger.Job{Pool: "q", Method: "m"})
		b.end(ids[0], ledger.OutcomeSucceeded)
		for pool, want := range map[string]map[ledger.State]int64{
			"p": {ledger.Queued: 1, ledger.Succeeded: 1}, "q": {ledger.Queued: 1}, "": {ledger.Queued: 2, ledger.Succeeded: 1}, "none": {},
		} {
			counts := b.counts(pool)
			for _, state := range allStates {
				if counts[state] != want[state] {
					b.Errorf("pool %q has %d %s, want %d", pool, counts[state], state, want[state])
				}
			}
		}
	}},
}
