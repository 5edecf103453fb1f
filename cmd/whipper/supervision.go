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
	"strings"
	"syscall"

	"golang.org/x/sync/errgroup"

	"github.com/whipper-sidecar/whipper/internal/filewatch"
	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
	"github.com/whipper-sidecar/whipper/server"
	"github.com/whipper-sidecar/whipper/supervisor"
)

// supervision is all that one supervisor process consists of: a ledger, a pool and the socket.
type supervision struct {
	dir        string // absolute; ledger, lock, runners and usually the socket
	socket     string // "": in dir
	durability ledger.Durability
	program    program
	account    *supervisor.Account // of the workers; nil: our own
	env        []string            // of the workers, but for what run adds
	pool       supervisor.Options  // but for Command, Env and Logger, which run sets
	watch      []string            // globs of files whose changes restart the workers
	log        *slog.Logger
	logs       *workerLogs
	operator   *operator // but for pools, ledger and log, which run sets

	announce func(readiness)              // called once, when the first worker is ready
	draining func(why error, running int) // called once, when ctx has ended and there is a pool to drain
}

// run supervises until ctx ends and the drain is over, which is a success, or until something fails. kill ends the
// drain at once. What must end in order does: intake, workers, last commits, ledger.
func (s *supervision) run(ctx context.Context, kill <-chan struct{}) (err error) {
	if err := makeStateDir(s.dir); err != nil {
		return err
	}
	command := make(chan resolved, 1)
	go func() { command <- s.program.check(ctx, s.account) }() // an interpreter takes as long to start as a ledger to open
	l, err := ledger.Open(context.WithoutCancel(ctx), ledger.Options{Dir: s.dir, Durability: s.durability, Logger: s.log})
	checked := <-command
	if err != nil {
		return err
	}
	defer func() {
		if e := l.Close(); e != nil && err == nil {
			err = &failure{Err: fmt.Errorf("close the ledger: %w", e), Code: exitLedger}
		}
	}()
	if checked.err != nil {
		return checked.err
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
	if err := s.recover(ctx, l); err != nil {
		return err
	}
	if s.pool.Command, err = s.program.command(s.dir, checked.interpreter, s.account); err != nil {
		return err
	}
	s.pool.Env = s.env
	if s.account == nil { // another user cannot get there
		s.pool.Env = supervisor.Environ(s.env, "WHIPPER_SOCKET="+path, "WHIPPER_DIR="+s.dir)
	}
	s.pool.Logger, s.pool.Events = s.log, supervisor.NewEvents()
	pool, err := supervisor.NewPool(l, s.pool)
	if err != nil {
		return misuse("see whipper exec --help", "%w", err)
	}
	files, err := watchFiles(s.watch, filewatch.Options{Ignore: []string{s.dir}, Logger: s.log})
	if err != nil {
		return err
	}
	defer files.close()
	s.operator.pools, s.operator.ledger, s.operator.events, s.operator.log = []operated{{pool, files}}, l, s.pool.Events, s.log
	drained := make(chan struct{})
	srv := server.New(server.Options{
		Ledger: l, Pools: []server.Pool{pool}, PoolsDrained: drained,
		Events: s.pool.Events, Version: version, Logger: s.log, MaxMessageSize: s.pool.MaxMessageSize,
	})
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(drained)
		return poolFailure(pool.Run(ctx, kill), l.Err)
	})
	group.Go(func() error { return srv.Serve(ctx, listener) })
	group.Go(func() error {
		s.tell(ctx, pool, drained, path)
		return nil
	})
	group.Go(func() error {
		s.operator.run(ctx, drained)
		return nil
	})
	err = group.Wait()
	if s.pool.KillTree {
		if e := supervisor.KillOrphans(context.WithoutCancel(ctx), s.log); e != nil {
			s.log.Error("processes that workers have started are still running", "error", e)
		}
	}
	return err
}

// tell announces that the pool is ready, and that it drains.
func (s *supervision) tell(ctx context.Context, pool *supervisor.Pool, drained <-chan struct{}, socket string) {
	select {
	case <-pool.Ready():
		status := pool.Status()
		s.announce(readiness{PID: os.Getpid(), Socket: socket, Dir: s.dir, Pool: pool.Name(), Listen: status.Listen, workers: workers(status)})
		<-ctx.Done()
	case <-ctx.Done():
	}
	select {
	case <-drained: // it ended by itself
		return
	default:
	}
	running := 0
	for _, w := range pool.Workers() {
		running += w.Calls
	}
	s.draining(context.Cause(ctx), running)
}

// recover puts right what a supervisor that died left behind.
func (s *supervision) recover(ctx context.Context, l *ledger.Ledger) error {
	if err := supervisor.KillSurvivors(ctx, l, s.log); err != nil {
		return fmt.Errorf("end workers that outlived the last supervisor: %w", err)
	}
	if s.pool.KillTree {
		if err := supervisor.KillLeftTrees(ctx, s.log, "WHIPPER_DIR="+s.dir, "WHIPPER_POOL="+s.pool.Pool); err != nil {
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
	var listen *supervisor.ListenError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &listen):
		return &failure{Err: err, Code: exitFailed, Hint: listenHint(listen)}
	case !errors.As(err, &start):
		return lastOutcomesFailure(err, inLedger())
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
	if err := os.MkdirAll(filepath.Dir(dir), 0o777); err != nil {
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
	if err := os.WriteFile(filepath.Join(dir, ".gitignore"), []byte("*\n"), 0o600); err != nil {
		return fmt.Errorf("create the folder of the ledger: %w", err)
	}
	return nil
}
