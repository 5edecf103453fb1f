package supervisor

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/whipper-sidecar/whipper/jsonrpc"
)

// breakBoot has processes that boot with fail-if-file fail until release.
func (r *rig) breakBoot() (release func()) {
	r.Helper()
	file := r.dir + "/file"
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		r.Fatal(err)
	}
	return func() {
		if err := os.Remove(file); err != nil {
			r.Error(err)
		}
	}
}

// processes gives the pids of the workers that are not on their way out.
func (r *rig) processes() (pids []int) {
	r.pool.mu.Lock()
	defer r.pool.mu.Unlock()
	for _, w := range r.pool.seats {
		if !w.seat.retiring {
			pids = append(pids, w.seat.pid)
		}
	}
	return pids
}

func TestARestartReplacesEveryProcessAndFailsNoCall(t *testing.T) {
	t.Parallel()
	for _, handshake := range []string{HandshakeAuto, HandshakeNone} {
		t.Run(handshake, func(t *testing.T) {
			t.Parallel()
			r := start(t, func(o *Options) {
				o.MinWorkers, o.MaxWorkers, o.MaxConcurrentCalls, o.Handshake = 3, 3, 2, handshake
			})
			r.until(func() bool { return r.pool.readyWorkers() == 3 })
			before := r.processes()
			stop := make(chan struct{})
			var load sync.WaitGroup
			for range 8 {
				load.Go(func() {
					for {
						select {
						case <-stop:
							return
						default:
						}
						reply, err := r.pool.invoke(context.Background(), Call{Method: "echo", Params: []byte(`[1]`)})
						if err != nil || reply.Error != nil {
							t.Errorf("a call failed: %v, %+v", err, reply.Error)
							return
						}
					}
				})
			}
			replaced, err := r.pool.Restart(t.Context())
			close(stop)
			load.Wait()
			if err != nil || replaced != 3 {
				t.Errorf("%d replaced, %v", replaced, err)
			}
			after := r.processes()
			if len(after) != 3 || slices.ContainsFunc(after, func(pid int) bool { return slices.Contains(before, pid) }) {
				t.Errorf("processes %v before, %v after", before, after)
			}
			if s := r.pool.Stats(); s.MaxSeenWorkerCount > 7 || s.Workers.ForkCount != 6 || s.Workers.ResetCount != 3 {
				t.Errorf("stats %+v", s)
			}
		})
	}
}

func TestARestartWhoseReplacementDoesNotComeUpLeavesTheOldProcessesServing(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(o *Options) { o.MinWorkers, o.MaxWorkers, o.Env = 2, 2, append(o.Env, envBoot+"=fail-if-file") })
	r.run()
	r.until(func() bool { return r.pool.readyWorkers() == 2 })
	before := r.processes()
	release := r.breakBoot()
	replaced, err := r.pool.Restart(t.Context())
	var failed *RestartError
	if !errors.As(err, &failed) || replaced != 0 || !strings.Contains(failed.Reason, "the cause is still there") {
		t.Errorf("%d replaced, %v", replaced, err)
	}
	if after := r.processes(); !slices.Equal(after, before) {
		t.Errorf("processes %v before, %v after", before, after)
	}
	if got := r.call("echo", `[1]`).answer(); got.result != `[1]` {
		t.Errorf("%+v, %v", got.reply.Error, got.err)
	}
	if s := r.pool.Status(); s.State != "available" {
		t.Errorf("status %+v", s)
	}
	release()
	if replaced, err := r.pool.Restart(t.Context()); err != nil || replaced != 2 {
		t.Errorf("the next time: %d replaced, %v", replaced, err)
	}
}

func TestAProcessThatDiesByItselfDuringARestartCountsOnceItsSuccessorIsReady(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *Options) { o.MinWorkers, o.MaxWorkers = 3, 3 })
	r.until(func() bool { return r.pool.readyWorkers() == 3 })
	before := r.processes()
	done := make(chan error, 1)
	go func() {
		_, err := r.pool.Restart(context.Background())
		done <- err
	}()
	for _, pid := range before {
		_ = unix.Kill(pid, unix.SIGKILL) // replaced already is as good
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	r.until(func() bool { return r.pool.readyWorkers() == 3 && len(r.pool.seats) == 3 })
	for _, pid := range r.processes() {
		if slices.Contains(before, pid) {
			t.Errorf("process %d is of before", pid)
		}
	}
}

func TestARestartHasAPoolThatCannotStartTryAtOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(o *Options) { o.Env = append(o.Env, envBoot+"=fail-if-file") })
	release := r.breakBoot()
	r.run()
	r.until(func() bool { return r.pool.boots.degraded() && r.pool.seats[0].seat.state == Created })
	release()
	replaced, err := r.pool.Restart(t.Context())
	if err != nil || replaced != 1 {
		t.Errorf("%d replaced, %v", replaced, err)
	}
	if s := r.pool.Status(); s.State != "available" || s.Reason != "" {
		t.Errorf("status %+v", s)
	}
}

func TestRestartsAtOnceAllEndWithNewProcesses(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *Options) { o.MinWorkers, o.MaxWorkers, o.MaxTotalCalls = 2, 2, 5 })
	r.until(func() bool { return r.pool.readyWorkers() == 2 })
	before := r.processes()
	var restarts sync.WaitGroup
	for range 4 {
		restarts.Go(func() {
			if _, err := r.pool.Restart(t.Context()); err != nil {
				t.Error(err)
			}
		})
		for range 4 { // so that some are worn out as well
			r.call("echo", `[1]`)
		}
	}
	restarts.Wait()
	for _, pid := range r.processes() {
		if slices.Contains(before, pid) {
			t.Errorf("process %d is of before", pid)
		}
	}
	r.until(func() bool { return r.pool.readyWorkers() >= 2 && len(r.pool.rollouts) == 0 })
}

func TestARestartEndsWithThePool(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(o *Options) { o.Env = append(o.Env, envBoot+"=never-ready") })
	r.run()
	r.gate.await("booted")
	done := make(chan error, 1)
	go func() {
		_, err := r.pool.Restart(context.Background())
		done <- err
	}()
	r.gate.await("booted") // the replacement
	r.drain()
	var failed *RestartError
	if err := <-done; errors.As(err, &failed) || jsonrpc.AsError(err).Code != jsonrpc.CodeShuttingDown {
		t.Errorf("error %v", err)
	}
	if _, err := r.pool.Restart(t.Context()); jsonrpc.AsError(err).Code != jsonrpc.CodeShuttingDown {
		t.Errorf("error %v", err)
	}
}
