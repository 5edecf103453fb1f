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

func TestAWorkerThatIsBusyOrAnswersWithAnErrorIsNotKilledForAPing(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *Options) { o.PingInterval = 20 * time.Millisecond }).ready() // it knows no $/ping
	pid := r.processes()[0]
	deaf := r.call("deaf", `["in"]`) // it reads nothing meanwhile
	inside := r.gate.await("in")
	time.Sleep(5 * r.pool.opts.PingInterval) // that nothing happens has no event
	inside.pass()
	if got := deaf.answer(); got.result != `"in"` {
		t.Errorf("%+v, %v", got.reply.Error, got.err)
	}
	time.Sleep(5 * r.pool.opts.PingInterval)
	if now := r.processes(); len(now) != 1 || now[0] != pid {
		t.Errorf("process %d was replaced: %v", pid, now)
	}
}
