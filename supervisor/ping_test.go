package supervisor

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestAnIdleWorkerThatDoesNotAnswerAPingIsKilledAndReplaced(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *Options) { o.PingInterval = 50 * time.Millisecond }).ready()
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
	r := start(t, func(o *Options) { o.PingInterval = time.Second }).ready()
	pid := r.processes()[0]
	r.until(func() bool { return len(r.effects()) >= 2 }) // the second ping comes after the answer to the first
	if now := r.processes(); len(now) != 1 || now[0] != pid {
		t.Errorf("process %d was replaced: %v", pid, now)
	}
}

func TestABusyWorkerIsNeitherAskedNorKilledForAPing(t *testing.T) {
	w := &worker{state: Processing, calls: map[*call]struct{}{{}: {}}}
	w.ping() // it has no connection to write to
	w.missedPing()
	if w.faulty || !w.pongBy.IsZero() {
		t.Errorf("faulty %v, to answer by %v", w.faulty, w.pongBy)
	}
}
