package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"

	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

// task is something for a worker to do.
type task struct {
	name    string // of its own
	method  string
	params  json.RawMessage
	timeout time.Duration
}

// newTask makes up a task. Most are harmless.
func newTask(chance *rand.Rand, name string) task {
	t := task{name: name, method: "effect", timeout: 3 * time.Second}
	args := []any{name, chance.IntN(20)}
	switch n := chance.IntN(100); {
	case n < 3:
		t.method, args = "crash", append(args, chance.IntN(2))
	case n < 5:
		t.method = "fork"
	case n < 7:
		t.method, t.timeout = "hang", 300*time.Millisecond
	case n < 10:
		t.method, t.timeout = "late", 300*time.Millisecond
	case n < 15:
		t.method = "fail"
	case n < 17:
		t.method = "permanent"
	case n < 20:
		t.method = "snooze"
	case n < 24:
		t.method, args = "flood", append(args, 1+chance.IntN(200))
	case n < 27:
		t.method = "leak"
	case n < 29:
		t.method = "child"
	case n < 33:
		t.method, args = "large", append(args, string(make([]byte, 20_000))) // 120 kB in JSON: more than a pipe holds
	case n < 37:
		t.method = "double"
	case n < 41:
		t.method = "lie"
	}
	t.params, _ = json.Marshal(args) // strings and numbers have a form
	return t
}

// job makes up how a task is submitted.
func (t task) job(chance *rand.Rand, pool string) whipper.SubmitParams {
	p := whipper.SubmitParams{
		Pool: pool, Method: t.method, Params: t.params, TimeoutMs: t.timeout.Milliseconds(), Priority: chance.IntN(21) - 10,
		MaxAttempts: 1 + chance.IntN(4), Backoff: &whipper.Backoff{BaseMs: 10, Factor: 2, CapMs: 200, Jitter: 0.5},
	}
	if chance.IntN(4) == 0 {
		p.Delivery = "at-most-once"
	}
	if chance.IntN(4) == 0 {
		p.DelayMs = 1 + chance.Int64N(1000)
	}
	if chance.IntN(3) == 0 {
		p.IdempotencyKey = t.name
	}
	if chance.IntN(4) == 0 {
		p.ConcurrencyKey = fmt.Sprintf("k%d", chance.IntN(4))
	}
	return p
}
