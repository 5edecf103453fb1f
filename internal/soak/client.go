package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"time"

	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

// task is something for a worker to do.
type task struct {
	name    string // of its own, and part of its result
	method  string
	params  json.RawMessage
	timeout time.Duration
	want    string // the result, if it succeeds
}

// think makes up a task. Most are harmless.
func (s *stage) think(chance *rand.Rand, name string) task {
	t := task{name: name, method: "effect", timeout: 3 * time.Second, want: fmt.Sprintf("%q", name)}
	args := []any{s.effects(), name, chance.IntN(20)}
	switch n := chance.IntN(100); {
	case n < 4:
		t.method, args = "crash", append(args, chance.IntN(2))
	case n < 7:
		t.method, t.timeout = "hang", 300*time.Millisecond
	case n < 12:
		t.method = "fail"
	case n < 17:
		t.method, args = "chatter", append(args, 1+chance.IntN(200))
	case n < 20:
		t.method = "child"
	case n < 24:
		args = append(args, string(make([]byte, 200_000))) // six times as long in JSON
		t.method = "large"
	}
	t.params, _ = json.Marshal(args)
	return t
}

// expected are errors that a call may end with here.
var expected = []int64{
	whipper.CodeWorkerCrashed, whipper.CodeTimeout, whipper.CodeCancelled, whipper.CodeQueueFull, whipper.CodeShuttingDown, thrown,
}

// thrown is the code of an error that a worker's function threw.
const thrown = 1

// gone says whether an error means that the supervisor is not there any more.
func gone(err error) bool {
	var none *whipper.NoSupervisorError
	var refused *whipper.Error
	return errors.As(err, &none) || errors.Is(err, whipper.ErrClosed) || errors.As(err, &refused) && refused.Code == whipper.CodeShuttingDown
}

// connect gives a client of its own.
func (l *life) connect(ctx context.Context) *whipper.Client {
	c, err := whipper.Dial(ctx, whipper.Options{Dir: l.state(), Once: true})
	if err != nil {
		if ctx.Err() == nil && !gone(err) {
			l.books.violation("connect: %v", err)
		}
		return nil
	}
	return c
}

// invoke calls until ctx ends or the supervisor does, up to four calls at once. Each call must be answered, once, with its own answer.
func (l *life) invoke(ctx context.Context, chance *rand.Rand) {
	c := l.connect(ctx)
	if c == nil {
		return
	}
	defer c.Close() // the supervisor may have closed it first
	slots := make(chan struct{}, 4)
	defer func() {
		for range cap(slots) {
			slots <- struct{}{}
		}
	}()
	for n := 0; ctx.Err() == nil; n++ {
		t := l.think(chance, fmt.Sprintf("i%x-%d", chance.Uint32(), n))
		slots <- struct{}{}
		go func() {
			defer func() { <-slots }()
			l.call(c, t)
		}()
		pause(ctx, chance, 30*time.Millisecond)
	}
}

func (l *life) call(c *whipper.Client, t task) {
	limit, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	l.books.add("calls", 1)
	asked := time.Now()
	result, meta, err := c.Invoke(limit, whipper.InvokeParams{Method: t.method, Params: t.params, TimeoutMs: t.timeout.Milliseconds()})
	var failed *whipper.Error
	switch {
	case err == nil && string(result) == t.want:
		l.books.add("calls answered", 1)
	case err == nil:
		l.books.violation("call %s of %s got the result %.100s, not %s", t.name, t.method, result, t.want)
	case errors.As(err, &failed) && slices.Contains(expected, failed.Code):
		l.books.add("calls failed", 1)
	case gone(err):
		l.books.add("calls cut off", 1)
		return
	default:
		l.books.violation("call %s of %s: %v", t.name, t.method, err)
		return
	}
	if meta.Job != 0 {
		l.books.answered(meta.Job, t, asked, err == nil)
	}
}

// submit puts jobs into the ledger until ctx ends or the supervisor does.
func (l *life) submit(ctx context.Context, chance *rand.Rand) {
	c := l.connect(ctx)
	if c == nil {
		return
	}
	defer c.Close() // the supervisor may have closed it first
	for n := 0; ctx.Err() == nil; n++ {
		batch := whipper.SubmitBatchParams{}
		var tasks []task
		for i := range 1 + chance.IntN(5) {
			t := l.think(chance, fmt.Sprintf("s%x-%d-%d", chance.Uint32(), n, i))
			p := whipper.SubmitParams{
				Method: t.method, Params: t.params, TimeoutMs: t.timeout.Milliseconds(), Priority: chance.IntN(21) - 10,
				MaxAttempts: 1 + chance.IntN(4), Backoff: &whipper.Backoff{BaseMs: 10, Factor: 2, CapMs: 200, Jitter: 0.5},
			}
			if chance.IntN(4) == 0 {
				p.Delivery = "at-most-once"
			}
			if chance.IntN(4) == 0 {
				p.DelayMs = chance.Int64N(1000)
			}
			if chance.IntN(10) == 0 {
				p.IdempotencyKey = t.name
			}
			if chance.IntN(3) == 0 {
				p.ConcurrencyKey = fmt.Sprintf("k%d", chance.IntN(4))
			}
			tasks = append(tasks, t)
			batch.Jobs = append(batch.Jobs, p)
		}
		limit, cancel := context.WithTimeout(context.Background(), patience)
		r, err := c.SubmitBatch(limit, batch)
		cancel()
		switch {
		case err == nil && len(r.IDs) == len(tasks):
			for i, id := range r.IDs {
				l.books.acknowledged(id, tasks[i], batch.Jobs[i])
			}
		case err != nil && gone(err):
			l.books.add("submissions cut off", 1) // nobody knows whether they were taken
			return
		default:
			l.books.violation("submit %d jobs: %d ids, %v", len(tasks), len(r.IDs), err)
		}
		if err == nil && chance.IntN(20) == 0 {
			if _, err := c.Cancel(ctx, whipper.CancelJobsParams{IDs: r.IDs[:1]}); err != nil && ctx.Err() == nil && !gone(err) {
				l.books.violation("cancel job %d: %v", r.IDs[0], err)
			}
			l.books.add("cancellations", 1)
		}
		pause(ctx, chance, 60*time.Millisecond)
	}
}

// babble is a client that sends what no client should, and goes away in the middle of it.
func (l *life) babble(ctx context.Context, chance *rand.Rand) {
	for ctx.Err() == nil {
		nc, err := net.DialTimeout("unix", l.client.Socket(), time.Second)
		if err != nil {
			return // the supervisor has ended; whether it may have, others see
		}
		noise := make([]byte, 1+chance.IntN(20_000))
		switch chance.IntN(4) {
		case 0:
			for i := range noise {
				noise[i] = byte(chance.Uint32())
			}
		case 1:
			noise = []byte(`{"jsonrpc":"2.0","id":1,"method":"job.invoke","params":{"method":"eff`)
		case 2:
			noise = []byte("[[[[{}\n\n\x00\n{\"id\":{}}\n")
		case 3: // a call whose caller does not wait for the answer
			t := l.think(chance, "nobody")
			noise = fmt.Appendf(nil, `{"jsonrpc":"2.0","id":1,"method":"job.invoke","params":{"method":"hang","params":%s}}`+"\n", t.params)
		}
		_ = nc.SetDeadline(time.Now().Add(time.Second))
		_, _ = nc.Write(noise)
		pause(ctx, chance, 200*time.Millisecond)
		_ = nc.Close()
		l.books.add("babble", 1)
		pause(ctx, chance, 500*time.Millisecond)
	}
}

// pause waits for up to twice a time.
func pause(ctx context.Context, chance *rand.Rand, mean time.Duration) {
	select {
	case <-time.After(time.Duration(chance.Int64N(int64(2 * mean)))):
	case <-ctx.Done():
	}
}
