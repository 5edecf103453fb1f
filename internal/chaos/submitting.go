package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

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
