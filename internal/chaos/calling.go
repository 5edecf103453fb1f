package main

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

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
