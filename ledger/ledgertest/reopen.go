package ledgertest

import (
	"errors"
	"strings"
	"time"

	"github.com/whipper-sidecar/whipper/ledger"
)

var reopenings = []behaviour{
	{"what is closed and opened again is what it was", func(b *bench) {
		b.everyState()
		if _, _, err := b.PutSchedule(b.Context(), ledger.Schedule{Name: "s", Spec: "@every 1h", Pool: "p", Method: "m"}); err != nil {
			b.Fatal(err)
		}
		jobs, counts, stats, schedules := b.exported(), b.counts("p"), b.stats(ledger.StatsFilter{}), b.schedules()
		b.reopen()
		same(b, "jobs", b.exported(), jobs)
		same(b, "counts", b.counts("p"), counts)
		same(b, "statistics", b.stats(ledger.StatsFilter{}), stats)
		same(b, "schedules", b.schedules(), schedules)
	}},
	{"an export that is imported elsewhere makes the same store", func(b *bench) {
		b.everyState()
		jobs, counts, last := b.exported(), b.counts("p"), b.LastID()
		copied := &bench{T: b.T, engine: b.engine, dir: b.TempDir(), now: b.now}
		done, err := b.engine.Import(copied.dir, strings.NewReader(jobs))
		if err != nil || int(done.Jobs) != strings.Count(jobs, "\n") || done.There != 0 {
			b.Fatalf("%+v: %v", done, err)
		}
		copied.open()
		defer copied.close()
		same(b, "jobs", copied.exported(), jobs)
		same(b, "counts", copied.counts("p"), counts)
		if id := copied.submit(plain)[0]; id <= last {
			b.Errorf("id %d was given out before", id)
		}
	}},
	{"what was handed over before the end is written, and nothing is taken afterwards", func(b *bench) {
		ids := b.submit(plain, plain)
		job := b.job(ids[0])
		b.Start(ledger.Begin(job, "w1", 1, noon), b.accepted)
		if err := b.Close(); err != nil {
			b.Fatal(err)
		}
		answer := make(chan error, 1)
		b.Start(ledger.Begin(job, "w1", 1, noon), func(err error) { answer <- err })
		_, submitErr := b.SubmitWith(b.Context(), []ledger.Job{plain}, ledger.SubmitOptions{})
		_, idErr := b.NextID(b.Context())
		for what, err := range map[string]error{"start": <-answer, "submit": submitErr, "next id": idErr, "flush": b.Flush(b.Context())} {
			if !errors.Is(err, ledger.ErrClosed) {
				b.Errorf("%s: %v", what, err)
			}
		}
		b.open()
		if got := b.states(ids...); got != "running queued" {
			b.Errorf("they are %s", got)
		}
	}},
	{"no id is used again, not even of a job that was pruned or never came", func(b *bench) {
		last := b.submit(plain, plain)[1]
		for range 3 {
			id, err := b.NextID(b.Context())
			if err != nil || id <= last || b.LastID() != id {
				b.Fatalf("id %d after %d, the last is %d: %v", id, last, b.LastID(), err)
			}
			last = id
			b.reopen()
			if id := b.submit(plain)[0]; id <= last {
				b.Errorf("id %d after %d", id, last)
			} else {
				last = id
			}
			b.end(last, ledger.OutcomeSucceeded)
			if _, err := b.Prune(b.Context(), ledger.PruneFilter{}); err != nil {
				b.Fatal(err)
			}
			b.reopen()
		}
	}},
}

// everyState puts a job in each state on the store, with all that a row can hold.
func (b *bench) everyState() {
	b.Helper()
	code := 3
	rich := ledger.Job{
		Pool: "p", Method: "größe", Params: []byte("{\"a\": \"\xff\u2028<&>\"}\n"), Labels: map[string]string{"b": "<1>", "a": "", "ü\n": `"`},
		Priority: -3, Timeout: 1500 * time.Microsecond, Trace: ledger.Trace{Traceparent: "00-1-2-01", Tracestate: "k=v", Baggage: "b"},
		Backoff: ledger.Backoff{Base: 1500 * time.Microsecond, Factor: 1.1, Cap: time.Hour, Jitter: 0.3333}, ExpiresAt: noon.Add(time.Hour),
	}
	ids := b.submit(many(7, rich)...)
	b.run(ids[0], ledger.Ending{Outcome: ledger.OutcomeSucceeded, Result: []byte(`"` + strings.Repeat("long ", 4000) + `"`)})
	b.run(ids[1], ledger.Ending{
		Outcome: ledger.OutcomeCrashed, Permanent: true, Error: []byte("{\"code\":1,\r\n\"message\":\"\xff\"}"), ErrorSource: ledger.FromWhipper,
		ExitCode: &code, Signal: "SIGKILL", StderrTail: "last\nwords\x1b\xff",
	})
	b.end(ids[2], ledger.OutcomeCancelled)
	dropped := b.job(ids[3])
	dropped.State, dropped.FinishedAt = ledger.Dropped, noon
	b.Finish(dropped, ledger.Attempt{}, b.accepted)
	b.start(ids[4])
	b.run(ids[5], ledger.Ending{Outcome: ledger.OutcomeCrashed, Shared: true})
	keyed := rich
	keyed.IdempotencyKey, keyed.ConcurrencyKey, keyed.Delivery = "k", "user", ledger.AtMostOnce
	b.submit(keyed)
}
