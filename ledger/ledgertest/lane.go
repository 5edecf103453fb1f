package ledgertest

import (
	"errors"
	"slices"

	"github.com/whipper-sidecar/whipper/ledger"
)

var lanes = []behaviour{
	{"a job that stands aside is not ready, and is read from its lane, in order", func(b *bench) {
		ids := b.submit(ledger.Job{Pool: "p", Method: "m", ConcurrencyKey: "k"}, plain, ledger.Job{Pool: "p", Method: "m", Priority: 1}, plain)
		other := b.submit(ledger.Job{Pool: "other", Method: "m"})[0]
		key, method := ledger.KeyLane("k"), ledger.MethodLane("m")
		b.park(key, ids[0], ids[2], ids[3], other)
		b.park(method, ids[3])
		if got := b.ready(); !slices.Equal(got, ids[1:2]) {
			b.Errorf("ready %v", got)
		}
		if lanes, err := b.Lanes(b.Context(), "p"); err != nil || !slices.Equal(lanes, []ledger.Lane{key, method}) {
			b.Errorf("lanes %v, %v", lanes, err)
		}
		for _, c := range []struct {
			limit               int
			skip, want, skipped []int64
			more                bool
		}{
			{limit: 5, want: []int64{ids[2], ids[0]}}, // the higher priority first
			{limit: 1, want: []int64{ids[2]}, more: true},
			{limit: 1, skip: []int64{ids[2]}, want: []int64{ids[0]}, skipped: []int64{ids[2]}},
			{limit: 2, skip: []int64{ids[2], ids[0]}, skipped: []int64{ids[2], ids[0]}},
		} {
			skip := map[int64]struct{}{}
			for _, id := range c.skip {
				skip[id] = struct{}{}
			}
			jobs, skipped, more, err := b.InLane(b.Context(), "p", key, c.limit, skip)
			if err != nil || !slices.Equal(idsOf(jobs), c.want) || !slices.Equal(skipped, c.skipped) || more != c.more {
				b.Errorf("limit %d without %v: %v, skipped %v, more %v, %v", c.limit, c.skip, idsOf(jobs), skipped, more, err)
			}
		}
	}},
	{"a job leaves its lane when it starts, ends or is retried", func(b *bench) {
		for name, change := range map[string]func(id int64){
			"it starts":                 func(id int64) { b.start(id) },
			"it starts and is put back": func(id int64) { b.run(id, ledger.Ending{Outcome: ledger.OutcomeInterrupted}) },
			"it is cancelled and retried": func(id int64) {
				if _, err := b.CancelQueued(b.Context(), []int64{id}, b.now, nil); err != nil {
					b.Error(err)
				}
				if _, err := b.Retry(b.Context(), []int64{id}, nil); err != nil {
					b.Error(err)
				}
			},
			"it expires": func(id int64) {
				b.Finish(ledger.EndWaiting(b.job(id), ledger.Failed, b.now, nil), ledger.Attempt{}, b.accepted)
				b.flush()
			},
		} {
			id := b.submit(plain)[0]
			b.park(ledger.MethodLane("m"), id)
			change(id)
			if lanes, err := b.Lanes(b.Context(), "p"); err != nil || len(lanes) != 0 {
				b.Errorf("%s: lanes %v, %v", name, lanes, err)
			}
			if ready, queued := slices.Contains(b.ready(), id), b.states(id) == "queued"; ready != queued {
				b.Errorf("%s: it is queued: %v, and ready: %v", name, queued, ready)
			}
		}
	}},
	{"a job with a key that is put back stands before the others with the key, also after a crash", func(b *bench) {
		job := ledger.Job{Pool: "p", Method: "m", ConcurrencyKey: "k"}
		for _, end := range []func(running ledger.Job){
			func(running ledger.Job) { b.finish(running, ledger.Ending{Outcome: ledger.OutcomeInterrupted}) },
			func(ledger.Job) {
				if _, err := b.Recover(b.Context()); err != nil {
					b.Error(err)
				}
			},
		} {
			ids := b.submit(job, job)
			running := b.start(ids[0])
			b.park(ledger.KeyLane("k"), ids[1])
			end(running)
			jobs, _, _, err := b.InLane(b.Context(), "p", ledger.KeyLane("k"), 9, nil)
			if err != nil || !slices.Equal(idsOf(jobs), ids) || len(b.ready()) != 0 {
				b.Errorf("in the lane: %v, %v, want %v", idsOf(jobs), err, ids)
			}
			for _, id := range ids {
				b.run(id, ledger.Ending{Outcome: ledger.OutcomeSucceeded})
			}
		}
	}},
	{"all stand aside, or none", func(b *bench) {
		ids := b.submit(plain, plain)
		b.start(ids[1])
		done := make(chan error, 1)
		b.Park([]ledger.Parked{{Job: ids[0], Lane: "key:k"}, {Job: ids[1], Lane: "key:k"}}, func(err error) { done <- err })
		if err := <-done; !errors.Is(err, ledger.ErrGuard) {
			b.Errorf("a running job: %v", err)
		}
		if got := b.ready(); !slices.Equal(got, ids[:1]) {
			b.Errorf("ready %v", got)
		}
	}},
	{"the pause of a method is kept until it is resumed", func(b *bench) {
		for _, method := range []string{"b", "a", "a", "c"} {
			if err := b.PauseMethod(b.Context(), "p", method); err != nil {
				b.Fatal(err)
			}
		}
		for _, method := range []string{"c", "never paused"} {
			if err := b.ResumeMethod(b.Context(), "p", method); err != nil {
				b.Fatal(err)
			}
		}
		b.reopen()
		if methods, err := b.PausedMethods(b.Context(), "p"); err != nil || !slices.Equal(methods, []string{"a", "b"}) {
			b.Errorf("paused: %v, %v", methods, err)
		}
		if methods, err := b.PausedMethods(b.Context(), "q"); err != nil || len(methods) != 0 {
			b.Errorf("of another pool: %v, %v", methods, err)
		}
	}},
}

// park has jobs stand in a lane.
func (b *bench) park(lane ledger.Lane, ids ...int64) {
	b.Helper()
	var jobs []ledger.Parked
	for _, id := range ids {
		jobs = append(jobs, ledger.Parked{Job: id, Lane: lane})
	}
	b.Park(jobs, b.accepted)
	b.flush()
}

// ready are the jobs of pool p that may run now.
func (b *bench) ready() []int64 {
	b.Helper()
	jobs, _, err := b.Ready(b.Context(), "p", b.now, 100, nil)
	if err != nil {
		b.Fatal(err)
	}
	return idsOf(jobs)
}
