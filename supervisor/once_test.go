package supervisor

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
)

func once(j *ledger.Job) { j.Delivery = ledger.AtMostOnce }

func TestTheStartOfAnAtMostOnceJobIsOnDiskBeforeItsWorkerSeesIt(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	for range 10 {
		id := r.submit("gate", `["in"]`, once)
		v := r.gate.await("in")
		job, _, err := r.ledger.Get(t.Context(), id) // as it is on disk, with nothing flushed
		if err != nil || job.State != ledger.Running || job.PID != v.pid || job.Runs != 1 {
			t.Errorf("job %+v, %v", job, err)
		}
		v.pass()
		r.wait(id)
	}
}

func TestAnAtMostOnceJobThatItsWorkerSawIsNeverRunAgain(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	id := r.submit("gate", `["in"]`, once)
	v := r.gate.await("in")
	if err := unix.Kill(v.pid, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	job, attempts := r.wait(id)
	if job.State != ledger.Failed || len(attempts) != 1 || attempts[0].Signal != "SIGKILL" || errorOf(t, job).Code != jsonrpc.CodeWorkerCrashed {
		t.Errorf("job %+v, attempts %+v", job, attempts)
	}
	r.call("echo", `[]`).answer()
	if len(r.gate.at("in")) != 0 {
		t.Error("it ran again")
	}
	if failed, _ := r.wait(r.submit("fail", `[1]`, once)); failed.State != ledger.Failed || failed.Attempt != 1 {
		t.Errorf("job %+v", failed)
	}
}

// holdDisk has the ledger commit nothing until the returned function is called.
func (r *rig) holdDisk() (release func()) {
	r.Helper()
	id, err := r.ledger.NextID(r.Context())
	if err != nil {
		r.Fatal(err)
	}
	held, let := make(chan struct{}), make(chan struct{})
	r.ledger.Insert(ledger.Job{ID: id, Pool: "none", Method: "none", State: ledger.Succeeded}, func(error) {
		close(held)
		<-let
	})
	<-held
	return func() { close(let) }
}

func TestAnAtMostOnceJobWhoseWorkerDiedBeforeItSawItRunsElsewhere(t *testing.T) {
	t.Parallel()
	r := start(t, nil).ready()
	id := r.submit("echo", `["seen"]`, func(j *ledger.Job) { j.Delivery, j.Priority = ledger.AtMostOnce, -1 })
	r.wait(id) // the pool is at rest

	gate := r.submit("gate", `["in"]`, nil)
	v := r.gate.await("in")
	id = r.submit("effect", `[]`, func(j *ledger.Job) { j.Delivery, j.MaxAttempts = ledger.AtMostOnce, 1 })
	r.until(func() bool { return r.pool.window.Len() == 1 })
	release := r.holdDisk()
	v.pass()
	r.until(func() bool { c := r.pool.current[id]; return c != nil && c.worker != nil }) // its start waits for the disk
	if err := unix.Kill(v.pid, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	r.until(func() bool { return r.pool.current[id] == nil })
	release()
	r.wait(gate)
	job, attempts := r.wait(id)
	if job.State != ledger.Succeeded || job.Attempt != 1 || job.Runs != 2 || job.Delivery != ledger.AtMostOnce ||
		len(attempts) != 2 || attempts[0].Outcome != ledger.OutcomeInterrupted {
		t.Errorf("job %+v, attempts %+v", job, attempts)
	}
	if effects := r.effects(); len(effects) != 1 {
		t.Errorf("effects %v", effects)
	}
}

func TestACancelledJobWhoseStartIsStillBeingWrittenIsNotRun(t *testing.T) {
	t.Parallel()
	r := start(t, nil).ready()
	gate := r.submit("gate", `["in"]`, nil)
	v := r.gate.await("in")
	id := r.submit("effect", `[]`, once)
	r.until(func() bool { return r.pool.window.Len() == 1 })
	release := r.holdDisk()
	v.pass()
	r.until(func() bool { c := r.pool.current[id]; return c != nil && c.worker != nil })
	if n := r.cancel(id); n != 1 {
		t.Errorf("%d cancelled", n)
	}
	r.until(func() bool { return r.pool.current[id] == nil })
	release()
	r.wait(gate)
	if job, _ := r.wait(id); job.State != ledger.Cancelled {
		t.Errorf("job %+v", job)
	}
	r.call("echo", `[]`).answer()
	if effects := r.effects(); len(effects) != 0 {
		t.Errorf("effects %v", effects)
	}
}
