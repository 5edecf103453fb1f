package supervisor

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sys/unix"

	"github.com/whipper-sidecar/whipper/ledger"
)

// KillSurvivors kills what a dead supervisor's workers left running. Call it with the ledger's lock held and before
// ledger.Recover: nothing may be queued again while its last run could still have an effect.
func KillSurvivors(ctx context.Context, l *ledger.Ledger, log *slog.Logger) error {
	processes, err := l.Processes(ctx)
	if err != nil {
		return fmt.Errorf("read the processes on record: %w", err)
	}
	boot := bootID()
	for _, p := range processes {
		if p.BootID == boot && survives(p) {
			log.Warn("worker of a dead supervisor is still running and is killed", "worker", p.Worker, "pid", p.PID)
			_ = unix.Kill(-p.PID, unix.SIGKILL) // gone in the meantime is as good
			if err := awaitGroup(ctx, p.PID); err != nil {
				return err
			}
		}
		l.ForgetProcess(p)
	}
	return nil
}

// goneAtMost bounds how long a killed process group may take to be gone.
const goneAtMost = 5 * time.Second

// awaitGroup waits until a killed process group is gone. The processes are not ours to wait for, so it looks again and again.
func awaitGroup(ctx context.Context, group int) error {
	ctx, cancel := context.WithTimeoutCause(ctx, goneAtMost, fmt.Errorf("process group %d is still there %s after it was killed", group, goneAtMost))
	defer cancel()
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for groupLives(group) {
		select {
		case <-look.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// survives says whether the process group on record is still that group, and not another one with the same number: either
// its leader lives and was started at that time, or a member carries the worker's name in its environment.
func survives(p ledger.Process) bool {
	if ticks := startTicks(p.PID); ticks != 0 {
		return ticks == p.StartTicks
	}
	return inGroup(p.PID, workerMark(p.Worker))
}
