package ledgertest

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/whipper-sidecar/whipper/ledger"
)

var prunes = []behaviour{
	{"a prune takes only what has ended, and all of it", func(b *bench) {
		ids := b.submit(many(3, plain)...)
		b.end(ids[0], ledger.OutcomeSucceeded)
		b.start(ids[1])
		if n, err := b.Prunable(b.Context(), ledger.PruneFilter{}); n != 1 || err != nil {
			b.Errorf("prunable: %d, %v", n, err)
		}
		if n, err := b.Prune(b.Context(), ledger.PruneFilter{}); n != 1 || err != nil {
			b.Fatalf("pruned %d, %v", n, err)
		}
		if got := b.states(ids...); got != "gone running queued" {
			b.Errorf("they are %s", got)
		}
		if _, _, err := b.Get(b.Context(), ids[0]); !errors.Is(err, ledger.ErrNotFound) {
			b.Errorf("get: %v", err)
		}
	}},
	{"a prune of ids is refused whole where one cannot go", func(b *bench) {
		ids := b.submit(plain, plain)
		b.end(ids[0], ledger.OutcomeSucceeded)
		for what, prune := range map[string]func([]int64) (int, error){
			"prune":    func(ids []int64) (int, error) { return b.PruneIDs(b.Context(), ids) },
			"prunable": func(ids []int64) (int, error) { return b.PrunableIDs(b.Context(), ids) },
		} {
			var open *ledger.NotEndedError
			if n, err := prune(ids); n != 0 || !errors.As(err, &open) || open.ID != ids[1] || open.State != ledger.Queued {
				b.Errorf("%s with a queued one: %d, %v", what, n, err)
			}
			if n, err := prune([]int64{ids[0], 99}); n != 0 || !errors.Is(err, ledger.ErrNotFound) {
				b.Errorf("%s with an unknown one: %d, %v", what, n, err)
			}
		}
		if _, err := b.Prune(b.Context(), ledger.PruneFilter{States: []ledger.State{ledger.Running}}); err == nil {
			b.Error("a filter for running jobs was accepted")
		}
		if n, err := b.PrunableIDs(b.Context(), ids[:1]); n != 1 || err != nil {
			b.Errorf("prunable: %d, %v", n, err)
		}
		if n, err := b.PruneIDs(b.Context(), []int64{ids[0], ids[0]}); n != 1 || err != nil {
			b.Errorf("named twice: %d, %v", n, err)
		}
	}},
	{"a prune filters as it counts", func(b *bench) {
		for i := range 12 {
			id := b.submit(ledger.Job{
				Pool: "p" + fmt.Sprint(i%2), Method: "m" + fmt.Sprint(i%3), Labels: map[string]string{"n": fmt.Sprint(i % 4)},
			})[0]
			outcome := ledger.OutcomeSucceeded
			if i >= 6 {
				outcome = ledger.OutcomeCancelled
			}
			b.end(id, outcome)
			b.now = b.now.Add(time.Minute)
		}
		after := func(minutes int) time.Time { return noon.Add(time.Duration(minutes) * time.Minute) }
		for _, c := range []struct {
			name string
			f    ledger.PruneFilter
			want int
		}{
			{"state and limit", ledger.PruneFilter{States: []ledger.State{ledger.Succeeded}, Limit: 1}, 1},
			{"pool and method", ledger.PruneFilter{Pool: "p0", Method: "m2"}, 2},
			{"label", ledger.PruneFilter{LabelName: "n", LabelValue: "3"}, 3},
			{"until", ledger.PruneFilter{Until: after(2)}, 1}, // the oldest has gone
			{"ended", ledger.PruneFilter{EndedBefore: after(5)}, 1},
			{"since", ledger.PruneFilter{Since: after(10)}, 1},
			{"limit across states", ledger.PruneFilter{Limit: 2}, 2},
			{"the rest", ledger.PruneFilter{}, 1},
		} {
			counted, err := b.Prunable(b.Context(), c.f)
			if err != nil {
				b.Fatal(err)
			}
			pruned, err := b.Prune(b.Context(), c.f)
			if err != nil || pruned != counted || pruned != c.want {
				b.Errorf("%s: pruned %d, counted %d, want %d, %v", c.name, pruned, counted, c.want, err)
			}
		}
	}},
	{"a retention keeps what is young enough for its state", func(b *bench) {
		ids := b.submit(many(6, plain)...)
		end := func(id int64, o ledger.Outcome, hours int) {
			b.now = noon.Add(time.Duration(-hours) * time.Hour)
			b.end(id, o)
		}
		end(ids[0], ledger.OutcomeSucceeded, 3)
		end(ids[1], ledger.OutcomeError, 3)
		end(ids[2], ledger.OutcomeCancelled, 3) // its state has no limit
		end(ids[3], ledger.OutcomeSucceeded, 1)
		end(ids[4], ledger.OutcomeError, 9)
		b.now = noon
		n, next, err := b.Sweep(b.Context(), ledger.Retention{
			Age: map[ledger.State]time.Duration{ledger.Succeeded: 2 * time.Hour, ledger.Failed: 8 * time.Hour},
		})
		if got := b.states(ids...); n != 2 || err != nil || got != "gone failed cancelled succeeded gone queued" {
			b.Errorf("pruned %d, %v: they are %s", n, err, got)
		}
		if d := next.Sub(b.now); d < time.Hour || d > time.Hour+time.Second {
			b.Errorf("the next is due in %v, want an hour", d)
		}
		if n, next, err := b.Sweep(b.Context(), ledger.Retention{}); n != 0 || !next.IsZero() || err != nil {
			b.Errorf("without a rule: %d, %v, %v", n, next, err)
		}
	}},
	{"a retention prunes the longest ended beyond its count", func(b *bench) {
		const jobs, keep = 700, 100
		ids := b.submit(many(jobs, plain)...)
		order := slices.Clone(ids)
		endedAt := func(id int64) time.Time { // the order of the ends is not that of the ids
			return noon.Add(time.Duration((id-ids[0])*37%jobs) * time.Second)
		}
		for i, id := range ids {
			job := ledger.Begin(b.job(id), "w1", 1, noon)
			outcome := ledger.OutcomeSucceeded
			if i%7 == 0 {
				outcome = ledger.OutcomeError
			}
			b.Start(job, b.accepted)
			job, attempt := ledger.Settle(job, ledger.Ending{Outcome: outcome, At: endedAt(id), Permanent: true}, 0)
			b.Finish(job, attempt, b.accepted)
		}
		b.flush()
		if n, _, err := b.Sweep(b.Context(), ledger.Retention{Count: keep}); n != jobs-keep || err != nil {
			b.Errorf("pruned %d, %v", n, err)
		}
		slices.SortFunc(order, func(x, y int64) int { return endedAt(x).Compare(endedAt(y)) })
		left, err := b.States(b.Context(), ids)
		if err != nil || len(left) != keep {
			b.Errorf("%d are left: %v", len(left), err)
		}
		for _, id := range order[jobs-keep:] {
			if _, ok := left[id]; !ok {
				b.Errorf("job %d, ended at %v, was pruned", id, endedAt(id))
			}
		}
	}},
}
