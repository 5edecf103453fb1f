package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

// steer waits for jobs, cancels them or has them run again.
func (v *visitor) steer(do, what string) func(context.Context) {
	v.mu.Lock()
	var ids []int64
	for range min(len(v.jobs), 1+v.chance.IntN(3)) {
		if id := v.jobs[v.chance.IntN(len(v.jobs))]; !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	v.mu.Unlock()
	return func(ctx context.Context) {
		if len(ids) == 0 {
			return
		}
		q := ask{Do: do, IDs: ids}
		switch do {
		case "retry":
			v.history.retry(ids...)
		case "wait":
			q.TimeoutMs = 5000
		}
		a := v.speak(ctx, q)
		v.books.add(what, 1)
		for _, j := range a.Jobs {
			v.history.saw(j.ID, j.State)
		}
		if a.Error == nil || a.Error.unknown() || do == "wait" && a.Error.Code == whipper.CodeTimeout ||
			a.Error.Code == whipper.CodeLedger && v.disk.wasFull(time.Now().Add(-patience), time.Now()) {
			return
		}
		v.books.violation("the %s client: %s %v: %v", v.language(), do, ids, a.Error)
	}
}

// remember keeps ids for steer.
func (v *visitor) remember(ids ...int64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.jobs = append(v.jobs, ids...)
	if n := len(v.jobs); n > 64 {
		v.jobs = slices.Clone(v.jobs[n-64:])
	}
}

// schedule puts one of a few schedules, whose jobs come each second.
func (v *visitor) schedule() func(context.Context) {
	t := v.newTask()
	name := fmt.Sprintf("every-%d", v.chance.IntN(3))
	p := whipper.SchedulePutParams{
		Name: name, Spec: "@every 1s", Overlap: []string{"skip", "queue"}[v.chance.IntN(2)], Pool: v.pool(), Method: t.method, Params: t.params,
		TimeoutMs: t.timeout.Milliseconds(), MaxAttempts: 1 + v.chance.IntN(3), Backoff: &whipper.Backoff{BaseMs: 10, Factor: 2, CapMs: 200},
	}
	raw, _ := json.Marshal(p) // it has a form
	d := &deed{
		Name: t.name, Client: v.language(), Do: "schedule", Pool: p.Pool, Method: p.Method, Delivery: "at-least-once", MaxAttempts: p.MaxAttempts,
	}
	return func(ctx context.Context) {
		v.history.ask(d)
		a := v.speak(ctx, ask{Do: "request", Method: "schedule.put", Params: raw})
		v.books.add("schedules put", 1)
		switch {
		case a.Error == nil:
			v.history.tell(d, acknowledged, 0, "")
		case a.Error.unknown():
			v.history.tell(d, unknown, 0, a.Error.Error())
		default:
			v.history.tell(d, refused, 0, a.Error.Error())
			if a.Error.Code != whipper.CodeLedger || !v.disk.wasFull(v.history.since(d), time.Now()) {
				v.books.violation("the %s client: put schedule %s: %v", v.language(), name, a.Error)
			}
		}
	}
}
