package supervisor

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestAnIdleWorkerThatDoesNotAnswerAPingIsKilledAndReplaced(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *Options) { o.PingInterval = time.Second }).ready()
	pid := r.processes()[0]
	killed := r.watchLog("did not answer a ping")
	if err := unix.Kill(pid, unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	killed.await(t)
	r.until(func() bool { return r.pool.readyWorkers() == 1 && r.pool.seats[0].seat.pid != pid })
	if got := r.call("echo", `[1]`).answer(); got.result != `[1]` {
		t.Errorf("%+v, %v", got.reply.Error, got.err)
	}
}

func TestAWorkerThatAnswersAPingWithAnErrorIsNotKilled(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *Options) { o.PingInterval = time.Hour }).ready()
	w := r.pool.seats[0]
	r.until(func() bool { return w.owning(w.ping) })
	r.until(func() bool { return len(r.effects()) == 1 }) // it has come
	answered := false
	r.until(func() bool {
		w.owning(func() { answered = w.pongBy.IsZero() })
		return answered
	})
}

// owning does something as a worker's owner, unless it has one.
func (w *worker) owning(do func()) bool {
	w.mailbox.mu.Lock()
	defer w.mailbox.mu.Unlock()
	if w.mailbox.owned {
		return false
	}
	do()
	return true
}

func TestABusyWorkerIsNeitherAskedNorKilledForAPing(t *testing.T) {
	w := &worker{state: Processing, calls: map[*call]struct{}{{}: {}}}
	w.ping() // it has no connection to write to
	w.missedPing()
	if w.faulty || !w.pongBy.IsZero() {
		t.Errorf("faulty %v, to answer by %v", w.faulty, w.pongBy)
	}
}
