package supervisor

import (
	"log/slog"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/whipper-sidecar/whipper/jsonrpc"
)

// worker is one seat of the pool: a goroutine and the process that it runs, one after the other. All fields up to the
// mailbox belong to whoever owns the worker, see mailbox.
type worker struct {
	pool   *Pool
	number int    // of the pool's workers, in the order of their birth
	id     string // w1, w2, …; it stays when the process is replaced
	log    *slog.Logger

	opts        *Options // of this process
	state       State
	incarnation int
	process     *process
	conn        *jsonrpc.Conn
	calls       map[*call]struct{} // that hold a slot of the process
	onlyJob     atomic.Int64       // of the one call that the process has; 0: it has none, or several. Anybody may read it
	faulty      bool               // killed for a call of its own, so its other calls are not to blame
	wasReady    bool               // this process took calls
	proven      bool               // and has answered one, or died with one, or lived for provenAfter
	told        bool               // this process was told to end, or killed
	endReason   string             // why it ends, or is to; "": it is not, or nobody knows yet
	startErr    error              // why no process could be started
	handshake   *handshake         // of this process
	helloID     uint64             // of the greeting
	parting     []outgoing         // what is still to be said to this process, which is to end
	hungUp      error              // why this process cannot be talked to any more
	lastExit    exit
	timer       *time.Timer
	timerAt     time.Time     // zero: not set
	stateUntil  time.Time     // when the state has lasted too long; zero: no limit
	termAt      time.Time     // when a dying process gets SIGTERM; zero: not, or done
	forkAt      time.Time     // when to start the next process; zero: not
	faultAt     time.Time     // when a process that has hung up is killed; zero: not
	provenAt    time.Time     // when a process that has answered nothing yet is taken for sound; zero: not
	ageAt       time.Time     // when the process is old enough to be replaced; zero: never
	pingAt      time.Time     // when an idle process is asked whether it is alive; zero: not
	pongBy      time.Time     // when it must have said so; zero: it has
	idleSince   time.Time     // zero: has calls
	ended       bool          // the goroutine is to return
	cork        *jsonrpc.Cork // the owner's

	mailbox mailbox
	strays  atomic.Int64 // lines on stdout that were no message; the connection's reader counts them

	seat seat // the pool's view
}

// seat is what the pool knows of a worker. It is guarded by the pool's lock.
type seat struct {
	state       State
	pid         int
	slots       int // calls at once; 0 while not ready
	taken       int // calls that it has been given and that still hold a slot
	given       int // calls that its process has been given in all
	alone       bool
	reserved    *call   // goes to this worker, alone, as soon as it is empty
	retiring    bool    // gets no more calls and no more processes
	left        bool    // is none of the pool's any more
	sound       bool    // its process has come up
	due         string  // why it is to be replaced; "": it is not
	replacement *worker // that was started to take its place
	successor   bool    // it was started to replace another one, so its first process counts as a reset
	succeeded   bool    // another one was started to replace it
	replaces    *worker // whose place it will take
	done        tally   // but for StrayLines
	counted     census  // its share of the pool's
	tailShown   *tail

	statusTold string              // workingStatus, as far as subscribers know
	startedAt  time.Time           // the process
	readyAt    time.Time           // the process was
	cpu        cpuSample           // of the last look
	lastExit   *jsonrpc.WorkerExit // of the process before; never changed, only replaced
}

// newWorker makes a worker that does not run yet; mu is held.
func newWorker(p *Pool, number int) *worker {
	o := p.opts
	w := &worker{
		pool:   p,
		opts:   &o,
		number: number,
		id:     "w" + strconv.Itoa(number),
		state:  Created,
		calls:  map[*call]struct{}{},
		timer:  time.NewTimer(time.Hour),
		forkAt: time.Now(),
		seat:   seat{state: Created, statusTold: idle},
	}
	w.log = p.log.With("worker", w.id)
	w.timer.Stop()
	w.mailbox.wake = make(chan struct{}, 1)
	w.mailbox.room.L = &w.mailbox.mu
	return w
}

// run is the worker's goroutine. It ends when the pool no longer wants the worker and its process is gone.
func (w *worker) run() {
	defer w.timer.Stop()
	w.tell(command{kind: timerFired})
	var k jsonrpc.Cork
	for {
		select {
		case <-w.mailbox.wake:
		case <-w.timer.C:
			w.tell(command{kind: timerFired})
		}
		ended := w.own(&k, mostOwned, func(*letter) bool { return true })
		k.Release()
		if ended {
			return
		}
	}
}

// fire moves the state machine and does what it asks for.
func (w *worker) fire(t trigger) {
	from := w.state
	to, effects, err := next(from, t)
	if err != nil {
		w.log.Error("worker state machine", "error", err)
		return
	}
	w.state = to
	if from != to {
		w.stateUntil = time.Time{}
		w.pool.stateChanged(w, to)
	}
	for _, e := range effects {
		w.perform(e)
	}
	if w.state == Flushing && len(w.calls) == 0 {
		w.fire(onFlushed)
	}
}

func (w *worker) perform(e effect) {
	switch e {
	case spawn:
		w.spawn()
	case announce:
		w.idleSince = time.Now()
		w.limitIdle()
		w.provenAt = w.idleSince.Add(provenAfter)
		w.limit(w.provenAt)
		w.scheduleAge()
		w.schedulePing()
	case putBack:
		w.putBack()
	case shutdown:
		w.shutdown()
	case kill:
		w.told = true
		w.process.remember()
		w.process.signal(unix.SIGKILL)
	case settle:
		w.settleCrashed()
	case report:
		w.report()
	}
}
