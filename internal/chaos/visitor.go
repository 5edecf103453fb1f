package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

// visitor has a client ask for one thing after the other, up to some at once, and notes what came of each.
type visitor struct {
	*stage
	speaker
	chance  *rand.Rand // of whoever makes up the asks, one after the other
	mark    string     // of all its names
	names   int
	history *history

	mu   sync.Mutex
	jobs []int64 // some that were acknowledged not long ago
}

// atOnce is how many things a client asks for at once.
const atOnce = 8

// visit asks until ctx ends, and returns when all has been answered.
func (v *visitor) visit(ctx context.Context) {
	slots := make(chan struct{}, atOnce)
	for pause(ctx, v.chance, v.o.pace); ctx.Err() == nil; pause(ctx, v.chance, v.o.pace) {
		slots <- struct{}{}
		do := v.think()
		go func() {
			defer func() { <-slots }()
			do(context.WithoutCancel(ctx))
		}()
	}
	for range atOnce {
		slots <- struct{}{}
	}
}

// think makes up what is asked for next.
func (v *visitor) think() func(context.Context) {
	switch n := v.chance.IntN(100); {
	case n < 36:
		return v.submit()
	case n < 46:
		return v.batch()
	case n < 76:
		return v.invoke()
	case n < 81:
		return v.steer("wait", "waits")
	case n < 87:
		return v.steer("cancel", "cancellations")
	case n < 93:
		return v.steer("retry", "retries by command")
	case n < 97:
		return v.impossible()
	default:
		return v.schedule()
	}
}

func (v *visitor) newTask() task {
	v.names++
	return newTask(v.chance, fmt.Sprintf("%s-%d", v.mark, v.names))
}

func (v *visitor) pool() string { return v.kinds[v.chance.IntN(len(v.kinds))].name }

// submit puts a job on the ledger; one that has a key sometimes twice, or again as something else.
func (v *visitor) submit() func(context.Context) {
	t := v.newTask()
	p := t.job(v.chance, v.pool())
	d := submitting(v.language(), p, t.name)
	again := v.chance.IntN(6)
	return func(ctx context.Context) {
		v.history.ask(d)
		a := v.speak(ctx, ask{Do: "submit", Job: &p})
		if !v.acknowledge(a, d) || p.IdempotencyKey == "" || again > 1 {
			return
		}
		if again == 0 {
			b := v.speak(ctx, ask{Do: "submit", Job: &p})
			if b.Error == nil && (b.IDs[0] != d.ID || !b.Duplicate) {
				v.books.violation("job %d, %s, was submitted again with its key, and came to %d (duplicate: %t)", d.ID, d.Name, b.IDs[0], b.Duplicate)
			}
			v.books.add("duplicates", 1)
			return
		}
		other := p
		other.Params = json.RawMessage(fmt.Sprintf("[%q, 0]", t.name+"-other"))
		e := submitting(v.language(), other, t.name+"-other")
		v.history.ask(e)
		v.refuse(v.speak(ctx, ask{Do: "submit", Job: &other}), e)
	}
}

// acknowledge notes what a submission was answered, and says whether its jobs are on disk.
func (v *visitor) acknowledge(a answer, deeds ...*deed) bool {
	v.books.add("submitted", int64(len(deeds)))
	switch {
	case a.Error == nil && len(a.IDs) == len(deeds):
		for i, d := range deeds {
			v.history.tell(d, acknowledged, a.IDs[i], "")
		}
		v.books.add("acknowledged", int64(len(deeds)))
		v.remember(a.IDs...)
		v.told.ring()
		return true
	case a.Error == nil:
		v.books.violation("the %s client: %d jobs were answered with ids %v", v.language(), len(deeds), a.IDs)
	case a.Error.unknown():
		v.books.add("submissions of unknown outcome", int64(len(deeds)))
		for _, d := range deeds {
			v.history.tell(d, unknown, 0, a.Error.Error())
		}
		return false
	case a.Error.Code != whipper.CodeLedger || !v.disk.wasFull(v.history.since(deeds[0]), time.Now()):
		v.books.violation("the %s client: submit %s: %v", v.language(), deeds[0].Name, a.Error)
	}
	for _, d := range deeds {
		v.history.tell(d, refused, 0, fmt.Sprint(a.Error))
	}
	v.books.add("submissions refused", int64(len(deeds)))
	return false
}

// refuse notes that something was refused that must be.
func (v *visitor) refuse(a answer, d *deed) {
	v.books.add("impossible submissions", 1)
	switch {
	case a.Error == nil:
		v.books.violation("the %s client: %s, which is impossible, was taken: %v", v.language(), d.Name, a.IDs)
	case a.Error.unknown():
		v.history.tell(d, refused, 0, "it is impossible, and was not answered") // whoever was asked, nobody may have taken it
	default:
		v.history.tell(d, refused, 0, a.Error.Error())
	}
}

func (v *visitor) batch() func(context.Context) {
	var q ask
	var deeds []*deed
	pool := v.pool()
	for range 1 + v.chance.IntN(6) {
		t := v.newTask()
		p := t.job(v.chance, pool)
		q.Jobs = append(q.Jobs, p)
		deeds = append(deeds, submitting(v.language(), p, t.name))
	}
	q.Do = "batch"
	return func(ctx context.Context) {
		v.history.ask(deeds...)
		v.acknowledge(v.speak(ctx, q), deeds...)
	}
}

// impossible submits what must be refused; in a batch, with all that is in it.
func (v *visitor) impossible() func(context.Context) {
	t, good := v.newTask(), v.newTask()
	p, g := t.job(v.chance, v.pool()), good.job(v.chance, v.pool())
	switch v.chance.IntN(4) {
	case 0:
		p.Pool = "nowhere"
	case 1:
		p.Priority = 1000
	case 2:
		p.Method = "$/effect"
	case 3:
		p.MaxAttempts = -1
	}
	d, e := submitting(v.language(), p, t.name), submitting(v.language(), g, good.name)
	alone := v.chance.IntN(2) == 0
	return func(ctx context.Context) {
		v.history.ask(d)
		if alone {
			v.refuse(v.speak(ctx, ask{Do: "submit", Job: &p}), d)
			return
		}
		v.history.ask(e)
		a := v.speak(ctx, ask{Do: "batch", Jobs: []whipper.SubmitParams{g, p}})
		v.refuse(a, d)
		v.refuse(a, e)
	}
}

// possible are errors that a call may end with here.
var possible = []int64{
	whipper.CodeWorkerCrashed, whipper.CodeTimeout, whipper.CodeCancelled, whipper.CodeQueueFull, whipper.CodeAtCapacity, whipper.CodeRequestCancelled,
	whipper.CodeExpired,
}

func (v *visitor) invoke() func(context.Context) {
	t := v.newTask()
	q := ask{Do: "invoke", Call: &whipper.InvokeParams{Pool: v.pool(), Method: t.method, Params: t.params, TimeoutMs: t.timeout.Milliseconds()}}
	if v.chance.IntN(8) == 0 {
		q.CancelAfterMs = 1 + v.chance.Int64N(60)
	}
	d := &deed{Name: t.name, Client: v.language(), Do: "invoke", Pool: q.Call.Pool, Method: t.method, Delivery: "at-least-once", MaxAttempts: 1}
	return func(ctx context.Context) {
		v.history.ask(d)
		v.books.add("calls", 1)
		a := v.speak(ctx, q)
		if a.Error == nil {
			v.answered(d, a)
			return
		}
		switch {
		case a.Error.unknown(), q.CancelAfterMs > 0 && a.Error.calledOff():
			v.books.add("calls of unknown outcome", 1)
			v.history.tell(d, unknown, a.Job, a.Error.Error())
		case !a.Error.Own, slices.Contains(possible, a.Error.Code):
			v.books.add("calls failed", 1)
			v.history.tell(d, failed, a.Job, a.Error.Error())
		case a.Error.Code == whipper.CodeLedger && v.disk.wasFull(v.history.since(d), time.Now()):
			v.history.tell(d, refused, a.Job, a.Error.Error())
		default:
			v.history.tell(d, unknown, a.Job, a.Error.Error())
			v.books.violation("the %s client: call %s of %s: %v", v.language(), t.name, t.method, a.Error)
		}
	}
}

// answered notes the result of a call.
func (v *visitor) answered(d *deed, a answer) {
	var p proof
	if err := json.Unmarshal(a.Result, &p); err != nil || p.Task != d.Name {
		v.books.violation("the %s client: call %s of %s got the result %.100s", v.language(), d.Name, d.Method, a.Result)
	}
	d.Token = p.Token
	v.books.add("calls answered", 1)
	v.history.tell(d, succeeded, p.Job, "")
}

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

// pause waits for up to twice a time.
func pause(ctx context.Context, chance *rand.Rand, mean time.Duration) {
	select {
	case <-time.After(time.Duration(chance.Int64N(int64(2 * mean)))):
	case <-ctx.Done():
	}
}
