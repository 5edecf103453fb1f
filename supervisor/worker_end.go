package supervisor

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"golang.org/x/sys/unix"
)

// report tells the pool that there is no process, and does what it says: start another one, now or later, or end.
func (w *worker) report() {
	end := processEnd{ready: w.wasReady, proven: w.proven || w.faulty, err: w.startErr}
	if w.process != nil {
		level := slog.LevelWarn
		if w.told {
			level = slog.LevelDebug
		}
		w.log.Log(context.Background(), level, "worker process ended", "pid", w.process.pid, "how", w.lastExit.String())
		end.how, end.tail = w.lastExit.String(), w.process.tail.String()
		if w.hungUp != nil && w.told {
			end.how = "was killed (" + w.hungUp.Error() + ")"
		}
	}
	w.process, w.conn, w.startErr = nil, nil, nil
	w.idleSince, w.termAt, w.forkAt = time.Time{}, time.Time{}, time.Time{}
	w.faultAt, w.provenAt = time.Time{}, time.Time{}
	w.ageAt, w.pingAt, w.pongBy = time.Time{}, time.Time{}, time.Time{}
	again, delay := w.pool.exited(w, end)
	if !again {
		w.ended = true
		return
	}
	w.forkAt = time.Now().Add(delay)
	w.limit(w.forkAt)
}

// processEnd is what the pool is told of a process's end.
type processEnd struct {
	ready  bool   // it could take calls
	proven bool   // and was of use, or lived for provenAfter
	how    string // exit code or signal
	tail   string // last lines of stderr
	err    error  // it could not be started
}

// provenAfter is how long a process must be ready until its end is no failure to start, even if it was given nothing to do.
const provenAfter = time.Second

// prove notes that the process is of use.
func (w *worker) prove() {
	w.provenAt = time.Time{}
	if !w.proven {
		w.proven = true
		w.pool.proved(w)
	}
}

// tick does what is due at now, and sets the timer for what is due next.
func (w *worker) tick(now time.Time) {
	if due(&w.forkAt, now) {
		w.fire(onFork)
	}
	if due(&w.termAt, now) && w.state == Dying {
		w.process.signal(unix.SIGTERM)
		w.hurry()
	}
	if due(&w.stateUntil, now) {
		switch w.state {
		case Forking:
			w.hungUp = fmt.Errorf("it did not answer %s within %s", w.handshake.hello.method, w.opts.ReadyTimeout)
			w.log.Error("worker was not ready in time and is killed", "pid", w.process.pid, "timeout", w.opts.ReadyTimeout)
			w.endFor(endNotReady)
			w.fire(onOverdue)
		case Dying:
			w.log.Warn("worker did not end in time and is killed", "pid", w.process.pid, "timeout", w.opts.ForceKillTimeout)
			w.fire(onOverdue)
		}
	}
	if due(&w.faultAt, now) && (w.state == Forking || w.state == Processing || w.state == Flushing) {
		w.log.Warn("worker cannot be talked to and is killed", "pid", w.process.pid, "error", w.hungUp)
		w.endFor(endHungUp)
		w.fire(onFault)
	}
	if due(&w.provenAt, now) && w.state == Processing {
		w.prove()
	}
	if w.inactive(now) {
		w.idleSince = now // if it may not end now, ask again after as long
		if w.pool.mayShrink(w) {
			w.tellInactive()
			w.fire(onStop)
		}
	}
	if due(&w.ageAt, now) {
		w.pool.wornOut(w, dueAge)
	}
	if due(&w.pingAt, now) {
		w.ping()
	}
	if due(&w.pongBy, now) {
		w.missedPing()
	}
	w.limit(w.forkAt)
	w.limit(w.termAt)
	w.limit(w.stateUntil)
	w.limit(w.faultAt)
	w.limit(w.provenAt)
	w.limit(w.ageAt)
	w.limit(w.pingAt)
	w.limit(w.pongBy)
	w.limit(w.overdue(now))
	w.limitIdle()
}

// due says whether *at has come, and clears it then.
func due(at *time.Time, now time.Time) bool {
	if at.IsZero() || now.Before(*at) {
		return false
	}
	*at = time.Time{}
	return true
}

// limit has the timer fire at t, or earlier if it is set so already. The zero time sets nothing.
func (w *worker) limit(t time.Time) {
	if t.IsZero() || !w.timerAt.IsZero() && w.timerAt.Before(t) {
		return
	}
	w.timerAt = t
	w.timer.Reset(time.Until(t))
}

func (w *worker) limitState(d time.Duration) {
	w.stateUntil = time.Now().Add(d)
	w.limit(w.stateUntil)
}

// limitIdle has the timer fire when an idle worker has been so for long enough to end.
func (w *worker) limitIdle() {
	if t := w.opts.InactivityTimeout; t > 0 && w.state == Processing && !w.idleSince.IsZero() {
		w.limit(w.idleSince.Add(t))
	}
}

func (w *worker) inactive(now time.Time) bool {
	t := w.opts.InactivityTimeout
	return t > 0 && w.state == Processing && !w.idleSince.IsZero() && !now.Before(w.idleSince.Add(t))
}

// scheduleAge has a process replaced at MaxAge, or up to a tenth earlier, so that those that were started together do not end
// together.
func (w *worker) scheduleAge() {
	if d := w.opts.MaxAge; d > 0 {
		w.ageAt = time.Now().Add(d - rand.N(d/10+1))
		w.limit(w.ageAt)
	}
}

// forkSoon starts the next process now that waits for its time.
func (w *worker) forkSoon() {
	if w.state == Created && !w.forkAt.IsZero() {
		w.forkAt = time.Now()
		w.limit(w.forkAt)
	}
}

// reason says why a process was of no use.
func (p processEnd) reason() string {
	when := "before it was ready"
	if p.ready {
		when = "right after it was ready"
	}
	switch {
	case p.err != nil:
		return p.err.Error()
	case p.tail != "":
		return fmt.Sprintf("%s %s; it printed:\n%s", p.how, when, p.tail)
	}
	return p.how + " " + when
}
