package supervisor

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
)

func (r *rig) dump(patience time.Duration) string {
	r.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var b strings.Builder
	r.pool.Dump(ctx, &b)
	return b.String()
}

func TestADumpTellsOfQueuesWorkersAndCallsAndNotOfPayloads(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *Options) { o.MaxConcurrentCalls = 2 }).ready()
	r.call("gate", `["secret"]`)
	r.gate.await("secret")
	late := r.callAs(Call{Method: "lingering", Timeout: time.Millisecond})
	late.answer()
	r.gate.await("let-go") // its slot is not free yet
	r.call("echo", `["secret"]`)
	r.submit("echo", `["secret"]`, nil)
	r.until(func() bool { return r.pool.invokes.Len() == 1 && r.pool.window.Len() == 1 })
	text := r.dump(patience)
	for _, want := range []string{
		`^pool default: available, 1 of 1 to 1 workers, 2 slots each\n`,
		`\n  waiting: 1 calls; 1 jobs in a window of \d+\n`,
		`\n  worker w1: pid \d+, processing, 2 of 2 slots taken, 1 calls handled\n`,
		`\n    job 1 attempt 1 "gate": running since \S+, (30|29\.\d+)s left\n`,
		`\n    job 2 attempt 1 "lingering": has its outcome, and the worker still owes an answer since \S+, `,
	} {
		if !regexp.MustCompile(want).MatchString(text) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.Contains(text, "secret") {
		t.Errorf("a payload is in\n%s", text)
	}
}

func TestADumpIsBounded(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *Options) { o.MaxConcurrentCalls = 4 * dumpCalls }).ready()
	for range dumpCalls + 7 {
		r.call("gate", `["hold"]`)
		r.gate.await("hold")
	}
	text := r.dump(patience)
	if n := strings.Count(text, "\n    job "); n != dumpCalls || !strings.Contains(text, "\n    and 7 more calls\n") {
		t.Errorf("%d calls in\n%s", n, text)
	}
	var b strings.Builder
	runningCalls{shown: []runningCall{{method: strings.Repeat("é", dumpName) + "\x1b"}}}.write(&b, time.Now())
	if line := b.String(); len(line) > 3*dumpName || strings.ContainsAny(line, "\x1b\uFFFD") {
		t.Errorf("a long name makes %q", line)
	}
}

func TestADumpDoesNotWaitForTheLockOrForAWorkersGoroutine(t *testing.T) {
	t.Parallel()
	r := start(t, nil).ready()
	r.pool.mu.Lock()
	if text := r.dump(20 * time.Millisecond); !strings.Contains(text, "its lock is held") {
		t.Errorf("with the lock held:\n%s", text)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := r.pool.Responds(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("with the lock held the pool responds: %v", err)
	}
	if o := r.pool.Observe(ctx); o.Workers != nil || o.Queued != nil {
		t.Errorf("with the lock held the metrics have %+v", o)
	}
	w := r.pool.seats[0]
	r.pool.mu.Unlock()
	if err := r.pool.Responds(t.Context()); err != nil {
		t.Error(err)
	}

	stuck, let := make(chan runningCalls), make(chan struct{})
	w.tell(command{kind: tellCalls, calls: stuck}) // nobody takes what it says
	go func() {
		<-let
		<-stuck
	}()
	if text := r.dump(20 * time.Millisecond); !strings.Contains(text, "\n    its goroutine does not say which calls it has\n") {
		t.Errorf("with the goroutine held up:\n%s", text)
	}
	close(let)
	if text := r.dump(patience); strings.Contains(text, "does not say") {
		t.Errorf("afterwards:\n%s", text)
	}
}

func TestAPoolIsSettledWhenItIsReadyOrDegraded(t *testing.T) {
	t.Parallel()
	for state, boot := range map[string]string{"available": "", "degraded": "exit"} {
		r := newRig(t, func(o *Options) { o.Env = append(o.Env, fmt.Sprintf("%s=%s", envBoot, boot)) })
		select {
		case <-r.pool.Settled():
			t.Errorf("%s: settled before it runs", state)
		default:
		}
		r.run()
		select {
		case <-r.pool.Settled():
		case <-time.After(patience):
			t.Fatalf("%s: not settled", state)
		}
		if got, reason := r.pool.Condition(); got != state || (reason != "") != (state == "degraded") {
			t.Errorf("%s: %s %q", state, got, reason)
		}
		if r.pool.Serving() != (state == "available") {
			t.Errorf("%s: serving is %v", state, r.pool.Serving())
		}
	}
}
