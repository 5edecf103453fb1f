package ledgertest

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/whipper-sidecar/whipper/ledger"
)

var listings = []behaviour{
	{"a listing by cursor is complete and without duplicates, whatever its filter", func(b *bench) {
		var all []ledger.Job // of all checks: each adds to the store that it lists
		rapid.Check(b, func(t *rapid.T) {
			ctx := context.Background()
			all = append(all, drawListed(t, b)...)
			f := drawFilter(t)
			var want []int64
			for _, job := range slices.Backward(all) {
				if matches(&job, &f) {
					want = append(want, job.ID)
				}
			}
			if n, err := b.Count(ctx, f); err != nil || int(n) != len(want) {
				t.Fatalf("filter %+v\ncounted %d, want %d: %v", f, n, len(want), err)
			}
			var got []int64
			for next := "first"; next != ""; f.Cursor = next {
				var page []ledger.Job
				var err error
				if page, next, err = b.List(ctx, f); err != nil || len(page) > f.Limit || next != "" && (len(page) == 0 || len(page) != f.Limit && f.MaxBytes == 0) {
					t.Fatalf("page of %d, next %q: %v", len(page), next, err)
				}
				got = append(got, idsOf(page)...)
			}
			if !slices.Equal(got, want) {
				t.Fatalf("filter %+v\ngot  %v\nwant %v", f, got, want)
			}
		})
	}},
	{"pages are not shifted by what comes and goes meanwhile", func(b *bench) {
		ids := b.submit(many(6, plain)...)
		first, next, err := b.List(b.Context(), ledger.Filter{Limit: 2})
		if err != nil || !slices.Equal(idsOf(first), []int64{ids[5], ids[4]}) {
			b.Fatal(idsOf(first), err)
		}
		b.submit(plain)
		b.end(ids[4], ledger.OutcomeSucceeded)
		b.end(ids[2], ledger.OutcomeSucceeded)
		if _, err := b.Prune(b.Context(), ledger.PruneFilter{}); err != nil {
			b.Fatal(err)
		}
		rest, next, err := b.List(b.Context(), ledger.Filter{Cursor: next})
		if want := []int64{ids[3], ids[1], ids[0]}; err != nil || next != "" || !slices.Equal(idsOf(rest), want) {
			b.Errorf("got %v, want %v, then %q: %v", idsOf(rest), want, next, err)
		}
	}},
	{"a listing leaves payloads out unless asked", func(b *bench) {
		id := b.submit(ledger.Job{Pool: "p", Method: "m", Params: []byte(`[1]`)})[0]
		b.run(id, ledger.Ending{Outcome: ledger.OutcomeSucceeded, Result: []byte(`2`)})
		for _, payloads := range []bool{false, true} {
			jobs, _, err := b.List(b.Context(), ledger.Filter{Payloads: payloads})
			if err != nil || len(jobs) != 1 || (jobs[0].Params != nil) != payloads || (jobs[0].Result != nil) != payloads {
				b.Errorf("payloads %t: %+v, %v", payloads, jobs, err)
			}
		}
	}},
	{"a page holds no more bytes than are wanted, but one job at least", func(b *bench) {
		for _, size := range []int{1000, 20_000, 1000, 1000} {
			b.submit(ledger.Job{Pool: "p", Method: "m", Params: bytes.Repeat([]byte(" "), size)})
		}
		var pages []int
		f := ledger.Filter{Payloads: true, MaxBytes: 5000}
		for next := "first"; next != ""; f.Cursor = next {
			var page []ledger.Job
			var err error
			if page, next, err = b.List(b.Context(), f); err != nil {
				b.Fatal(err)
			}
			pages = append(pages, len(page))
		}
		if want := []int{2, 1, 1}; !slices.Equal(pages, want) {
			b.Errorf("pages of %v jobs, want %v", pages, want)
		}
	}},
	{"a listing's limit has a default and a maximum", func(b *bench) {
		b.submit(many(ledger.MaxListLimit+1, plain)...)
		for limit, want := range map[int]int{0: ledger.DefaultListLimit, 7: 7, 5000: ledger.MaxListLimit} {
			if got, next, err := b.List(b.Context(), ledger.Filter{Limit: limit}); len(got) != want || next == "" || err != nil {
				b.Errorf("limit %d: %d jobs, next %q, %v", limit, len(got), next, err)
			}
		}
	}},
	{"a strange cursor is refused", func(b *bench) {
		for _, cursor := range []string{"2", "j", "j-1", "j!", "j" + strings.Repeat("z", 20)} {
			if _, _, err := b.List(b.Context(), ledger.Filter{Cursor: cursor}); !errors.Is(err, ledger.ErrCursor) {
				b.Errorf("%q: %v", cursor, err)
			}
		}
	}},
}

// drawListed puts jobs on the store, in some states.
func drawListed(t *rapid.T, b *bench) []ledger.Job {
	jobs := make([]ledger.Job, rapid.IntRange(1, 10).Draw(t, "jobs"))
	for i := range jobs {
		jobs[i] = ledger.Job{
			Pool: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "pool"), Method: rapid.SampledFrom([]string{"m", "n"}).Draw(t, "method"),
			CreatedAt: noon.Add(time.Duration(rapid.IntRange(0, 3).Draw(t, "created")) * time.Hour),
			Labels:    rapid.SampledFrom([]map[string]string{nil, {"a": "1"}, {"a": "2", `"q"`: "1"}}).Draw(t, "labels"),
		}
	}
	for i, id := range b.submit(jobs...) {
		jobs[i].ID, jobs[i].State = id, ledger.Queued
		state := rapid.SampledFrom([]ledger.State{ledger.Queued, ledger.Running, ledger.Succeeded}).Draw(t, "state")
		if state == ledger.Queued {
			continue
		}
		jobs[i] = ledger.Begin(jobs[i], "w1", 1, noon)
		b.Start(jobs[i], b.accepted)
		if state == ledger.Succeeded {
			var attempt ledger.Attempt
			jobs[i], attempt = ledger.Settle(jobs[i], ledger.Ending{Outcome: ledger.OutcomeSucceeded, At: noon}, 0)
			b.Finish(jobs[i], attempt, b.accepted)
		}
	}
	b.flush()
	return jobs
}

func drawFilter(t *rapid.T) ledger.Filter {
	f := ledger.Filter{
		Pool:      rapid.SampledFrom([]string{"", "a", "b", "nowhere"}).Draw(t, "pool filter"),
		Method:    rapid.SampledFrom([]string{"", "m", "n"}).Draw(t, "method filter"),
		States:    rapid.SliceOfN(rapid.SampledFrom(allStates), 0, 3).Draw(t, "states"),
		LabelName: rapid.SampledFrom([]string{"", "a", `"q"`}).Draw(t, "label"), LabelValue: "1",
		Limit: rapid.IntRange(20, 60).Draw(t, "limit"), MaxBytes: rapid.SampledFrom([]int{0, 0, 1500, 15_000}).Draw(t, "bytes"),
	}
	if rapid.Bool().Draw(t, "between") {
		f.Since, f.Until = noon.Add(time.Hour), noon.Add(3*time.Hour)
	}
	return f
}

// matches says whether a filter selects a job.
func matches(j *ledger.Job, f *ledger.Filter) bool {
	return (f.Pool == "" || j.Pool == f.Pool) && (f.Method == "" || j.Method == f.Method) &&
		(len(f.States) == 0 || slices.Contains(f.States, j.State)) &&
		(f.Since.IsZero() || !j.CreatedAt.Before(f.Since)) && (f.Until.IsZero() || j.CreatedAt.Before(f.Until)) &&
		(f.LabelName == "" || j.Labels[f.LabelName] == f.LabelValue)
}
