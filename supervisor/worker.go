package supervisor

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
)

// worker is one seat of the pool: a goroutine and the process that it runs, one after the other. All fields up to the
// mailbox belong to that goroutine.
type worker struct {
	pool *Pool
	id   string // w1, w2, …; it stays when the process is replaced
	log  *slog.Logger

	state       State
	incarnation int
	process     *process
	conn        *jsonrpc.Conn
	calls       map[*call]struct{} // that hold a slot of the process
	faulty      bool               // killed for a call of its own, so its other calls are not to blame
	wasReady    bool               // this process took calls
	told        bool               // this process was told to end, or killed
	startErr    error              // why no process could be started
	lastExit    exit
	timer       *time.Timer
	timerAt     time.Time // zero: not set
	stateUntil  time.Time // when the state has lasted too long; zero: no limit
	termAt      time.Time // when a dying process gets SIGTERM; zero: not, or done
	forkAt      time.Time // when to start the next process; zero: not
	idleSince   time.Time // zero: has calls
	ended       bool      // the goroutine is to return
	events      chan event
	gone        chan struct{} // closed when it has

	mailbox struct {
		mu       sync.Mutex
		commands []command
		wake     chan struct{}
	}

	seat seat // the pool's view
}

// seat is what the pool knows of a worker. It is guarded by the pool's lock.
type seat struct {
	state     State
	pid       int
	slots     int // calls at once; 0 while not ready
	taken     int // calls that it has been given and that still hold a slot
	alone     bool
	reserved  *call // goes to this worker, alone, as soon as it is empty
	retiring  bool  // gets no more calls and no more processes
	stats     jsonrpc.WorkerStats
	tailShown *tail
}

func newWorker(p *Pool, number int) *worker {
	w := &worker{
		pool:   p,
		id:     "w" + strconv.Itoa(number),
		state:  Created,
		calls:  map[*call]struct{}{},
		timer:  time.NewTimer(time.Hour),
		events: make(chan event, 256),
		gone:   make(chan struct{}),
		seat:   seat{state: Created},
	}
	w.log = p.log.With("worker", w.id)
	w.timer.Stop()
	w.mailbox.wake = make(chan struct{}, 1)
	return w
}

// tell hands the goroutine a command. It never blocks: the pool gives no more calls than there are slots.
func (w *worker) tell(c command) {
	w.mailbox.mu.Lock()
	w.mailbox.commands = append(w.mailbox.commands, c)
	w.mailbox.mu.Unlock()
	select {
	case w.mailbox.wake <- struct{}{}:
	default:
	}
}

// post hands the goroutine an event, and waits for room: a process that floods the supervisor is read from no faster.
func (w *worker) post(e event) {
	select {
	case w.events <- e:
	case <-w.gone:
	}
}

// run is the worker's goroutine. It ends when the pool no longer wants the worker and its process is gone.
func (w *worker) run() {
	defer close(w.gone)
	defer w.timer.Stop()
	w.forkAt = time.Now()
	w.tick(w.forkAt)
	for !w.ended {
		select {
		case e := <-w.events:
			w.onEvent(e)
		case <-w.mailbox.wake:
			w.mailbox.mu.Lock()
			commands := w.mailbox.commands
			w.mailbox.commands = nil
			w.mailbox.mu.Unlock()
			for _, c := range commands {
				if !w.ended {
					w.onCommand(c)
				}
			}
		case now := <-w.timer.C:
			w.timerAt = time.Time{}
			w.tick(now)
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
	case putBack:
		w.endAll(func(*call) ledger.Ending {
			return failure(ledger.OutcomeInterrupted, jsonrpc.Errorf(jsonrpc.CodeShuttingDown, "the supervisor shut down while the call ran"))
		})
	case shutdown:
		w.shutdown()
	case kill:
		w.told = true
		w.process.signal(unix.SIGKILL)
	case settle:
		w.settleCrashed()
	case report:
		w.report()
	}
}

// spawn starts a process and greets it.
func (w *worker) spawn() {
	w.incarnation++
	w.wasReady, w.faulty, w.told = false, false, false
	incarnation := w.incarnation
	p, err := startProcess(w.pool.forker, &w.pool.opts, w.environ(), w.print)
	if err != nil {
		w.log.Error("worker did not start", "error", err)
		w.startErr = err
		w.fire(onExited)
		return
	}
	w.process = p
	w.pool.started(w, p)
	record := ledger.Process{PID: p.pid, StartTicks: startTicks(p.pid), BootID: w.pool.bootID, Pool: w.pool.opts.Pool, Worker: w.id}
	if err := w.pool.ledger.RecordProcess(context.Background(), record); err != nil {
		w.log.Warn("process is not on record", "pid", p.pid, "error", err) // it dies with the supervisor all the same
	}
	post := func(e event) {
		e.incarnation = incarnation
		w.post(e)
	}
	w.conn = jsonrpc.NewConn(p.stdio, jsonrpc.HandlerFunc(func(c *jsonrpc.Conn, r *jsonrpc.Request) {
		w.serve(c, r, p.pid, post)
	}), jsonrpc.Options{
		MaxMessageSize: w.pool.opts.MaxMessageSize,
		StallTimeout:   w.pool.opts.InvocationTimeout + w.pool.opts.FlushTimeout,
		Stray:          func(frame []byte, code int64, why string) { w.stray(p.pid, frame, code, why, post) },
		WriteFailed:    func(err error) { post(event{kind: broken, err: err}) },
	})
	conn := w.conn
	go func() { // ends with the process; run waits for its event
		e := p.wait(conn.Done())
		_ = conn.Close()
		w.pool.ledger.ForgetProcess(record)
		post(event{kind: exited, exit: e})
	}()
	w.limitState(w.pool.opts.ReadyTimeout)
	if w.pool.opts.Handshake == HandshakeNone {
		w.ready(jsonrpc.InitializeResult{})
		return
	}
	params, _ := json.Marshal(jsonrpc.InitializeParams{ProtocolVersion: jsonrpc.ProtocolVersion, Pool: w.pool.opts.Pool, Worker: w.id})
	_, _ = conn.Start(jsonrpc.MethodInitialize, params, nil, func(r *jsonrpc.Response) {
		post(event{kind: greeted, response: r})
	}) // an error means that the process is gone, which its waiter reports
}

func (w *worker) environ() []string {
	env := w.pool.opts.Env
	if env == nil {
		env = os.Environ()
	}
	return append(env[:len(env):len(env)], "WHIPPER_POOL="+w.pool.opts.Pool, workerMark(w.id))
}

// workerMark is the variable by which a process is known as a worker's.
func workerMark(id string) string { return "WHIPPER_WORKER=" + id }

// shutdown asks the process to end. SIGTERM and SIGKILL follow.
func (w *worker) shutdown() {
	w.told = true
	_ = w.conn.Notify(jsonrpc.MethodShutdown, nil) // a broken pipe is followed by the process's end
	w.conn.CloseWrite()
	limit := w.pool.opts.ForceKillTimeout
	w.limitState(limit)
	w.termAt = time.Now().Add(min(limit/2, time.Second))
	w.limit(w.termAt)
}

// serve gets what the worker sends of its own accord, on the reader's goroutine.
func (w *worker) serve(c *jsonrpc.Conn, r *jsonrpc.Request, pid int, post func(event)) {
	switch {
	case r.Method == jsonrpc.MethodProgress:
		post(event{kind: notified, message: r})
	case r.Method == jsonrpc.MethodLog:
		w.logRecord(r, pid)
	case r.Notification():
		w.log.Debug("worker sent an unknown notification", "pid", pid, "method", r.Method)
	default:
		_ = c.ReplyError(r, jsonrpc.Errorf(jsonrpc.CodeMethodNotFound, "method %q is not the supervisor's", r.Method), nil)
	}
}

// logRecord logs a $/log notification.
func (w *worker) logRecord(r *jsonrpc.Request, pid int) {
	var p jsonrpc.LogParams
	if r.Params == nil || json.Unmarshal(r.Params, &p) != nil {
		return
	}
	var level slog.Level
	if level.UnmarshalText([]byte(p.Level)) != nil {
		level = slog.LevelInfo
	}
	attrs := []any{"pid", pid, "text", p.Message}
	for name, value := range p.Attributes {
		attrs = append(attrs, slog.Any(name, value))
	}
	w.log.Log(context.Background(), level, "worker log record", attrs...)
}

// stray gets output that is no message, on the reader's goroutine: the worker's log, or an answer too large to pass on.
func (w *worker) stray(pid int, frame []byte, code int64, why string, post func(event)) {
	if code == jsonrpc.CodeMessageTooLarge {
		if id, ok := jsonrpc.CutCallID(frame); ok {
			post(event{kind: tooLarge, id: id})
			return
		}
	}
	if code == jsonrpc.CodeParseError {
		w.print(pid, frame)
		return
	}
	w.log.Warn("stray output on the worker's stdout", "pid", pid, "reason", why, "bytes", len(frame))
}

// print hands on one line that a process printed.
func (w *worker) print(pid int, line []byte) {
	if out := w.pool.opts.WorkerStderr; out != nil {
		b := make([]byte, 0, len(line)+32)
		b = fmt.Appendf(b, "%s[%d] %s", w.id, pid, line)
		if b[len(b)-1] != '\n' {
			b = append(b, '\n')
		}
		_, _ = out.Write(b) // there is nobody else to tell
		return
	}
	w.log.Info("worker output", "pid", pid, "line", string(line))
}
