package ledgertest

import (
	"context"
	"reflect"
	"time"

	"pgregory.net/rapid"

	"github.com/whipper-sidecar/whipper/ledger"
)

var recoveries = []behaviour{
	{"jobs do not wait for a clock that has gone back, but for those that were submitted for later", func(b *bench) {
		b.now = noon.Add(time.Hour)
		at := func(after time.Duration) ledger.Job {
			return ledger.Job{Pool: "p", Method: "m", RunAt: b.now.Add(after), MaxAttempts: 3}
		}
		ids := b.submit(at(0), at(time.Minute), at(0), at(0), at(-2*time.Hour))
		job := b.start(ids[2])
		b.now = b.now.Add(time.Second)
		b.finish(job, ledger.Ending{Outcome: ledger.OutcomeSnoozed, Snooze: 10 * time.Minute})
		b.start(ids[3]) // the supervisor dies meanwhile
		b.now = noon
		if _, err := b.Recover(b.Context()); err != nil {
			b.Fatal(err)
		}
		for i, want := range []time.Time{noon, noon.Add(time.Hour + time.Minute), noon.Add(10*time.Minute + time.Second), noon, noon.Add(-time.Hour)} {
			if got := b.job(ids[i]).RunAt; !got.Equal(want) {
				b.Errorf("job %d is to run at %v, want %v", i, got, want)
			}
		}
		if n, err := b.Rebase(b.Context(), "p"); n != 1 || err != nil {
			b.Errorf("again, only the job that waits for its snooze has anything to move: %d, %v", n, err)
		}
		b.now = noon.Add(-time.Hour)
		if n, err := b.Rebase(b.Context(), "q"); n != 0 || err != nil {
			b.Errorf("another pool: %d, %v", n, err)
		}
	}},
	{"what a dead supervisor left is settled by the rules", func(b *bench) {
		rapid.Check(b, func(t *rapid.T) {
			ctx := context.Background()
			b.now = noon.Add(time.Hour)
			var want ledger.Recovery
			settled, ran := map[int64]ledger.Job{}, map[int64]ledger.Attempt{}
			for range rapid.IntRange(0, 8).Draw(t, "jobs") {
				job, err := drawLeft(t, b)
				if err != nil {
					t.Fatal(err)
				}
				b.Insert(job, b.accepted)
				switch {
				case job.State == ledger.Running:
					job, ran[job.ID] = ledger.Settle(job, ledger.Ending{Outcome: ledger.OutcomeInterrupted, Abandoned: true, At: b.now}, 0)
					job.ErrorSource = ledger.FromWhipper
					if job.State == ledger.Failed {
						want.Failed++
					} else {
						want.Requeued++
					}
				case job.State == ledger.Queued && job.Origin == ledger.FromInvoke:
					job.State, job.FinishedAt, job.ErrorSource = ledger.Cancelled, b.now, ledger.FromWhipper
					want.Cancelled++
				}
				settled[job.ID] = job
			}
			if err := b.Flush(ctx); err != nil {
				t.Fatal(err)
			}
			if got, err := b.Recover(ctx); err != nil || got != want {
				t.Fatalf("got %+v, want %+v: %v", got, want, err)
			}
			for id, want := range settled {
				got, attempts, err := b.Get(ctx, id)
				if err != nil || (len(got.Error) > 0) != (want.ErrorSource == ledger.FromWhipper) {
					t.Fatalf("error %s of %+v: %v", got.Error, want, err)
				}
				if want.Error = got.Error; !reflect.DeepEqual(got, want) { // its words are the engine's
					t.Fatalf("got  %+v\nwant %+v", got, want)
				}
				var wantAttempts []ledger.Attempt
				if a, ok := ran[id]; ok {
					a.Error = got.Error
					wantAttempts = []ledger.Attempt{a}
				}
				if !reflect.DeepEqual(attempts, wantAttempts) {
					t.Fatalf("got  %+v\nwant %+v", attempts, wantAttempts)
				}
			}
			if again, err := b.Recover(ctx); err != nil || again != (ledger.Recovery{}) {
				t.Fatalf("a second time: %+v, %v", again, err)
			}
		})
	}},
	{"a recovered job is ready at once, at its old place", func(b *bench) {
		ids := b.submit(plain, plain)
		b.start(ids[0])
		b.now = b.now.Add(time.Hour)
		b.reopen()
		if r, err := b.Recover(b.Context()); err != nil || r != (ledger.Recovery{Requeued: 1}) {
			b.Fatalf("%+v, %v", r, err)
		}
		ready, _, err := b.Ready(b.Context(), "p", b.now, 2, nil)
		if err != nil || len(ready) != 2 || ready[0].ID != ids[0] || ready[0].Crashes != 1 || ready[0].Attempt != 0 {
			b.Errorf("%+v, %v", ready, err)
		}
	}},
	{"processes stay on record until they are forgotten", func(b *bench) {
		first := ledger.Process{PID: 10, StartTicks: 5, BootID: "boot", Pool: "p", Worker: "w1"}
		second := first
		second.StartTicks = 6 // the same pid, come round again
		for _, p := range []ledger.Process{first, second, first} {
			if err := b.RecordProcess(b.Context(), p); err != nil {
				b.Fatal(err)
			}
		}
		b.ForgetProcess(first)
		b.reopen()
		if got, err := b.Processes(b.Context()); err != nil || !reflect.DeepEqual(got, []ledger.Process{second}) {
			b.Errorf("on record: %v, %v", got, err)
		}
	}},
}

// drawLeft is a job as a supervisor may leave it when it dies.
func drawLeft(t *rapid.T, b *bench) (job ledger.Job, err error) {
	job = ledger.Job{
		Pool: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "pool"), Method: rapid.SampledFrom([]string{"m", "n"}).Draw(t, "method"),
		State: ledger.Queued, MaxAttempts: rapid.IntRange(1, 4).Draw(t, "max attempts"), Backoff: ledger.DefaultBackoff,
		Delivery: rapid.SampledFrom([]ledger.Delivery{ledger.AtLeastOnce, ledger.AtMostOnce}).Draw(t, "delivery"),
		Origin:   rapid.SampledFrom([]ledger.Origin{ledger.FromSubmit, ledger.FromInvoke}).Draw(t, "origin"),
		Crashes:  rapid.IntRange(0, ledger.MaxCrashes-1).Draw(t, "crashes"), Alone: rapid.Bool().Draw(t, "alone"), CreatedAt: noon, RunAt: noon,
	}
	job.Attempt = rapid.IntRange(0, job.MaxAttempts-1).Draw(t, "attempt")
	job.Runs = job.Attempt + job.Crashes
	job.ID, err = b.NextID(context.Background())
	switch rapid.SampledFrom([]ledger.State{ledger.Queued, ledger.Running, ledger.Succeeded}).Draw(t, "state") {
	case ledger.Running:
		job = ledger.Begin(job, "w1", 1, noon)
	case ledger.Succeeded:
		job, _ = ledger.Settle(ledger.Begin(job, "w1", 1, noon), ledger.Ending{Outcome: ledger.OutcomeSucceeded, At: noon, Result: []byte("1")}, 0)
	}
	return job, err
}
