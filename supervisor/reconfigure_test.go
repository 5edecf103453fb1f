package supervisor

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
)

// reconfigure changes the pool's options.
func (r *rig) reconfigure(change func(*Options)) {
	r.Helper()
	o := *r.pool.options()
	change(&o)
	if err := r.pool.Reconfigure(o); err != nil {
		r.Fatal(err)
	}
}

func TestNewNumbersOfWorkersHoldAtOnce(t *testing.T) {
	t.Parallel()
	r := start(t, nil).ready()
	first := r.processes()
	r.reconfigure(func(o *Options) { o.MinWorkers, o.MaxWorkers = 3, 3 })
	r.until(func() bool { return r.pool.readyWorkers() == 3 })
	if now := r.processes(); !slices.Contains(now, first[0]) {
		t.Errorf("process %d is gone: %v", first[0], now)
	}
	r.reconfigure(func(o *Options) { o.MinWorkers, o.MaxWorkers = 1, 2 })
	r.until(func() bool { return len(r.pool.seats) == 2 })
}

func TestANewEnvironmentComesWithTheNextProcesses(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *Options) { o.MinWorkers, o.MaxWorkers = 2, 2 })
	r.until(func() bool { return r.pool.readyWorkers() == 2 })
	stop := make(chan struct{})
	var load sync.WaitGroup
	for range 4 {
		load.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if reply, err := r.pool.invoke(context.Background(), Call{Method: "echo", Params: []byte(`[1]`)}); err != nil || reply.Error != nil {
					t.Errorf("a call failed: %v, %+v", err, reply.Error)
					return
				}
			}
		})
	}
	r.reconfigure(func(o *Options) {
		o.Env, o.MaxConcurrentCalls = append(slices.Clone(o.Env), envConcurrency+"=9"), 3
	})
	if replaced, err := r.pool.Restart(t.Context()); err != nil || replaced != 2 {
		t.Errorf("%d replaced, %v", replaced, err)
	}
	close(stop)
	load.Wait()
	r.until(func() bool {
		return !slices.ContainsFunc(r.pool.seats, func(w *worker) bool { return w.seat.slots != 3 })
	})
}

func TestOptionsThatAreNotValidChangeNothing(t *testing.T) {
	t.Parallel()
	r := start(t, nil).ready()
	before := *r.pool.options()
	o := before
	o.MinWorkers, o.MaxWorkers, o.Handshake = 9, 2, "wave"
	var wrong *OptionError
	if err := r.pool.Reconfigure(o); !errors.As(err, &wrong) || !strings.Contains(err.Error(), "Handshake") {
		t.Errorf("error %v", err)
	}
	o = before
	o.Pool = "other"
	if err := r.pool.Reconfigure(o); err == nil {
		t.Error("a pool takes another name")
	}
	if now := *r.pool.options(); now.MaxWorkers != before.MaxWorkers || now.Handshake != before.Handshake {
		t.Errorf("options %+v", now)
	}
	r.drain()
	r.ended()
	if err := r.pool.Reconfigure(before); jsonrpc.AsError(err).Code != jsonrpc.CodeShuttingDown {
		t.Errorf("error %v", err)
	}
}

func TestAPoolThatKeepsTryingIsDegradedForACommandThatCannotBeStarted(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var missing string
	r := newRig(t, func(o *Options) {
		missing = o.Env[1][strings.Index(o.Env[1], "=")+1:] + "-program"
		o.Command, o.KeepTrying, o.MinWorkers, o.MaxWorkers = []string{missing}, true, 2, 2
	}).run()
	id := r.submit("echo", `[1]`, nil)
	r.until(func() bool { return r.pool.boots.degraded() })
	if s := r.pool.Status(); s.State != "degraded" || !strings.Contains(s.Reason, missing) {
		t.Errorf("status %+v", s)
	}
	if _, err := r.pool.invoke(t.Context(), Call{Method: "echo"}); jsonrpc.AsError(err).Code != jsonrpc.CodeWorkerCrashed {
		t.Errorf("a call that nobody can run: %v", err)
	}
	if err := os.Symlink(self, missing); err != nil {
		t.Fatal(err)
	}
	if job, _ := r.wait(id); job.State != ledger.Succeeded {
		t.Errorf("job %+v", job)
	}
}

func TestACommandThatIsNotKnownYetIsLookedForAtEachTry(t *testing.T) {
	t.Parallel()
	var command atomic.Pointer[[]string]
	r := newRig(t, func(o *Options) {
		known := o.Command
		o.Command, o.KeepTrying = nil, true
		o.Resolve = func() ([]string, error) {
			if found := command.Load(); found != nil {
				return *found, nil
			}
			command.Store(&known)
			return nil, errors.New("script a.py not found")
		}
	}).run()
	r.until(func() bool { return r.pool.boots.degraded() })
	if s := r.pool.Status(); s.State != "degraded" || s.Reason != "script a.py not found" {
		t.Errorf("status %+v", s)
	}
	select {
	case <-r.pool.Settled():
	case <-time.After(patience):
		t.Error("it is not settled")
	}
	id := r.submit("echo", `[1]`, nil)
	if job, _ := r.wait(id); job.State != ledger.Succeeded {
		t.Errorf("job %+v", job)
	}
	if s := r.pool.Status(); s.State != "available" || s.Reason != "" {
		t.Errorf("status %+v", s)
	}
}
