package ledgertest

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/whipper-sidecar/whipper/ledger"
)

var claims = []behaviour{
	{"what is ready comes by priority, then by time, then by age", func(b *bench) {
		job := func(priority int, runAt time.Duration) ledger.Job {
			return ledger.Job{Pool: "p", Method: "m", Priority: priority, RunAt: noon.Add(runAt)}
		}
		ids := b.submit(job(0, 0), job(0, -time.Second), job(5, 0), job(5, time.Hour), job(-5, 0), job(0, 0), job(0, time.Minute))
		b.submit(ledger.Job{Pool: "other", Method: "m", RunAt: noon.Add(time.Second)})

		jobs, next, err := b.Ready(b.Context(), "p", noon, 10, nil)
		if want := []int64{ids[2], ids[1], ids[0], ids[5], ids[4]}; err != nil || !slices.Equal(idsOf(jobs), want) {
			b.Errorf("got %v, want %v: %v", idsOf(jobs), want, err)
		}
		if !next.Equal(noon.Add(time.Minute)) {
			b.Errorf("next is %v", next)
		}
		skip := map[int64]struct{}{ids[2]: {}, ids[0]: {}}
		jobs, _, err = b.Ready(b.Context(), "p", noon, 2, skip)
		if want := []int64{ids[1], ids[5]}; err != nil || !slices.Equal(idsOf(jobs), want) {
			b.Errorf("got %v, want %v: %v", idsOf(jobs), want, err)
		}
		if jobs, next, err := b.Ready(b.Context(), "empty", noon, 10, nil); len(jobs) != 0 || !next.IsZero() || err != nil {
			b.Errorf("an empty pool gives %v, %v, %v", jobs, next, err)
		}
	}},
	{"what is ready stays queued, and is given whole", func(b *bench) {
		id := b.submit(ledger.Job{Pool: "p", Method: "m", Params: []byte(`[1]`), Labels: map[string]string{"a": "b"}})[0]
		for range 2 {
			jobs, _, err := b.Ready(b.Context(), "p", noon, 1, nil)
			if err != nil || len(jobs) != 1 || jobs[0].ID != id || string(jobs[0].Params) != `[1]` || jobs[0].Labels["a"] != "b" {
				b.Errorf("got %+v, %v", jobs, err)
			}
		}
	}},
	{"an expired job is not ready, and the next expiry is told", func(b *bench) {
		job := func(expires time.Duration) ledger.Job {
			return ledger.Job{Pool: "p", Method: "m", ExpiresAt: noon.Add(expires)}
		}
		delayed := job(time.Minute)
		delayed.RunAt = noon.Add(time.Hour)
		ids := b.submit(job(-time.Second), job(0), job(time.Second), delayed)
		jobs, next, err := b.Ready(b.Context(), "p", noon, 10, nil)
		if err != nil || !slices.Equal(idsOf(jobs), ids[2:3]) {
			b.Errorf("ready: %v, %v", idsOf(jobs), err)
		}
		if !next.Equal(noon.Add(time.Minute)) { // not that of the job just given
			b.Errorf("next is %v", next)
		}
		expired, err := b.Expired(b.Context(), "p", noon, 10)
		if err != nil || !slices.Equal(idsOf(expired), ids[:2]) {
			b.Errorf("expired: %v, %v", idsOf(expired), err)
		}
		if first, err := b.Expired(b.Context(), "p", noon, 1); err != nil || !slices.Equal(idsOf(first), ids[:1]) {
			b.Errorf("the longest expired: %v, %v", idsOf(first), err)
		}
	}},
	{"an expired job ends without an attempt", func(b *bench) {
		id := b.submit(ledger.Job{Pool: "p", Method: "m", ExpiresAt: noon.Add(time.Second)})[0]
		job := b.job(id)
		job.State, job.FinishedAt, job.Error, job.ErrorSource = ledger.Failed, noon.Add(time.Second), []byte(`{"code":1008}`), ledger.FromWhipper
		b.Finish(job, ledger.Attempt{}, b.accepted)
		b.flush()
		if got, attempts := b.whole(id); !reflect.DeepEqual(got, job) || attempts != nil {
			b.Errorf("%+v, attempts %v", got, attempts)
		}
	}},
	{"what is ready agrees with a plain search", func(b *bench) {
		pool := 0
		rapid.Check(b, func(t *rapid.T) {
			pool++
			name := fmt.Sprint("p", pool)
			moment := func(label string) time.Time {
				return noon.Add(time.Duration(rapid.IntRange(-3, 3).Draw(t, label)) * time.Second)
			}
			jobs := make([]ledger.Job, rapid.IntRange(0, 12).Draw(t, "jobs"))
			for i := range jobs {
				jobs[i] = ledger.Job{Pool: name, Method: "m", Priority: rapid.IntRange(-2, 2).Draw(t, "priority"), RunAt: moment("run at")}
				if rapid.Bool().Draw(t, "expires") {
					jobs[i].ExpiresAt = moment("expires at")
				}
			}
			answer, err := b.SubmitWith(context.Background(), jobs, ledger.SubmitOptions{})
			if err != nil {
				t.Fatal(err)
			}
			skip := map[int64]struct{}{}
			for i := range jobs {
				if jobs[i].ID = answer[i].ID; rapid.Bool().Draw(t, "skip") {
					skip[jobs[i].ID] = struct{}{}
				}
			}
			limit := rapid.IntRange(1, 12).Draw(t, "limit")
			var after ledger.Position
			seen := maps.Clone(skip)
			if len(jobs) > 0 && rapid.Bool().Draw(t, "go on") {
				after = jobs[rapid.IntRange(0, len(jobs)-1).Draw(t, "after")].Position()
				for i := range jobs {
					if jobs[i].Position().Compare(after) <= 0 {
						seen[jobs[i].ID] = struct{}{}
					}
				}
			}
			want, wantNext := search(jobs, noon, limit, seen, nil)
			got, next, err := b.ReadyAfter(context.Background(), name, noon, limit, skip, after)
			if err != nil || !slices.Equal(idsOf(got), want) || !next.Equal(wantNext) {
				t.Fatalf("got %v, next %v, %v; want %v, next %v", idsOf(got), next, err, want, wantNext)
			}
		})
	}},
}

// search is Ready among queued jobs in memory. Those in aside stand in a lane.
func search(jobs []ledger.Job, now time.Time, limit int, skip, aside map[int64]struct{}) (ids []int64, next time.Time) {
	jobs = slices.Clone(jobs)
	inOrder(jobs)
	for i := range jobs {
		j := &jobs[i]
		_, skipped := skip[j.ID]
		_, parked := aside[j.ID]
		if !skipped && !parked && len(ids) < limit && !j.RunAt.After(now) && !expired(j, now) {
			ids = append(ids, j.ID)
			continue
		}
		moments := []time.Time{j.ExpiresAt}
		if !parked { // else that is not what it waits for
			moments = append(moments, j.RunAt)
		}
		for _, at := range moments {
			if at.After(now) && (next.IsZero() || at.Before(next)) {
				next = at
			}
		}
	}
	return ids, next
}

// inOrder sorts jobs as they are to run.
func inOrder(jobs []ledger.Job) {
	slices.SortFunc(jobs, func(a, b ledger.Job) int {
		return cmp.Or(b.Priority-a.Priority, a.RunAt.Compare(b.RunAt), cmp.Compare(a.ID, b.ID))
	})
}

func expired(j *ledger.Job, now time.Time) bool {
	return !j.ExpiresAt.IsZero() && !j.ExpiresAt.After(now)
}
