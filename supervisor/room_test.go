package supervisor

import (
	"fmt"
	"sync"
	"testing"

	"github.com/whipper-sidecar/whipper/ledger"
)

func TestWhatWorkersReturnDoesNotPileUpWhileTheDiskHangs(t *testing.T) {
	t.Parallel()
	const jobs, size, slots = 24, 4 << 20, 2
	const most = 32<<20/size + slots // as many as are too much, and those that were under way then
	r := start(t, func(o *Options) { o.MaxConcurrentCalls = slots }).ready()
	other := *r
	other.pool, other.ran = r.newPool(func(o *Options) { o.Pool = "other" }), make(chan struct{})
	other.run().ready()
	other.pool.Pause()
	elsewhere := other.submit("echo", `["done"]`, nil)
	r.pool.Pause()
	var ids []int64
	for range jobs {
		ids = append(ids, r.submit("huge", fmt.Sprintf(`[%d]`, size), nil))
	}
	r.until(func() bool { return r.pool.window.Len() == jobs })
	other.until(func() bool { return other.pool.window.Len() == 1 })

	release := sync.OnceFunc(r.holdDisk())
	defer release()
	r.pool.Resume()
	waiting := 0
	r.until(func() bool {
		waiting = r.pool.window.Len()
		return r.ledger.Room() != nil && r.pool.seats[0].seat.taken == 0 && waiting > 0
	})
	if begun := jobs - waiting; begun > most {
		t.Errorf("%d jobs were begun, more than %d", begun, most)
	}
	other.pool.Resume()
	other.until(func() bool { return other.pool.window.Len() == 1 && other.pool.seats[0].seat.taken == 0 })
	release()
	for _, id := range append(ids, elsewhere) { // the other pool hears that there is room though no outcome is its own
		if job, attempts := r.wait(id); job.State != ledger.Succeeded || len(attempts) != 1 {
			t.Errorf("job %+v, attempts %+v", job.State, attempts)
		}
	}
}

func TestCallsThatWaitForRoomOnTheDiskAreServedInADrain(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *Options) { o.MaxWorkers = 2 }).ready()
	r.pool.Pause()
	waits := r.call("echo", `["served"]`)
	r.until(func() bool { return r.pool.invokes.Len() == 1 })
	release := sync.OnceFunc(r.holdDisk())
	defer release()
	for r.ledger.Room() == nil {
		id, err := r.ledger.NextID(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		r.ledger.Insert(ledger.Job{ID: id, Pool: "none", Method: "none", State: ledger.Succeeded, Params: make([]byte, 4<<20)}, nil)
	}
	r.pool.Resume()
	r.drain()
	r.until(func() bool { return r.pool.phase == poolDraining })
	r.pool.mu.Lock()
	waiting, workers := r.pool.invokes.Len(), len(r.pool.seats)
	r.pool.mu.Unlock()
	if waiting != 1 || workers != 1 {
		t.Errorf("%d calls wait, and there are %d workers", waiting, workers)
	}
	release()
	if got := waits.answer(); got.result != `["served"]` {
		t.Errorf("got %q, %v", got.result, got.err)
	}
}
