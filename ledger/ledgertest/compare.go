package ledgertest

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/whipper-sidecar/whipper/ledger"
)

// pools are those of the model's jobs.
var pools = []string{"p", "q"}

// compare says in what a store differs from a model, or "". now is the clock's.
func compare(s Store, m *model, now time.Time) string {
	for _, of := range []func(Store, *model, time.Time) string{compareJobs, compareCounts, compareQueue, compareLanes, compareStats} {
		if diff := of(s, m, now); diff != "" {
			return diff
		}
	}
	return ""
}

func compareJobs(s Store, m *model, _ time.Time) string {
	listed, next, err := s.List(context.Background(), ledger.Filter{Limit: ledger.MaxListLimit, Payloads: true})
	slices.Reverse(listed)
	if err != nil || next != "" || !slices.Equal(idsOf(listed), m.ids()) {
		return fmt.Sprintf("listed %v, then %q, %v; want %v", idsOf(listed), next, err, m.ids())
	}
	if last := s.LastID(); last < m.last {
		return fmt.Sprintf("the last id is %d, but %d was given out", last, m.last)
	}
	for i, id := range m.ids() {
		want := m.jobs[id]
		if want.compared && reflect.DeepEqual(listed[i], want.job) {
			continue
		}
		got, attempts, err := s.Get(context.Background(), id)
		if err != nil || !reflect.DeepEqual(got, listed[i]) {
			return fmt.Sprintf("job %d is listed as %+v, and got as %+v, %v", id, listed[i], got, err)
		}
		if got.State == ledger.Running {
			underWay := ledger.Attempt{Number: got.Runs, Worker: "w1", PID: 4711, StartedAt: want.job.StartedAt}
			if n := len(attempts) - 1; n < 0 || !reflect.DeepEqual(attempts[n], underWay) {
				return fmt.Sprintf("of job %d no attempt is under way: %+v", id, attempts)
			}
			attempts = attempts[:len(attempts)-1]
		}
		adopt(&want.job.Error, got.Error)
		for i := range min(len(want.attempts), len(attempts)) {
			adopt(&want.attempts[i].Error, attempts[i].Error)
		}
		if diff := cmp.Diff(want.job, got) + cmp.Diff(want.attempts, attempts, cmpopts.EquateEmpty()); diff != "" {
			return fmt.Sprintf("job %d:\n%s", id, diff)
		}
		want.compared = true
	}
	return ""
}

// adopt takes over the engine's words.
func adopt(want *[]byte, got []byte) {
	if string(*want) == string(anyWords) && len(got) > 0 {
		*want = got
	}
}

func compareCounts(s Store, m *model, _ time.Time) string {
	for _, pool := range []string{"p", ""} {
		want := map[ledger.State]int64{}
		for _, state := range allStates {
			want[state] = 0
			for _, id := range m.ids(state) {
				if pool == "" || m.jobs[id].job.Pool == pool {
					want[state]++
				}
			}
		}
		if got, err := s.Counts(context.Background(), pool); err != nil || !reflect.DeepEqual(got, want) {
			return fmt.Sprintf("counts of pool %q: %v, %v\n%s", pool, got, err, cmp.Diff(want, got))
		}
	}
	return ""
}

// compareQueue compares what is ready, and what has expired.
func compareQueue(s Store, m *model, now time.Time) string {
	for _, pool := range pools {
		var queued []ledger.Job
		var late []int64
		skip, aside := map[int64]struct{}{}, map[int64]struct{}{}
		for _, id := range m.ids(ledger.Queued) {
			if m.jobs[id].lane != "" {
				aside[id] = struct{}{}
			}
			if j := m.jobs[id].job; j.Pool == pool {
				queued = append(queued, j)
				if expired(&j, now) {
					late = append(late, id)
				}
			}
			if id%5 == 0 {
				skip[id] = struct{}{}
			}
		}
		limit := 3
		if len(queued)%2 == 0 { // now one way, now the other
			limit, skip = 100, nil
		}
		want, wantNext := search(queued, now, limit, skip, aside)
		ready, next, err := s.Ready(context.Background(), pool, now, limit, skip)
		if err != nil || !slices.Equal(idsOf(ready), want) || !next.Equal(wantNext) {
			return fmt.Sprintf("ready of pool %s without %v: %v, then %v, %v; want %v, then %v", pool, skip, idsOf(ready), next, err, want, wantNext)
		}
		got, err := s.Expired(context.Background(), pool, now, 100)
		if ids := slices.Sorted(slices.Values(idsOf(got))); err != nil || !slices.Equal(ids, late) {
			return fmt.Sprintf("expired of pool %s: %v, %v; want %v", pool, ids, err, late)
		}
	}
	return ""
}

func compareLanes(s Store, m *model, _ time.Time) string {
	for _, pool := range pools {
		want := map[ledger.Lane][]ledger.Job{}
		for _, id := range m.ids(ledger.Queued) {
			if e := m.jobs[id]; e.lane != "" && e.job.Pool == pool {
				want[e.lane] = append(want[e.lane], e.job)
			}
		}
		names, err := s.Lanes(context.Background(), pool)
		if err != nil || !slices.Equal(names, slices.Sorted(maps.Keys(want))) {
			return fmt.Sprintf("lanes of pool %s: %v, %v; want %v", pool, names, err, want)
		}
		for name, jobs := range want {
			inOrder(jobs)
			got, skipped, more, err := s.InLane(context.Background(), pool, name, 3, nil)
			if first := idsOf(jobs)[:min(3, len(jobs))]; err != nil || skipped != nil || more != (len(jobs) > 3) || !slices.Equal(idsOf(got), first) {
				return fmt.Sprintf("in lane %s of pool %s: %v, more %v, %v; want the first of %v", name, pool, idsOf(got), more, err, idsOf(jobs))
			}
		}
	}
	return ""
}

func compareStats(s Store, m *model, _ time.Time) string {
	all, err := s.Stats(context.Background(), ledger.StatsFilter{})
	if err != nil || len(all) != len(m.books) {
		return fmt.Sprintf("statistics of %d methods, want %d: %v", len(all), len(m.books), err)
	}
	for _, got := range all {
		want, ok := m.books[method{got.Pool, got.Method}]
		if !ok {
			return fmt.Sprintf("there is no method %s of pool %s", got.Method, got.Pool)
		}
		var queued, running, inHours int64
		for _, id := range m.ids(ledger.Queued, ledger.Running) {
			if j := &m.jobs[id].job; j.Pool != got.Pool || j.Method != got.Method {
				continue
			} else if j.State == ledger.Queued {
				queued++
			} else {
				running++
			}
		}
		for _, hour := range got.Hours {
			inHours += hour.Ended
		}
		for state, n := range got.Ended {
			if n != want.ended[state] {
				return fmt.Sprintf("%s of pool %s: %d are %s, want %d", got.Method, got.Pool, n, state, want.ended[state])
			}
		}
		if got.Attempts != want.attempts || got.Crashes != want.crashes || got.Wait.N != want.ran || got.Run.N != want.ran ||
			got.Queued != queued || got.Running != running || inHours != got.Total() {
			return fmt.Sprintf("%+v\nwant %+v, %d queued, %d running", got, *want, queued, running)
		}
	}
	return ""
}
