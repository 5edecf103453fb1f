package supervisor

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"sync"
)

// strangers are the processes that were below this one before the first pool whose trees are killed, by start time: a script
// that ended with `exec whipper` may have left some.
var strangers = sync.OnceValue(func() map[int]uint64 {
	found := map[int]uint64{}
	for pid, s := range below(os.Getpid(), processes()) {
		found[pid] = s.ticks
	}
	return found
})

// KillOrphans kills the processes that are still below this one and came after the first pool with Options.KillTree was
// made, and returns once all are gone. Call it when no pool runs any more.
func KillOrphans(ctx context.Context, log *slog.Logger) error {
	if !ownProc() {
		return nil // one could not tell which they are
	}
	return killAll(ctx, func() map[int]stat {
		all := processes()
		strange := map[int]bool{}
		for pid, ticks := range strangers() {
			strange[pid] = all[pid].ticks == ticks
		}
		found := below(os.Getpid(), all)
		for pid := range found {
			if ancestor(pid, all, strange) != 0 {
				delete(found, pid)
				continue
			}
			log.Warn("process that no worker can be found for is killed", "pid", pid)
		}
		return found
	})
}

// KillLeftTrees kills what the workers of a dead supervisor have left behind outside their groups, and returns once all are gone: every
// process whose environment has a worker's mark and all that is given, as NAME=VALUE. Call it where no living supervisor gives
// its workers these: with the lock of a ledger held and its folder given. This process and its ancestors are left alone.
func KillLeftTrees(ctx context.Context, log *slog.Logger, given ...string) error {
	if !ownProc() {
		return nil // one could not tell which they are
	}
	return killAll(ctx, func() map[int]stat {
		all := processes()
		spared := map[int]bool{}
		for pid := os.Getpid(); pid > 0 && !spared[pid]; pid = all[pid].parent {
			spared[pid] = true
		}
		found := map[int]stat{}
		for pid, s := range all {
			if !spared[pid] && !s.ended() && wasGiven(pid, given) {
				log.Warn("process that a dead supervisor's worker has left behind is killed", "pid", pid)
				found[pid] = s
			}
		}
		return found
	})
}

// wasGiven says whether a process's environment has a worker's mark and all that is given.
func wasGiven(pid int, given []string) bool {
	env, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
	if err != nil {
		return false // it has ended, or is another user's
	}
	assignments := bytes.Split(env, []byte{0})
	for _, assignment := range given {
		if !slices.ContainsFunc(assignments, func(a []byte) bool { return string(a) == assignment }) {
			return false
		}
	}
	return slices.ContainsFunc(assignments, func(a []byte) bool { return bytes.HasPrefix(a, []byte(envMark+"=")) })
}
