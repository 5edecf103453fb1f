package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"syscall"
	"time"

	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

// vandalise does to the supervisor and its pools, now and then, what happens to them, until ctx ends or the supervisor does.
func (l *life) vandalise(ctx context.Context, chance *rand.Rand) {
	for pause(ctx, chance, l.o.malice); ctx.Err() == nil; pause(ctx, chance, l.o.malice) {
		pool := l.kinds[chance.IntN(len(l.kinds))].name
		var err error
		switch n := chance.IntN(100); {
		case n < 35:
			l.hit(ctx, chance, pool, syscall.SIGKILL, "workers SIGKILLed")
		case n < 40:
			l.hit(ctx, chance, pool, syscall.SIGTERM, "workers SIGTERMed")
		case n < 55:
			l.hit(ctx, chance, pool, syscall.SIGSTOP, "workers SIGSTOPped")
		case n < 65:
			l.resumeProcesses()
		case n < 71:
			l.suspend(ctx, chance)
		case n < 79:
			l.fillDisk(ctx, chance)
		case n < 83:
			l.reload(chance)
		case n < 86:
			l.books.add("restarts of a pool", 1)
			go func() { // it waits for its end, which another vandalism may delay
				_, _ = l.client.Restart(ctx, whipper.PoolParams{Pool: pool})
			}()
		case n < 89:
			err = l.pausePool(ctx, chance, whipper.PauseParams{Pool: pool, Method: "effect"})
		case n < 92:
			err = l.pausePool(ctx, chance, whipper.PauseParams{Pool: pool})
		default:
			size := 1 + chance.IntN(2*l.workers)
			_, err = l.client.Resize(ctx, whipper.ResizeParams{Pool: pool, MinWorkers: size, MaxWorkers: size})
			l.books.add("resizes", 1)
		}
		if err != nil && ctx.Err() == nil && !l.bearable(err) {
			l.books.violation("steer pool %s: %v", pool, err)
		}
	}
}

// bearable says whether an error is one that steering may end with here: the supervisor has ended, or its disk was full.
func (l *life) bearable(err error) bool {
	var none *whipper.NoSupervisorError
	var lost *whipper.UnknownOutcomeError
	return errors.As(err, &none) || errors.As(err, &lost) || errors.Is(err, whipper.ErrClosed) || errors.Is(err, whipper.ErrShuttingDown) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) ||
		errors.Is(err, whipper.ErrLedger) && l.disk.wasFull(time.Now().Add(-patience), time.Now())
}

func (l *life) pausePool(ctx context.Context, chance *rand.Rand, p whipper.PauseParams) error {
	l.books.add("pauses", 1)
	if _, err := l.client.Pause(ctx, p); err != nil {
		return err
	}
	pause(ctx, chance, 100*time.Millisecond)
	_, err := l.client.Resume(ctx, p)
	return err
}

// suspend stops the supervisor itself for a moment.
func (l *life) suspend(ctx context.Context, chance *rand.Rand) {
	l.books.add("supervisors SIGSTOPped", 1)
	_ = l.cmd.Process.Signal(syscall.SIGSTOP)
	pause(ctx, chance, 400*time.Millisecond)
	_ = l.cmd.Process.Signal(syscall.SIGCONT)
}

// fillDisk leaves no room on the disk for a moment; half of the time while the pools are paused, so that it is submissions that find none.
func (l *life) fillDisk(ctx context.Context, chance *rand.Rand) {
	if !l.disk.small {
		return
	}
	if chance.IntN(2) == 0 {
		for _, k := range l.kinds {
			pool := whipper.PauseParams{Pool: k.name}
			_, _ = l.client.Pause(ctx, pool) // what comes of it others see
			defer func() { _, _ = l.client.Resume(ctx, pool) }()
		}
		pause(ctx, chance, 100*time.Millisecond)
	}
	l.books.add("disks filled", 1)
	l.disk.fill()
	pause(ctx, chance, 700*time.Millisecond)
	l.disk.free()
}

// reload sends SIGHUP; where there is a file, it has changed.
func (l *life) reload(chance *rand.Rand) {
	if len(l.kinds) > 1 {
		if _, err := l.command(draw(chance, l.workers)); err != nil {
			l.books.violation("write whipper.yaml: %v", err)
		}
	}
	l.books.add("SIGHUPs", 1)
	_ = l.cmd.Process.Signal(syscall.SIGHUP)
}

// hit sends a signal to one of the workers.
func (l *life) hit(ctx context.Context, chance *rand.Rand, pool string, sig syscall.Signal, what string) {
	list, err := l.client.Workers(ctx, whipper.PoolParams{Pool: pool})
	if err != nil || len(list.Workers) == 0 {
		return
	}
	pid := list.Workers[chance.IntN(len(list.Workers))].PID
	if pid == 0 || !l.isOurs(pid) || syscall.Kill(pid, sig) != nil {
		return // it has just ended
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

// repair puts right what the vandal has left.
func (l *life) repair(ctx context.Context) {
	l.disk.free()
	l.resumeProcesses()
	for _, k := range l.kinds {
		for _, p := range []whipper.PauseParams{{Pool: k.name}, {Pool: k.name, Method: "effect"}} {
			if _, err := l.client.Resume(ctx, p); err != nil {
				l.books.violation("resume pool %s: %v", k.name, err)
			}
		}
		if _, err := l.client.Resize(ctx, whipper.ResizeParams{Pool: k.name, MinWorkers: l.workers, MaxWorkers: l.workers}); err != nil {
			l.books.violation("resize pool %s: %v", k.name, err)
		}
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
			pool := l.kinds[chance.IntN(len(l.kinds))].name
			noise = fmt.Appendf(nil, `{"jsonrpc":"2.0","id":1,"method":"job.invoke","params":{"pool":%q,"method":"hang","params":["nobody",0]}}`+"\n", pool)
		}
		_ = nc.SetDeadline(time.Now().Add(time.Second))
		_, _ = nc.Write(noise)
		pause(ctx, chance, 200*time.Millisecond)
		_ = nc.Close()
		l.books.add("babble", 1)
		pause(ctx, chance, 500*time.Millisecond)
	}
}
