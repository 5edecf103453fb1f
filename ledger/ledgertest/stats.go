package ledgertest

import (
	"math"
	"reflect"
	"time"

	"github.com/whipper-sidecar/whipper/ledger"
)

var statistics = []behaviour{
	{"statistics tell what ended in the hours, pruned or not", func(b *bench) {
		end := func(method string, o ledger.Outcome, at time.Time, wait, ran time.Duration) {
			id := b.submit(ledger.Job{Pool: "p", Method: method, CreatedAt: at.Add(-wait - ran)})[0]
			job := ledger.Begin(b.job(id), "w1", 1, at.Add(-ran))
			b.Start(job, b.accepted)
			job, attempt := ledger.Settle(job, ledger.Ending{Outcome: o, At: at, Permanent: true}, 0)
			b.Finish(job, attempt, b.accepted)
		}
		for i := range 100 {
			end("a", ledger.OutcomeSucceeded, noon.Add(30*time.Minute), time.Duration(i+1)*time.Second, time.Duration(i+1)*time.Millisecond)
		}
		for range 25 {
			end("a", ledger.OutcomeError, noon.Add(90*time.Minute), 0, 200*time.Millisecond)
		}
		end("a", ledger.OutcomeSucceeded, noon.Add(5*time.Hour), 0, time.Minute)
		end("b", ledger.OutcomeCancelled, noon, 0, 0)
		b.submit(ledger.Job{Pool: "p", Method: "a"}, ledger.Job{Pool: "other", Method: "c"})
		b.flush()
		if _, err := b.Prune(b.Context(), ledger.PruneFilter{Method: "a"}); err != nil {
			b.Fatal(err)
		}

		all := b.stats(ledger.StatsFilter{Pool: "p", Since: noon.Add(40 * time.Minute), Until: noon.Add(5 * time.Hour)})
		if len(all) != 2 {
			b.Fatalf("%+v", all)
		}
		a := all[0]
		if a.Method != "a" || a.Ended[ledger.Succeeded] != 100 || a.Ended[ledger.Failed] != 25 || a.Attempts != 125 || a.Queued != 1 || a.Running != 0 {
			b.Errorf("a is %+v", a)
		}
		if a.ErrorRate() != 0.2 || a.Total() != 125 {
			b.Errorf("rate %v of %d", a.ErrorRate(), a.Total())
		}
		near := func(what string, got, want time.Duration) {
			b.Helper()
			if math.Abs(float64(got-want)) > 0.03*float64(want) {
				b.Errorf("%s is %v, want %v", what, got, want)
			}
		}
		if a.Wait.N != 125 || a.Run.N != 125 {
			b.Errorf("waits %+v, runs %+v", a.Wait, a.Run)
		}
		near("median run", a.Run.P50, 63*time.Millisecond)
		near("slow run", a.Run.P99, 200*time.Millisecond)
		near("mean run", a.Run.Mean, (5050+25*200)*time.Millisecond/125)
		near("slow wait", a.Wait.P95, 93*time.Second)
		if want := []ledger.HourStats{{At: noon, Ended: 100}, {At: noon.Add(time.Hour), Ended: 25, Failed: 25}}; !reflect.DeepEqual(a.Hours, want) {
			b.Errorf("hours are %v", a.Hours)
		}
		if second := all[1]; second.Method != "b" || second.Ended[ledger.Cancelled] != 1 || second.ErrorRate() != 0 {
			b.Errorf("b is %+v", second)
		}
		c := b.stats(ledger.StatsFilter{Method: "c"})
		if len(c) != 1 || c[0].Queued != 1 || c[0].Wait != (ledger.Latency{}) || c[0].Hours != nil {
			b.Errorf("c is %+v", c)
		}
	}},
	{"every way to end is counted once, and stays in the books", func(b *bench) {
		ids := b.submit(many(6, ledger.Job{Pool: "p", Method: "m", MaxAttempts: 2})...)
		b.end(ids[0], ledger.OutcomeSucceeded)
		b.run(ids[1], ledger.Ending{Outcome: ledger.OutcomeCrashed}) // is queued again
		b.run(ids[1], ledger.Ending{Outcome: ledger.OutcomeError})
		if _, err := b.CancelQueued(b.Context(), []int64{ids[2], ids[0]}, noon.Add(2*time.Hour), nil); err != nil {
			b.Fatal(err)
		}
		b.insert(ledger.Begin(ledger.Job{Pool: "p", Method: "m", CreatedAt: noon}, "w1", 1, noon))
		b.insert(ledger.Job{Pool: "p", Method: "m", State: ledger.Queued})
		b.start(ids[3])
		dropped := b.job(ids[4])
		dropped.State, dropped.FinishedAt = ledger.Dropped, noon
		b.Finish(dropped, ledger.Attempt{}, b.accepted)
		refused := b.job(ids[0]) // has ended already
		refused.State, refused.FinishedAt = ledger.Cancelled, noon
		b.Finish(refused, ledger.Attempt{}, nil)
		b.flush()
		if _, err := b.Recover(b.Context()); err != nil { // one is queued again, one invoke fails, one is cancelled
			b.Fatal(err)
		}
		b.ended(1, 2, 2, 1, 5, 1)

		// What is pruned stays in the books, and so does what another process has counted.
		b.reopen()
		if _, err := b.Prune(b.Context(), ledger.PruneFilter{}); err != nil {
			b.Fatal(err)
		}
		b.end(ids[5], ledger.OutcomeSucceeded)
		b.ended(2, 2, 2, 1, 6, 1)
	}},
	{"a job that is retried counts for each of its ends", func(b *bench) {
		id := b.submit(plain)[0]
		b.end(id, ledger.OutcomeError)
		if _, err := b.Retry(b.Context(), []int64{id}, nil); err != nil {
			b.Fatal(err)
		}
		b.end(id, ledger.OutcomeSucceeded)
		b.ended(1, 1, 0, 0, 2, 0)
	}},
}

func (b *bench) stats(f ledger.StatsFilter) []ledger.MethodStats {
	b.Helper()
	all, err := b.Stats(b.Context(), f)
	if err != nil {
		b.Fatal(err)
	}
	return all
}

// ended compares the books of the only method.
func (b *bench) ended(succeeded, failed, cancelled, dropped, attempts, crashes int64) {
	b.Helper()
	all := b.stats(ledger.StatsFilter{})
	want := map[ledger.State]int64{
		ledger.Succeeded: succeeded, ledger.Failed: failed, ledger.Cancelled: cancelled, ledger.Dropped: dropped,
	}
	if len(all) != 1 || !reflect.DeepEqual(all[0].Ended, want) || all[0].Attempts != attempts || all[0].Crashes != crashes {
		b.Errorf("the books say %+v", all)
	}
}
