package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"syscall"
	"time"

	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

// vandalise does to the pool, now and then, what happens to pools, until ctx ends or the supervisor does.
func (l *life) vandalise(ctx context.Context, chance *rand.Rand) {
	for pause(ctx, chance, 300*time.Millisecond); ctx.Err() == nil; pause(ctx, chance, 300*time.Millisecond) {
		var err error
		switch n := chance.IntN(100); {
		case n < 45:
			l.hit(ctx, chance, syscall.SIGKILL, "kills")
		case n < 50:
			l.hit(ctx, chance, syscall.SIGTERM, "terminations")
		case n < 70:
			l.hit(ctx, chance, syscall.SIGSTOP, "stops")
		case n < 80:
			l.resumeProcesses()
		case n < 86:
			l.books.add("restarts", 1)
			_ = l.cmd.Process.Signal(syscall.SIGHUP)
		case n < 90:
			l.books.add("restarts", 1)
			go func() { // it waits for its end, which another vandalism may delay
				_, _ = l.client.Restart(ctx, whipper.PoolParams{})
			}()
		case n < 92:
			method := whipper.PauseParams{Method: "effect"}
			if _, err = l.client.Pause(ctx, method); err == nil {
				pause(ctx, chance, 100*time.Millisecond)
				_, err = l.client.Resume(ctx, method)
			}
			l.books.add("pauses of a method", 1)
		case n < 95:
			if _, err = l.client.Pause(ctx, whipper.PauseParams{}); err == nil {
				pause(ctx, chance, 100*time.Millisecond)
				_, err = l.client.Resume(ctx, whipper.PauseParams{})
			}
			l.books.add("pauses", 1)
		default:
			size := 1 + chance.IntN(2*workers)
			_, err = l.client.Resize(ctx, whipper.ResizeParams{MinWorkers: size, MaxWorkers: size})
			l.books.add("resizes", 1)
		}
		if err != nil && ctx.Err() == nil && !gone(err) && !errors.Is(err, context.DeadlineExceeded) {
			l.books.violation("steer the pool: %v", err)
		}
	}
}

// hit sends a signal to one of the workers.
func (l *life) hit(ctx context.Context, chance *rand.Rand, sig syscall.Signal, what string) {
	list, err := l.client.Workers(ctx, whipper.PoolParams{})
	if err != nil || len(list.Workers) == 0 {
		return
	}
	pid := list.Workers[chance.IntN(len(list.Workers))].PID
	if pid == 0 || !l.isOurs(pid) {
		return // it has just ended
	}
	if syscall.Kill(pid, sig) != nil {
		return
	}
	l.books.add(what, 1)
	if sig == syscall.SIGSTOP {
		l.steering.Lock()
		l.stopped[pid] = true
		l.steering.Unlock()
	}
}

// resumeProcesses lets the processes go on that were stopped and have not been killed for it.
func (l *life) resumeProcesses() {
	l.steering.Lock()
	defer l.steering.Unlock()
	for pid := range l.stopped {
		if l.isOurs(pid) {
			_ = syscall.Kill(pid, syscall.SIGCONT) // it may just have ended
		}
		delete(l.stopped, pid)
	}
}

// repair puts right what the vandal has left, so that calls under way can end.
func (l *life) repair(ctx context.Context) {
	l.resumeProcesses()
	for _, paused := range []whipper.PauseParams{{}, {Method: "effect"}} {
		if _, err := l.client.Resume(ctx, paused); err != nil {
			l.books.violation("resume the pool: %v", err)
		}
	}
	if _, err := l.client.Resize(ctx, whipper.ResizeParams{MinWorkers: workers, MaxWorkers: workers}); err != nil {
		l.books.violation("resize the pool: %v", err)
	}
}
