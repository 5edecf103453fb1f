package supervisor

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/whipper-sidecar/whipper/internal/telemetry/signals"
	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
)

// Pool is a set of worker processes that run the same command, and the calls that wait for them.
type Pool struct {
	name   string
	ledger *ledger.Ledger
	log    *slog.Logger
	bootID string
	run    string  // no other pool had it, in any supervisor
	forker *forker // runs while Run does

	sharing sync.Mutex              // held while sockets are opened, closed or handed to a process
	sockets atomic.Pointer[sockets] // never nil

	tracing *signals.Tracing // nil: calls are not traced
	metrics *signals.Pool    // nil: nobody reads them

	events   *Events      // may be nil
	lastTold atomic.Int64 // id of the last submitted job that tellSubmitted has come to

	readyOnce  sync.Once
	readyCh    chan struct{}
	settleOnce sync.Once
	settledCh  chan struct{}
	fatal      chan error // a command that cannot be started at all; room for one
	claimWake  chan struct{}
	workers    sync.WaitGroup // their goroutines
	limitWake  chan struct{}  // memory is to be looked at
	roomWanted chan (<-chan struct{})

	pausing sync.Mutex // held while a method is paused or resumed

	mu         lock
	opts       Options // of which Pool, Logger, Events, Tracing and Instruments never change
	phase      poolPhase
	seats      []*worker // in the order of their birth
	lastSeat   int       // number of the last worker
	lastSeq    uint64
	slots      int              // calls at once that one worker takes, as far as is known
	slotsKnown bool             // a worker has said so, or the options do
	program    *jsonrpc.Program // what the last worker that got ready says it is
	methods    []string
	boots      boots
	counters   counters
	owed       int  // workers that were worn out and have gone without another in their place
	stopping   bool // the drain has told the workers to stop
	paused     bool // no worker is given anything
	lastTurn   int  // number of the worker that got the last call, where they take turns
	rollouts   []*rollout
	invokes    queue
	window     queue // jobs fetched from the ledger, still queued there
	turn       bool  // the window's, when both queues are equal
	lanes      lanes
	setback    setback // the claimer's
	held       map[int64]struct{}
	invoked    map[int64]*call // by job, whose callers wait; one that is put back for later stays here
	current    map[int64]*call // by job, all that the pool has in memory
	claiming   bool
	dozing     bool               // memory is looked at seldom, until a worker gets a call
	exhausted  bool               // the ledger has no ready job that is not in memory
	urgent     bool               // it may have one that is more urgent than those in a full window
	overdue    bool               // it may have more that have expired, or will, than the claimer knows of
	seen       ledger.Position    // all ready jobs up to here are in memory; zero: that is not known
	missed     ledger.Position    // from where on the claim under way may have missed some; see overlooked
	dueAt      time.Time          // when a job becomes due, or expires, as the last claim has found; zero: none does
	jobBytes   int                // params of a job, on average
	released   map[int64]struct{} // let go of while a claim is under way
	bootTook   time.Duration      // from the start of a process until it was ready: the last one that was
	available  bool               // a worker can take calls, as far as subscribers know
	toldEarly  map[int64]struct{} // see tellClaimed
}

type poolPhase int

const (
	poolStarting poolPhase = iota
	poolServing
	poolDraining
)

// NewPool makes a pool for l. It does nothing until Run.
func NewPool(l *ledger.Ledger, o Options) (*Pool, error) {
	o = o.withDefaults()
	if err := o.validate(); err != nil {
		return nil, err
	}
	p := &Pool{
		name:       o.Pool,
		opts:       o,
		ledger:     l,
		log:        o.Logger.With("pool", o.Pool),
		bootID:     bootID(),
		forker:     newForker(),
		run:        rand.Text(),
		readyCh:    make(chan struct{}),
		settledCh:  make(chan struct{}),
		fatal:      make(chan error, 1),
		claimWake:  make(chan struct{}, 1),
		limitWake:  make(chan struct{}, 1),
		roomWanted: make(chan (<-chan struct{}), 1),
		slots:      max(o.MaxConcurrentCalls, 1),
		slotsKnown: o.MaxConcurrentCalls > 0,
		held:       map[int64]struct{}{},
		invoked:    map[int64]*call{},
		current:    map[int64]*call{},
		released:   map[int64]struct{}{},
		toldEarly:  map[int64]struct{}{},
		tracing:    o.Tracing,
		metrics:    o.Instruments.Pool(o.Pool),
		events:     o.Events,
		lanes:      newLanes(),
	}
	p.sockets.Store(&sockets{})
	p.lastTold.Store(l.LastID()) // a client may submit before Run
	paused, err := l.PausedMethods(context.Background(), o.Pool)
	if err != nil {
		return nil, err
	}
	for _, method := range paused {
		p.lanes.method(method).paused = true
	}
	p.limit(o.MethodConcurrency)
	return p, nil
}

// Name is the pool's name.
func (p *Pool) Name() string { return p.name }

// options are those that processes are started with from now on.
func (p *Pool) options() *Options {
	p.mu.Lock()
	defer p.mu.Unlock()
	o := p.opts
	return &o
}

// Ready is closed when the first worker is ready.
func (p *Pool) Ready() <-chan struct{} { return p.readyCh }

// Settled is closed when the first worker is ready, or when it is clear that none gets ready for now: the pool is degraded.
func (p *Pool) Settled() <-chan struct{} { return p.settledCh }

// settle closes Settled's channel.
func (p *Pool) settle() { p.settleOnce.Do(func() { close(p.settledCh) }) }

// Run keeps the workers alive and hands them calls until ctx ends and the drain is over: then it returns nil. When kill is
// closed during the drain, what still runs is put back and killed at once. A command that cannot be started at all ends Run
// with a *StartError, a socket that cannot be opened with a *ListenError. When Run has returned, no process of the pool is left
// and every outcome is on disk. Clients may use the pool before Run; where ctx has ended by then, they hear that it is shutting down.
func (p *Pool) Run(ctx context.Context, kill <-chan struct{}) error {
	go p.forker.run()
	claims, endClaims := context.WithCancel(context.WithoutCancel(ctx))
	var claimer sync.WaitGroup
	claimer.Go(func() { p.claim(claims) })
	claimer.Go(func() { p.watchMemory(claims) })
	watching, endWatch := context.WithCancel(context.WithoutCancel(ctx)) // in the drain too
	var watcher sync.WaitGroup
	watcher.Go(func() { p.watchRoom(watching) })

	var err error
	if ctx.Err() == nil {
		err = p.begin()
	}
	if err == nil {
		select {
		case <-ctx.Done():
		case err = <-p.fatal:
		}
	}
	endClaims()
	claimer.Wait()
	p.drain(kill, err)
	endWatch()
	watcher.Wait()
	p.forker.stop()
	p.closeSockets()
	if e := p.ledger.FlushLong(lastCommit); e != nil {
		err = errors.Join(err, fmt.Errorf("write the last outcomes of pool %q: %w", p.name, e))
	}
	return err
}

// begin opens the sockets and takes on the first workers. With KeepTrying, sockets that cannot be opened are the workers' problem.
func (p *Pool) begin() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.share(&p.opts); err != nil && !p.opts.KeepTrying {
		return err
	}
	for p.staying() < p.opts.MinWorkers { // a client may have asked for some before
		p.addWorker()
	}
	return nil
}

// lastCommit bounds how long Run waits for each of the commits after which the last outcomes are on disk.
const lastCommit = 10 * time.Second

// drain lets the calls in flight and the callers who wait get their answers, for at most the drain timeout. If the command
// cannot be started at all, cause says why, and callers hear it at once.
func (p *Pool) drain(kill <-chan struct{}, cause error) {
	p.mu.Lock()
	for _, c := range p.window.clear() { // queued on disk, for the next start
		p.forget(c)
	}
	for _, w := range p.seats {
		if c := w.seat.reserved; c != nil { // never an invoke's: those are not run again
			w.seat.reserved = nil
			p.forget(c)
		}
	}
	switch {
	case cause != nil:
		p.failWaiting(shutBefore(cause))
	case p.paused:
		p.failWaiting(shutBefore(errors.New("the pool was paused")))
	case p.phase != poolServing || p.hopeless(): // nobody is there to run them, and hardly will be
		p.failWaiting(shutBefore(errors.New("no worker is ready")))
	default:
		p.failPaused()
	}
	p.phase, p.paused = poolDraining, false
	for _, l := range p.lanes.methods {
		p.stir(l)
	}
	p.endRollouts()
	p.dispatch()
	p.mu.Unlock()

	ended := make(chan struct{})
	go func() {
		p.workers.Wait()
		close(ended)
	}()
	limit := p.options().DrainTimeout
	patience := time.NewTimer(limit)
	defer patience.Stop()
	for {
		select {
		case <-ended:
			p.mu.Lock()
			p.failWaiting(shutBefore(cause))
			p.mu.Unlock()
			return
		case <-patience.C:
			if p.cutShort(abandon) > 0 {
				p.log.Warn("drain took too long; calls that still run are put back", "timeout", limit)
			}
		case <-kill:
			kill = nil
			if p.cutShort(destroy) > 0 {
				p.log.Warn("drain was cut short; calls that still run are put back")
			}
		}
	}
}

// cutShort gives up the callers who wait, and has all workers end. It says how many calls they have.
func (p *Pool) cutShort(how commandKind) (running int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.current {
		if c.worker != nil {
			running++
		}
	}
	p.failWaiting(shutBefore(nil))
	p.stopping = true
	for _, w := range p.seats {
		w.seat.retiring = true
		p.recount(w)
		p.unlink(w)
		w.tell(command{kind: how})
	}
	return running
}

// shutBefore is what callers hear whose call the pool's end leaves undone; cause may be nil.
func shutBefore(cause error) *jsonrpc.Error {
	if cause == nil {
		return jsonrpc.Errorf(jsonrpc.CodeShuttingDown, "the pool shut down before the call could run")
	}
	return jsonrpc.Errorf(jsonrpc.CodeShuttingDown, "the pool shut down before the call could run: %v", cause)
}

// failPaused gives up the invokes whose method is paused; mu is held.
func (p *Pool) failPaused() {
	for _, l := range p.lanes.methods {
		for l.paused && l.waiting.Len() > 0 {
			p.finishWaiting(l.waiting.take(), ledger.Failed, shutBefore(errors.New("its method was paused")))
		}
	}
}

// failWaiting gives up the invokes that no worker has; mu is held.
func (p *Pool) failWaiting(e *jsonrpc.Error) {
	p.invokes.clear()
	for _, l := range p.lanes.methods {
		l.waiting.clear()
	}
	for id, c := range p.invoked {
		if c.worker == nil || p.current[id] != c { // it waits, here or, put back for later, on disk
			p.finishWaiting(c, ledger.Failed, e)
		}
	}
}

// addWorker takes on one more worker, in the place of one that was worn out and has none beside it, if there is one; mu is held.
func (p *Pool) addWorker() *worker {
	w := p.newSeat()
	for _, old := range p.seats {
		if s := &old.seat; s.retiring && s.due != "" && !s.succeeded {
			s.succeeded, w.seat.successor = true, true
			return w
		}
	}
	if p.owed > 0 {
		p.owed--
		w.seat.successor = true
	}
	return w
}

// newSeat takes on one more worker, in nobody's place; mu is held.
func (p *Pool) newSeat() *worker {
	p.lastSeat++
	w := newWorker(p, p.lastSeat)
	p.seats = append(p.seats, w)
	p.recount(w)
	p.workers.Go(w.run)
	return w
}

// wakeClaimer has the claimer look into the ledger. It never blocks.
func (p *Pool) wakeClaimer() {
	select {
	case p.claimWake <- struct{}{}:
	default:
	}
}
