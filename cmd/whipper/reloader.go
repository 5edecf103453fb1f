package main

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"github.com/whipper-sidecar/whipper/internal/config"
	"github.com/whipper-sidecar/whipper/ledger"
	"github.com/whipper-sidecar/whipper/server"
)

// reloader reads a supervisor's file again and brings about what has changed in it.
type reloader struct {
	configuration *configuration
	fleet         *fleet
	builder       *builder
	logs          *workerLogs
	level         *slog.LevelVar
	serve         func(pools []server.Pool, maxMessageSize int)
	retainer      *ledger.Retainer

	forgetting sync.Mutex // held until it is served what there is without the pool
}

// reloaded is what came of it. Pools that are neither new nor to end are to be restarted by whoever asked.
type reloaded struct {
	said    []string // of the supervisor as a whole
	started map[*member]bool
	stopped map[*member]bool
	changed map[*member][]string // names of settings
}

// change is what a pool that goes on becomes.
type change struct {
	*member
	plan    *plan
	names   []string   // of settings
	rewatch bool       // other files restart it
	watch   *fileWatch // these
}

// reload reads the file and applies it: all of it or, with an error, nothing. Pools that are gone begin to drain.
func (r *reloader) reload(ctx context.Context) (*reloaded, error) {
	file, err := r.configuration.load()
	if err != nil {
		return nil, err
	}
	plans, err := r.configuration.plans(file)
	if err != nil {
		return nil, problem(file, err)
	}
	checkPlans(ctx, plans)
	for _, p := range plans {
		if p.fault != nil {
			return nil, problem(file, &poolFault{p.settings, "", p.fault})
		}
		if err := p.inspect(); err != nil {
			return nil, problem(file, err)
		}
	}
	fresh, changes, err := r.stage(ctx, file, plans)
	if err != nil {
		return nil, problem(file, err)
	}
	return r.apply(ctx, file, fresh, changes), nil
}

// stage does all that can fail.
func (r *reloader) stage(ctx context.Context, file *config.File, plans []*plan) (fresh []*member, changes []change, err error) {
	ways, err := r.logs.outputs(file.Pools, true)
	if err != nil {
		return nil, nil, err
	}
	for _, p := range plans {
		p.options.WorkerOutput = ways[p.settings.Pool]
	}
	defer func() {
		if err == nil {
			return
		}
		closeWatches(fresh)
		for _, c := range changes {
			c.watch.close()
		}
		_, _ = r.logs.outputs(r.configuration.file.Pools, true) // as it was: these files are open
	}()
	for _, p := range plans {
		m := r.fleet.named(p.settings.Pool)
		if m == nil {
			if m, err = r.builder.build(ctx, p); err != nil {
				return fresh, changes, err
			}
			fresh = append(fresh, m)
			continue
		}
		c := change{member: m, plan: p, names: m.plan.changes(p)}
		if len(c.names) == 0 {
			continue
		}
		if err = r.builder.settle(ctx, p); err == nil {
			err = p.options.Check()
		}
		if err != nil {
			return fresh, changes, &poolFault{p.settings, "", err}
		}
		if c.rewatch = !slices.Equal(m.plan.settings.Watch, p.settings.Watch); c.rewatch {
			if c.watch, err = r.builder.watch(p); err != nil {
				return fresh, changes, err
			}
		}
		changes = append(changes, c)
	}
	return fresh, changes, nil
}

// apply does what is left, and cannot fail but where the supervisor drains.
func (r *reloader) apply(ctx context.Context, file *config.File, fresh []*member, changes []change) *reloaded {
	news := &reloaded{started: map[*member]bool{}, stopped: map[*member]bool{}, changed: map[*member][]string{}}
	var names []string
	for _, p := range file.Pools {
		names = append(names, p.Pool)
	}
	for _, c := range changes {
		if c.rewatch {
			c.member.watch.close()
			c.member.watch = nil
		}
		if err := r.fleet.reconfigure(c.member, c.plan); err != nil {
			c.watch.close() // the pool drains, with all others
			continue
		}
		if c.rewatch {
			c.member.watch = c.watch
			c.watch.start(ctx, c.member, r.fleet.say)
		}
		news.changed[c.member] = c.names
	}
	r.fleet.add(fresh)
	r.fleet.arrange(names)
	for _, m := range r.fleet.all() {
		if !slices.Contains(names, m.Name()) {
			r.fleet.say("whipper: pool %s is not in the configuration any more: draining with %s", m.Name(), plural(m.running(), "running call"))
			m.remove()
			news.stopped[m] = true
		}
	}
	r.serve(r.fleet.forServer()) // before they run: whoever cancels a job must find the pool that may have it
	for _, m := range fresh {
		r.fleet.start(ctx, m)
		news.started[m] = true
	}
	news.said = r.whole(&file.Supervisor)
	r.configuration.file = file
	return news
}

// whole applies what can be of the settings of the supervisor as a whole, and says what cannot.
func (r *reloader) whole(now *config.Supervisor) (said []string) {
	running := r.configuration.file.Supervisor
	var later []string
	for _, name := range running.Changes(now) {
		switch name {
		case "log-level":
			r.level.Set(levels[now.LogLevel])
			running.LogLevel = now.LogLevel
			said = append(said, "log-level changed")
		case "retain":
			rules, err := config.ParseRetention(now.Retain)
			if err != nil {
				continue // the file was read, so it is good
			}
			r.retainer.Set(rules)
			running.Retain = now.Retain
			said = append(said, "retain changed")
		default:
			later = append(later, name)
		}
	}
	switch len(later) {
	case 0:
	case 1:
		said = append(said, later[0]+" is another, which needs a restart of the supervisor")
	default:
		said = append(said, strings.Join(later, ", ")+" are others, which needs a restart of the supervisor")
	}
	*now = running // what is in force
	return said
}

// forget lets go of a pool that has ended. Several may end at the same time.
func (r *reloader) forget(m *member) {
	r.forgetting.Lock()
	defer r.forgetting.Unlock()
	r.fleet.forget(m)
	r.serve(r.fleet.forServer())
}
