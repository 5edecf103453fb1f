package ledgertest

import (
	"reflect"
	"time"

	"github.com/whipper-sidecar/whipper/ledger"
)

var runs = []behaviour{
	{"each run is on record as an attempt", func(b *bench) {
		id := b.submit(ledger.Job{Pool: "p", Method: "m", MaxAttempts: 5})[0]
		code := 137
		var want []ledger.Attempt
		for i, e := range []ledger.Ending{
			{Outcome: ledger.OutcomeError, Error: []byte(`{"code":1}`), ErrorSource: ledger.FromWorker},
			{Outcome: ledger.OutcomeTimeout, Error: []byte(`{"code":1002}`), ErrorSource: ledger.FromWhipper},
			{Outcome: ledger.OutcomeCrashed, ExitCode: &code, Signal: "SIGKILL", StderrTail: "out of\nmemory"},
			{Outcome: ledger.OutcomeInterrupted},
			{Outcome: ledger.OutcomeSnoozed, Snooze: time.Minute},
			{Outcome: ledger.OutcomeSucceeded, Result: []byte("1")},
		} {
			job := b.start(id)
			underWay := ledger.Attempt{Number: i + 1, Worker: "w1", PID: 4711, StartedAt: b.now}
			if _, attempts := b.whole(id); !reflect.DeepEqual(attempts, append(want[:i:i], underWay)) {
				b.Errorf("while run %d is under way: %+v", i+1, attempts)
			}
			started := b.now
			b.now = b.now.Add(time.Hour)
			b.finish(job, e)
			want = append(want, ledger.Attempt{
				Number: i + 1, Outcome: e.Outcome, Worker: "w1", PID: 4711, StartedAt: started, FinishedAt: b.now,
				Error: e.Error, ExitCode: e.ExitCode, Signal: e.Signal, StderrTail: e.StderrTail,
			})
		}
		if _, attempts := b.whole(id); !reflect.DeepEqual(attempts, want) {
			b.Errorf("got  %+v\nwant %+v", attempts, want)
		}
	}},
	{"a charged run is retried after the backoff until the attempts are used up", func(b *bench) {
		id := b.submit(ledger.Job{
			Pool: "p", Method: "m", MaxAttempts: 4, Backoff: ledger.Backoff{Base: time.Second, Factor: 3, Cap: 5 * time.Second},
		})[0]
		for i, wait := range []time.Duration{time.Second, 3 * time.Second, 5 * time.Second} {
			job := b.run(id, ledger.Ending{Outcome: ledger.OutcomeError, Error: []byte(`{}`)})
			ready, next, err := b.Ready(b.Context(), "p", b.now, 1, nil)
			if err != nil || len(ready) != 0 || !next.Equal(b.now.Add(wait)) || job.Attempt != i+1 {
				b.Errorf("after attempt %d: %v ready, next %v: %v", job.Attempt, ready, next, err)
			}
			b.now = next
			if ready, _, err = b.Ready(b.Context(), "p", b.now, 1, nil); err != nil || len(ready) != 1 {
				b.Errorf("after its wait: %v: %v", ready, err)
			}
		}
		if b.run(id, ledger.Ending{Outcome: ledger.OutcomeTimeout}); b.states(id) != "failed" {
			b.Errorf("after the last attempt it is %s", b.states(id))
		}
	}},
	{"a permanent error and one of an at-most-once job are not retried", func(b *bench) {
		ids := b.submit(plain, ledger.Job{Pool: "p", Method: "m", Delivery: ledger.AtMostOnce})
		b.run(ids[0], ledger.Ending{Outcome: ledger.OutcomeError, Permanent: true})
		b.run(ids[1], ledger.Ending{Outcome: ledger.OutcomeError})
		if got := b.states(ids...); got != "failed failed" {
			b.Errorf("they are %s", got)
		}
	}},
	{"a snoozed run is not charged, and comes when it has asked to", func(b *bench) {
		id := b.submit(ledger.Job{Pool: "p", Method: "m", MaxAttempts: 1})[0]
		for range 3 {
			b.run(id, ledger.Ending{Outcome: ledger.OutcomeSnoozed, Snooze: time.Minute})
			b.now = b.now.Add(time.Minute)
		}
		if job := b.job(id); job.State != ledger.Queued || job.Attempt != 0 || job.Runs != 3 || !job.RunAt.Equal(b.now) {
			b.Errorf("%+v", job)
		}
	}},
	{"an interrupted run keeps its place in the queue", func(b *bench) {
		ids := b.submit(plain, plain)
		job := b.start(ids[0])
		b.now = b.now.Add(time.Hour)
		b.finish(job, ledger.Ending{Outcome: ledger.OutcomeInterrupted})
		ready, _, err := b.Ready(b.Context(), "p", b.now, 2, nil)
		if err != nil || len(ready) != 2 || ready[0].ID != ids[0] || ready[0].Attempt != 0 {
			b.Errorf("%+v: %v", ready, err)
		}
	}},
	{"a job that crashes with others fails at the fifth time, though nobody is charged", func(b *bench) {
		id := b.submit(ledger.Job{Pool: "p", Method: "m", MaxAttempts: 1})[0]
		for i := range ledger.MaxCrashes {
			if job := b.job(id); job.State != ledger.Queued || job.Attempt != 0 || job.Crashes != i || job.Alone != (i > 0) {
				b.Fatalf("after %d: %+v", i, job)
			}
			b.run(id, ledger.Ending{Outcome: ledger.OutcomeCrashed, Shared: true})
		}
		if b.states(id) != "failed" {
			b.Errorf("it is %s", b.states(id))
		}
	}},
	{"the progress of a run stays until another begins", func(b *bench) {
		id := b.submit(plain)[0]
		job := b.start(id)
		job.Progress = []byte(`0.5`)
		b.finish(job, ledger.Ending{Outcome: ledger.OutcomeError})
		if job := b.job(id); string(job.Progress) != `0.5` {
			b.Errorf("%+v", job)
		}
		if b.start(id); b.job(id).Progress != nil {
			b.Errorf("%+v", b.job(id))
		}
	}},
	{"the error of a run stays until another has succeeded", func(b *bench) {
		id := b.submit(plain)[0]
		b.run(id, ledger.Ending{Outcome: ledger.OutcomeError, Error: []byte(`{"code":7}`), ErrorSource: ledger.FromWorker})
		if job := b.job(id); string(job.Error) != `{"code":7}` || job.ErrorSource != ledger.FromWorker {
			b.Errorf("%+v", job)
		}
		b.run(id, ledger.Ending{Outcome: ledger.OutcomeSucceeded, Result: []byte(`"ok"`)})
		if job := b.job(id); job.Error != nil || job.ErrorSource != "" || string(job.Result) != `"ok"` || !job.FinishedAt.Equal(noon) {
			b.Errorf("%+v", job)
		}
	}},
}
