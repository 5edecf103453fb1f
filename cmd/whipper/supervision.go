package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sync/errgroup"

	"github.com/whipper-sidecar/whipper/internal/monitor"
	"github.com/whipper-sidecar/whipper/internal/telemetry"
	"github.com/whipper-sidecar/whipper/internal/telemetry/signals"
	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
	"github.com/whipper-sidecar/whipper/server"
	"github.com/whipper-sidecar/whipper/supervisor"
)

// supervision is all that one supervisor process consists of: a ledger, pools and the socket.
type supervision struct {
	dir        string // absolute; ledger, lock, runners and usually the socket
	socket     string // "": in dir
	durability ledger.Durability
	retention  ledger.Retention
	plans      []*plan        // of the pools that there are at the start
	file       *configuration // where the pools come from; nil: the command line
	level      *slog.LevelVar
	log        *slog.Logger
	logs       *workerLogs
	telemetry  *telemetry.Telemetry
	tracing    *signals.Tracing     // nil: traces go nowhere
	counting   *signals.Instruments // nil: nobody reads metrics
	operator   *operator            // but for fleet, health, ledger and log, which run sets
	monitor    *monitor.Options     // but for the checks and Logger, which run sets; nil: nobody is told by HTTP
	http       string               // where it listens, once it does

	ephemeral bool // dir is made, and removed at the end

	announce func(readiness)              // called once, when the pools serve
	answer   func(readiness)              // called before, if exec's pool is degraded: whoever started it need not wait
	draining func(why error, running int) // called once, when ctx has ended and there are pools to drain
}

// run supervises until ctx ends and the drain is over, which is a success, or until something fails. kill ends the
// drain at once. What must end in order does: intake, workers, last commits, ledger.
func (s *supervision) run(ctx context.Context, kill <-chan struct{}) (err error) {
	defer runtime.KeepAlive(headroom())
	claim, err := s.claimDir()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, claim.release()) }() // last: the ledger is closed then
	checked := make(chan struct{})
	go func() { // an interpreter takes as long to start as a ledger to open
		defer close(checked)
		checkPlans(ctx, s.plans)
	}()
	l, err := ledger.Open(context.WithoutCancel(ctx), ledger.Options{Dir: s.dir, Durability: s.durability, Logger: s.log, Wrote: s.wrote()})
	<-checked
	if err != nil {
		return err
	}
	claim.hold()
	defer func() {
		if e := l.Close(); e != nil && err == nil {
			err = &failure{Err: fmt.Errorf("close the ledger: %w", e), Code: exitLedger}
		}
	}()
	if err := s.runnable(); err != nil {
		return err
	}
	path, err := server.Address(s.dir, s.socket)
	if err != nil {
		return err
	}
	// Before anything is touched: where the lock's file was removed, only the socket tells that another supervisor runs.
	// Clients who connect now are served once there is a pool.
	listener, err := server.Listen(s.dir, path)
	if err != nil {
		return err
	}
	defer func() { _ = listener.Close() }() // again, if Serve has closed it
	health := newHealth(l)
	stopMonitor, err := s.startMonitor(ctx, health) // from here on, until all pools have ended
	if err != nil {
		return err
	}
	defer stopMonitor()
	if err := s.recover(ctx, l); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	b := &builder{
		place: place{dir: s.dir, socket: path}, ledger: l, events: supervisor.NewEvents(), log: s.log, file: s.file,
		tracing: s.tracing, instruments: s.counting,
	}
	fleet := &fleet{ledger: l, kill: kill, run: group.Go, say: s.operator.say, log: s.log}
	scheduler := supervisor.NewScheduler(supervisor.SchedulerOptions{Ledger: l, Pool: fleet.poolNamed, Logger: s.log, Tracing: s.tracing})
	fleet.added = scheduler.Look
	stopObserving, err := s.observe(l, fleet)
	if err != nil {
		return err
	}
	defer stopObserving()
	defer func() { closeWatches(fleet.all()) }()
	members, err := b.buildAll(ctx, s.plans)
	if err != nil {
		return problem(s.file.inForce(), err)
	}
	fleet.add(members)
	health.watch(fleet, ctx.Done())
	for _, m := range members {
		fleet.start(ctx, m)
	}
	pools, maxMessageSize := fleet.forServer()
	drained := make(chan struct{})
	srv := server.New(server.Options{
		Ledger: l, Pools: pools, PoolsDrained: drained,
		Events: b.events, Version: version, Logger: s.log, MaxMessageSize: maxMessageSize,
	})
	s.operator.fleet, s.operator.health, s.operator.ledger, s.operator.events, s.operator.log = fleet, health, l, b.events, s.log
	retainer := l.NewRetainer(s.retention)
	if s.file != nil {
		s.operator.reloads = &reloader{
			configuration: s.file, fleet: fleet, builder: b, logs: s.logs, level: s.level, serve: srv.SetPools, retainer: retainer,
		}
	}
	group.Go(func() error {
		retainer.Run(ctx)
		return nil
	})
	group.Go(func() error {
		defer close(drained)
		fleet.drained(ctx)
		return nil
	})
	group.Go(func() error {
		scheduler.Run(ctx)
		return nil
	})
	group.Go(func() error { return srv.Serve(ctx, listener) })
	group.Go(func() error {
		s.tell(ctx, fleet, drained, path)
		return nil
	})
	group.Go(func() error {
		s.operator.run(ctx, drained)
		return nil
	})
	err = group.Wait()
	if fleet.killsTrees() {
		if e := supervisor.KillOrphans(context.WithoutCancel(ctx), s.log); e != nil {
			s.log.Error("processes that workers have started are still running", "error", e)
		}
	}
	return err
}

// checkPlans makes sure of all interpreters at once.
func checkPlans(ctx context.Context, plans []*plan) {
	var checks errgroup.Group
	checks.SetLimit(runtime.NumCPU())
	for _, p := range plans {
		checks.Go(func() error {
			p.check(ctx)
			return nil
		})
	}
	_ = checks.Wait() // each plan has its own fault
}

// runnable says why there is nothing to run. Of several pools, one that cannot be run is told of and stays degraded until it can.
func (s *supervision) runnable() error {
	var faulty []*plan
	for _, p := range s.plans {
		if p.fault != nil {
			faulty = append(faulty, p)
		}
	}
	for _, p := range faulty {
		err := problem(s.file.inForce(), &poolFault{p.settings, "", p.fault})
		if len(faulty) == len(s.plans) {
			return err
		}
		s.operator.say("%s", explain(err).text())
		s.operator.say("whipper: pool %s is degraded until then; it goes on trying", p.settings.Pool)
	}
	return nil
}

// tell announces that the pools serve, and that they drain.
func (s *supervision) tell(ctx context.Context, fleet *fleet, drained <-chan struct{}, socket string) {
	if s.file != nil {
		fleet.settled(ctx)
	} else {
		s.firstWorker(ctx, fleet, socket)
	}
	if ctx.Err() == nil {
		s.announce(s.readiness(fleet, socket))
		<-ctx.Done()
	}
	select {
	case <-drained: // they ended by themselves
		return
	default:
	}
	var asked reason
	if running := fleet.running(); running > 0 || errors.As(context.Cause(ctx), &asked) { // else what failed is told at the end
		s.draining(context.Cause(ctx), running)
	}
}

// firstWorker waits for the first worker of exec's pool, and tells if none comes up.
func (s *supervision) firstWorker(ctx context.Context, fleet *fleet, socket string) {
	pool := fleet.all()[0]
	select {
	case <-pool.Settled():
	case <-ctx.Done():
		return
	}
	if state, reason := pool.Condition(); state == "degraded" {
		r := s.readiness(fleet, socket)
		r.State, r.Reason = state, reason
		s.answer(r)
	}
	select {
	case <-pool.Ready():
	case <-ctx.Done():
	}
}

// readiness is what is told when the pools serve. One that the file does not have any more may still be on its way out.
func (s *supervision) readiness(fleet *fleet, socket string) readiness {
	r := readiness{PID: os.Getpid(), Socket: socket, Dir: s.dir, HTTP: s.http}
	for _, m := range fleet.all() {
		if m.removed.Load() {
			continue
		}
		p := m.Status()
		if s.file == nil {
			r.Pool, r.Listen, r.workers = p.Name, p.Listen, workers(p)
			return r
		}
		r.Pools = append(r.Pools, readyPool{p.Name, p.State, p.Reason, p.Listen, workers(p)})
	}
	return r
}

// recover puts right what a supervisor that died left behind.
func (s *supervision) recover(ctx context.Context, l *ledger.Ledger) error {
	if err := supervisor.KillSurvivors(ctx, l, s.log); err != nil {
		return fmt.Errorf("end workers that outlived the last supervisor: %w", err)
	}
	for _, p := range s.plans {
		if !p.options.KillTree {
			continue
		}
		if err := supervisor.KillLeftTrees(ctx, s.log, "WHIPPER_DIR="+s.dir, "WHIPPER_POOL="+p.options.Pool); err != nil {
			s.log.Error("processes that workers have started are still running", "error", err)
		}
	}
	found, err := l.Recover(ctx)
	if err != nil {
		return fmt.Errorf("recover the ledger: %w", err)
	}
	if found != (ledger.Recovery{}) {
		s.log.Info("recovered from the last supervisor's end", "requeued", found.Requeued, "failed", found.Failed, "cancelled", found.Cancelled)
	}
	return nil
}

// workers describes how many workers there will be.
func workers(p jsonrpc.Pool) string {
	if p.MinWorkers == p.MaxWorkers {
		return plural(p.MaxWorkers, "worker")
	}
	return fmt.Sprintf("%d to %s", p.MinWorkers, plural(p.MaxWorkers, "worker"))
}

// poolFailure gives its exit code to what ended a pool: the shell's where the command cannot be started, the ledger's
// where the last outcomes were not written. inLedger tells why commits fail, if they do.
func poolFailure(err error, inLedger func() error) error {
	var start *supervisor.StartError
	var refused *supervisor.RefusedError
	var listen *supervisor.ListenError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &listen):
		return &failure{Err: err, Code: exitFailed, Hint: listenHint(listen)}
	case !errors.As(err, &start):
		return lastOutcomesFailure(err, inLedger())
	case errors.As(start.Err, &refused): // no matter whether a folder is missing: the command is not
		return &failure{Err: err, Code: exitCannotRun}
	case errors.Is(start.Err, fs.ErrNotExist), errors.Is(start.Err, exec.ErrNotFound):
		return &failure{Err: err, Code: exitNotFound}
	}
	return &failure{Err: err, Code: exitCannotRun}
}

// listenHint says what helps where a shared socket cannot be opened.
func listenHint(e *supervisor.ListenError) string {
	switch {
	case errors.Is(e, syscall.EADDRINUSE):
		return "stop who listens there (ss -ltnxp shows that), or choose another --listen"
	case errors.Is(e, syscall.EACCES) && strings.Contains(e.Address, "tcp://"):
		return "ports below 1024 need root or CAP_NET_BIND_SERVICE"
	case errors.Is(e, syscall.EADDRNOTAVAIL):
		return "this machine does not have that address; tcp://:PORT listens on all that it has"
	}
	return ""
}

// lastOutcomesFailure is for a drain whose outcomes are not all on disk.
func lastOutcomesFailure(err, inLedger error) error {
	if errors.Is(err, context.DeadlineExceeded) { // says less than why it took so long
		err = errors.New("the ledger could not be written in time")
		if inLedger != nil {
			err = fmt.Errorf("%w: %w", err, inLedger)
		}
	}
	return &failure{
		Err:  fmt.Errorf("the last outcomes may be lost: %w", err),
		Code: exitLedger,
		Hint: "free space or repair the disk; then jobs whose outcomes are missing run again at the next start, but for those that may run only once",
	}
}

// makeStateDir creates the folder, hidden from git so that nobody commits a ledger by accident. A folder that is there
// already is left as it is.
func makeStateDir(dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil { // nobody else may put another in its place, whatever the umask
		return fmt.Errorf("create the folder of the ledger: %w", err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		if errors.Is(err, fs.ErrExist) && !isDir(dir) {
			return misuse("choose another --dir", "%s is not a folder", dir)
		}
		if errors.Is(err, fs.ErrExist) {
			return nil
		}
		return fmt.Errorf("create the folder of the ledger: %w", err)
	}
	if err := hideFromGit(dir); err != nil {
		return fmt.Errorf("create the folder of the ledger: %w", err)
	}
	return nil
}

func hideFromGit(dir string) error {
	return os.WriteFile(filepath.Join(dir, ".gitignore"), []byte("*\n"), 0o600)
}
