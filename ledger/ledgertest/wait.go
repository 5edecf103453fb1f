package ledgertest

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/whipper-sidecar/whipper/ledger"
)

var waits = []behaviour{
	{"a wait ends with the commit that ends the last of its jobs", func(b *bench) {
		ids := b.submit(plain, plain, plain)
		first, second := ledger.Begin(b.job(ids[0]), "w1", 1, noon), b.start(ids[1])
		b.Start(first, b.accepted)
		ended, attempt := ledger.Settle(first, ledger.Ending{Outcome: ledger.OutcomeSucceeded, At: noon, Result: []byte("1")}, 0)
		b.Finish(ended, attempt, b.accepted) // perhaps before the wait
		var callers sync.WaitGroup
		for range 8 {
			callers.Go(func() {
				asked := []int64{ids[2], ids[0], ids[1], ids[0]}
				got, err := b.Wait(context.Background(), asked, ledger.Reading{})
				if err != nil || !slices.Equal(idsOf(got), asked) {
					b.Errorf("got %v, %v", idsOf(got), err)
					return
				}
				if got[0].State != ledger.Cancelled || got[1].State != ledger.Succeeded || string(got[1].Result) != "1" || got[2].State != ledger.Failed {
					b.Errorf("got %+v", got)
				}
			})
		}
		b.finish(second, ledger.Ending{Outcome: ledger.OutcomeError, Permanent: true})
		if _, err := b.CancelQueued(b.Context(), ids[2:], noon, nil); err != nil {
			b.Fatal(err)
		}
		callers.Wait()
	}},
	{"a wait for what has ended returns at once, and one for nothing too", func(b *bench) {
		id := b.submit(plain)[0]
		b.end(id, ledger.OutcomeSucceeded)
		if jobs, err := b.Wait(b.Context(), []int64{id}, ledger.Reading{}); err != nil || len(jobs) != 1 || jobs[0].State != ledger.Succeeded {
			b.Errorf("got %+v, %v", jobs, err)
		}
		if jobs, err := b.Wait(b.Context(), nil, ledger.Reading{}); len(jobs) != 0 || err != nil {
			b.Errorf("waiting for nothing: %v, %v", jobs, err)
		}
	}},
	{"a wait for an unknown job names it", func(b *bench) {
		id := b.submit(plain)[0]
		_, err := b.Wait(b.Context(), []int64{id, 4711}, ledger.Reading{})
		var missing *ledger.NotFoundError
		if !errors.Is(err, ledger.ErrNotFound) || !errors.As(err, &missing) || missing.ID != 4711 {
			b.Errorf("got %v", err)
		}
		if _, _, err := b.Get(b.Context(), 4711); !errors.Is(err, ledger.ErrNotFound) {
			b.Errorf("get: %v", err)
		}
	}},
	{"outcomes that hold more than is wanted are not read", func(b *bench) {
		ids := b.submit(ledger.Job{Pool: "p", Method: "m", Params: bytes.Repeat([]byte(" "), 50_000)}, plain)
		b.run(ids[0], ledger.Ending{Outcome: ledger.OutcomeSucceeded, Result: bytes.Repeat([]byte("1"), 10_000)})
		b.end(ids[1], ledger.OutcomeSucceeded)
		for _, c := range []struct {
			ids     []int64
			reading ledger.Reading
			fits    bool
		}{
			{ids, ledger.Reading{MaxBytes: 12_000}, true},
			{ids, ledger.Reading{MaxBytes: 10_000}, false},
			{ids, ledger.Reading{MaxBytes: 10_000, Bare: true}, true},
			{[]int64{ids[0], ids[0]}, ledger.Reading{MaxBytes: 12_000}, false},
			{slices.Repeat(ids[1:], 100_000), ledger.Reading{MaxBytes: 1 << 20}, false},
		} {
			jobs, err := b.Wait(b.Context(), c.ids, c.reading)
			var tooMuch *ledger.TooMuchError
			if errors.As(err, &tooMuch) == c.fits || c.fits && (err != nil || len(jobs) != len(c.ids)) {
				b.Errorf("%d jobs, %+v: %d jobs, %v", len(c.ids), c.reading, len(jobs), err)
			}
			for _, job := range jobs {
				if job.Params != nil || c.reading.Bare == (len(job.Result) > 1000) && job.ID == ids[0] {
					b.Errorf("%+v: %d bytes of params, %d of a result", c.reading, len(job.Params), len(job.Result))
				}
			}
		}
	}},
	{"a wait ends with its context", func(b *bench) {
		id := b.submit(plain)[0]
		ctx, cancel := context.WithCancel(b.Context())
		waited := make(chan error, 1)
		go func() {
			_, err := b.Wait(ctx, []int64{id}, ledger.Reading{})
			waited <- err
		}()
		cancel()
		if err := <-waited; !errors.Is(err, context.Canceled) {
			b.Errorf("got %v", err)
		}
	}},
	{"a wait that a job's retry overtakes goes on to its next end", func(b *bench) {
		ids := b.submit(plain, plain)
		waited := make(chan error, 1)
		go func() {
			jobs, err := b.Wait(context.Background(), ids, ledger.Reading{})
			if err == nil && jobs[0].State != ledger.Succeeded {
				err = errors.New("the wait gave a job that is " + string(jobs[0].State))
			}
			waited <- err
		}()
		b.end(ids[0], ledger.OutcomeError)
		if _, err := b.Retry(b.Context(), ids[:1], nil); err != nil {
			b.Fatal(err)
		}
		b.end(ids[1], ledger.OutcomeSucceeded)
		b.end(ids[0], ledger.OutcomeSucceeded)
		if err := <-waited; err != nil {
			b.Error(err)
		}
	}},
	{"a wait for what is pruned meanwhile names it", func(b *bench) {
		ids := b.submit(plain, plain)
		waited := make(chan error, 1)
		go func() {
			_, err := b.Wait(context.Background(), ids, ledger.Reading{})
			waited <- err
		}()
		b.end(ids[0], ledger.OutcomeSucceeded)
		if n, err := b.PruneIDs(b.Context(), ids[:1]); n != 1 || err != nil { // by its id it goes, whoever waits
			b.Fatal(n, err)
		}
		b.end(ids[1], ledger.OutcomeSucceeded)
		var missing *ledger.NotFoundError
		if err := <-waited; !errors.As(err, &missing) || missing.ID != ids[0] {
			b.Errorf("got %v", err)
		}
	}},
}
