package main

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/whipper-sidecar/whipper/ledger"
	"github.com/whipper-sidecar/whipper/server"
	"github.com/whipper-sidecar/whipper/supervisor"
)

// fleet is the pools of a supervisor. Where there is a file that is read again they come and go while it runs.
type fleet struct {
	ledger *ledger.Ledger
	kill   <-chan struct{}    // ends all drains at once
	run    func(func() error) // on a goroutine of the supervision's; an error ends all
	say    func(format string, args ...any)
	log    *slog.Logger
	added  func() // called when there is another pool

	mu        sync.Mutex
	pools     []*member      // in the order of the file, those that end last; replaced, never changed
	killTrees bool           // a pool does, or did
	closed    bool           // ctx of drained has ended
	live      sync.WaitGroup // pools that run; Add only under mu and while not closed
}

// member is a pool of the fleet. Its plan and watch are changed by the operator's goroutine alone.
type member struct {
	*supervisor.Pool
	plan     *plan
	watch    *fileWatch    // nil: no file restarts its workers
	patience time.Duration // for its first worker, after which nobody waits for it any more
	stop     context.CancelCauseFunc
	removed  atomic.Bool   // the file does not have it any more
	ended    chan struct{} // closed when it has drained
}

// errRemoved is why a pool drains that the file does not have any more.
var errRemoved = errors.New("the pool is not in the configuration any more")

// add takes in pools that are to be started.
func (f *fleet) add(members []*member) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pools = slices.Concat(f.pools, members)
}

// start runs a pool until ctx ends or its stop is called. One that comes when the fleet drains is run all the same, for clients may have
// found it: it drains at once, and drained does not wait for it. Of a pool that was stopped, outcomes that are not on disk yet are no reason to
// end the others: they stay in memory, and are written when there is room.
func (f *fleet) start(ctx context.Context, m *member) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.killTrees = f.killTrees || m.plan.options.KillTree
	ctx, m.stop = context.WithCancelCause(ctx)
	late := f.closed
	if !late {
		f.live.Add(1)
	}
	f.run(func() error {
		if !late {
			defer f.live.Done()
		}
		defer m.stop(nil)
		defer close(m.ended)
		err := m.Run(ctx, f.kill)
		if err != nil && errors.Is(context.Cause(ctx), errRemoved) {
			f.log.Error("pool has ended, and its last outcomes wait to be written", "pool", m.Name(), "error", err)
			return nil
		}
		return poolFailure(err, f.ledger.Err)
	})
	if late {
		return
	}
	m.watch.start(ctx, m, f.say)
	f.added()
}

// remove has a pool drain that the file does not have any more.
func (m *member) remove() {
	m.removed.Store(true)
	m.watch.close()
	m.stop(errRemoved)
}

// reconfigure has a pool go by another plan.
func (f *fleet) reconfigure(m *member, p *plan) error {
	f.mu.Lock()
	f.killTrees = f.killTrees || p.options.KillTree
	f.mu.Unlock()
	if err := m.Reconfigure(p.options); err != nil {
		return err
	}
	m.plan = p
	return nil
}

// killsTrees says whether a pool has ever killed what its workers left behind.
func (f *fleet) killsTrees() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.killTrees
}

// all gives the pools, those that drain included.
func (f *fleet) all() []*member {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.pools
}

// settled waits until each pool has a worker that serves, or is degraded, or has had the time that a worker may take to get ready; or
// until ctx ends. One that hangs must not hold up what waits for the others.
func (f *fleet) settled(ctx context.Context) {
	began := time.Now()
	waited := map[*member]bool{}
	for ctx.Err() == nil {
		all := f.all() // again each time: they may have changed
		i := slices.IndexFunc(all, func(m *member) bool { return !waited[m] })
		if i < 0 {
			return
		}
		m := all[i]
		waited[m] = true
		timer := time.NewTimer(time.Until(began.Add(m.patience)))
		select {
		case <-m.Settled():
		case <-m.ended:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// named gives the pool of that name, or nil.
func (f *fleet) named(name string) *member {
	all := f.all()
	if i := slices.IndexFunc(all, func(m *member) bool { return m.Name() == name }); i >= 0 {
		return all[i]
	}
	return nil
}

// poolNamed gives the pool of that name, or nil. Where one drains and has a successor, it is that.
func (f *fleet) poolNamed(name string) *supervisor.Pool {
	for _, m := range slices.Backward(f.all()) {
		if m.Name() == name {
			return m.Pool
		}
	}
	return nil
}

// arrange puts the pools into the order of names, and those that are not among them last.
func (f *fleet) arrange(names []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	place := func(m *member) int {
		if i := slices.Index(names, m.Name()); i >= 0 {
			return i
		}
		return len(names)
	}
	sorted := slices.Clone(f.pools)
	slices.SortStableFunc(sorted, func(a, b *member) int { return place(a) - place(b) })
	f.pools = sorted
}

// forget lets go of a pool that has ended.
func (f *fleet) forget(m *member) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pools = slices.DeleteFunc(slices.Clone(f.pools), func(other *member) bool { return other == m })
}

// drained takes no more pools once ctx has ended, and returns when all have ended.
func (f *fleet) drained(ctx context.Context) {
	<-ctx.Done()
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.live.Wait()
}

// forServer gives the pools as the server wants them, and the largest message that any of them takes.
func (f *fleet) forServer() (pools []server.Pool, maxMessageSize int) {
	for _, m := range f.all() {
		pools = append(pools, m.Pool)
		maxMessageSize = max(maxMessageSize, m.plan.options.MaxMessageSize)
	}
	return pools, maxMessageSize
}

// running counts the calls that workers have.
func (f *fleet) running() int {
	n := 0
	for _, m := range f.all() {
		n += m.running()
	}
	return n
}

func (m *member) running() int {
	n := 0
	for _, w := range m.Workers() {
		n += w.Calls
	}
	return n
}
