package supervisor

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
)

func TestAPoolThatIsSteeredAndKilledAtRandomLosesNoCallAndItsBooksBalance(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	r := start(t, func(o *Options) {
		o.Env, o.MinWorkers, o.MaxWorkers, o.MaxTotalCalls = append(o.Env, envConcurrency+"=3"), 2, 4, 40
		o.MaxAge, o.InactivityTimeout, o.LoadStrategy = 700*time.Millisecond, 30*time.Millisecond, loadStrategies[random.IntN(3)]
	}).ready()

	stop := make(chan struct{})
	var load, restarts sync.WaitGroup
	var succeeded, crashed atomic.Int64
	for range 6 {
		load.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				ctx, cancel := context.WithTimeout(context.Background(), patience)
				reply, err := r.pool.invoke(ctx, Call{Method: "echo", Params: []byte(`[1]`)})
				cancel()
				switch {
				case err != nil:
					t.Errorf("a call was not taken or not answered: %v", err)
					return
				case reply.Error == nil:
					succeeded.Add(1)
				case reply.Error.Code == jsonrpc.CodeWorkerCrashed:
					crashed.Add(1)
				default:
					t.Errorf("a call failed: %v", reply.Error)
				}
			}
		})
	}
	var ids []int64
	kills, gaveUp := 0, atomic.Int64{}
	for range 80 {
		switch random.IntN(6) {
		case 0:
			restarts.Go(func() {
				_, err := r.pool.Restart(t.Context())
				var failed *RestartError
				if errors.As(err, &failed) {
					gaveUp.Add(1) // its replacement was killed
				} else if err != nil {
					t.Error(err)
				}
			})
		case 1:
			least := 1 + random.IntN(3)
			if err := r.pool.Resize(least, least+random.IntN(3)); err != nil {
				t.Error(err)
			}
		case 2:
			r.pool.Pause()
			ids = append(ids, r.submit("effect", `[]`, func(j *ledger.Job) { j.Alone = random.IntN(2) == 0 }))
			r.pool.Resume()
		case 3:
			workers := r.pool.Workers()
			if w := workers[random.IntN(len(workers))]; w.PID != 0 {
				_ = unix.Kill(w.PID, unix.SIGKILL)
				kills++
			}
		default:
			ids = append(ids, r.submit("effect", `[]`, nil))
		}
		time.Sleep(time.Duration(random.IntN(40)) * time.Millisecond) // random times are what this is about
	}
	for _, id := range ids {
		r.wait(id)
	}
	restarts.Wait()
	close(stop)
	load.Wait()
	r.until(func() bool { return len(r.pool.current) == 0 })

	r.pool.mu.Lock()
	if n := len(r.pool.rollouts); n != 0 {
		t.Errorf("%d restarts are still under way", n)
	}
	for _, w := range r.pool.seats {
		s := &w.seat
		if s.taken != 0 || s.reserved != nil || s.alone {
			t.Errorf("worker %s is idle with %d calls, reserved %v, alone %t", w.id, s.taken, s.reserved != nil, s.alone)
		}
		if s.replaces != nil && s.replaces.seat.replacement != w || s.replacement != nil && s.replacement.seat.replaces != w {
			t.Errorf("worker %s and the one that it replaces, or that replaces it, do not agree", w.id)
		}
	}
	r.pool.mu.Unlock()
	jobs := make([]ledger.Job, len(ids))
	for i := range jobs {
		jobs[i].Method = "effect"
	}
	r.checkLedger(jobs, ids)
	s := r.pool.Stats()
	if handled := succeeded.Load() + crashed.Load(); s.Workers.CallsHandled < handled {
		t.Errorf("%d calls were answered, %d were handled", handled, s.Workers.CallsHandled)
	}
	t.Logf("%d kills, %d restarts given up, %d calls, %d crashed, stats %+v", kills, gaveUp.Load(), succeeded.Load(), crashed.Load(), s)
}
