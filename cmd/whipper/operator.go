package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
	"github.com/whipper-sidecar/whipper/supervisor"
)

// operator does what signals ask of the pools while they run, and tells the service manager how they are.
type operator struct {
	fleet   *fleet
	health  *health
	reloads *reloader // nil: there is no file to read again
	ledger  *ledger.Ledger
	events  *supervisor.Events
	service service
	rolls   <-chan struct{}
	dumps   <-chan os.Signal
	say     func(format string, args ...any)
	stderr  io.Writer
	log     *slog.Logger
	began   time.Time

	telling sync.Mutex
	told    string // to the service manager: how the pools are
}

// newOperator makes the operator of what is to be supervised. It comes before any process is started.
func newOperator(c *console, w *watch) (*operator, error) {
	service, err := takeService()
	if err != nil {
		return nil, err
	}
	return &operator{service: service, rolls: w.rolls, dumps: w.quits, say: c.say, stderr: c.err, began: time.Now()}, nil
}

// run operates the pools until drained is closed; ctx ends when the drain begins.
func (o *operator) run(ctx context.Context, drained <-chan struct{}) {
	var running sync.WaitGroup
	running.Go(func() {
		o.fleet.settled(ctx)
		o.announceToService(ctx, drained)
	})
	running.Go(func() { o.rollOnDemand(ctx) })
	running.Go(func() { o.dumpOnDemand(drained) })
	running.Go(func() { o.feedWatchdog(drained) })
	running.Wait()
}

// rollOnDemand replaces all workers each time that it is asked to. What is asked for meanwhile, however often, is one more time.
func (o *operator) rollOnDemand(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-o.rolls:
		}
		o.notify(reloading())
		said := o.roll(ctx)
		if ctx.Err() != nil {
			return // the drain has put an end to it, and is told of
		}
		o.say("whipper: SIGHUP: %s", said)
		o.notifyStatus("READY=1\n")
	}
}

// roll reads the file again, if there is one, replaces the workers of all pools, side by side, and says in one line what came of it.
func (o *operator) roll(ctx context.Context) string {
	news := &reloaded{}
	if o.reloads != nil {
		var err error
		if news, err = o.reloads.reload(ctx); ctx.Err() != nil {
			return "" // the drain has put an end to it
		}
		if err != nil {
			o.say("%s", explain(err).text())
			news = &reloaded{said: []string{"the configuration stays as it was: " + firstLine(err.Error())}}
		}
	}
	pools := o.fleet.all()
	said := make([]string, len(pools))
	var running sync.WaitGroup
	for i, p := range pools {
		running.Go(func() {
			said[i] = fmt.Sprintf("pool %s: %s", p.Name(), o.rollOne(ctx, p, news))
		})
	}
	running.Wait()
	return strings.Join(append(news.said, said...), "; ")
}

// rollOne replaces the workers of a pool, unless they are new or are to end, and says what came of it.
func (o *operator) rollOne(ctx context.Context, p *member, news *reloaded) string {
	switch {
	case news.started[p]:
		return "started"
	case news.stopped[p]:
		<-p.ended
		o.reloads.forget(p)
		if queued := p.Status().Jobs[string(ledger.Queued)]; queued > 0 {
			return fmt.Sprintf("stopped, %s kept", plural(int(queued), "queued job"))
		}
		return "stopped"
	}
	changed := ""
	if names := news.changed[p]; len(names) > 0 {
		changed = strings.Join(names, ", ") + " changed; "
	}
	replaced, err := p.Restart(ctx)
	if err != nil && changed != "" {
		return strings.TrimSuffix(changed, "; ") + ", which holds from the next process on; " + inOneLine(restartFailure(p, err))
	}
	if err != nil {
		return inOneLine(restartFailure(p, err))
	}
	return changed + plural(replaced, "worker") + " replaced"
}

// restartFailure says why a restart did not go through, and who serves now.
func restartFailure(p *member, err error) string {
	var gaveUp *supervisor.RestartError
	if !errors.As(err, &gaveUp) {
		return err.Error()
	}
	serve := "the old workers go on serving"
	if !p.Serving() {
		serve = "no worker serves"
	}
	replaced := ""
	if gaveUp.Replaced > 0 {
		replaced = plural(gaveUp.Replaced, "worker") + " replaced; "
	}
	return fmt.Sprintf("%sa new worker did not get ready, %s: %s", replaced, serve, gaveUp.Reason)
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// inOneLine is the first line of a text and, of what a program printed below, the last that names an error, or just the last.
func inOneLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	said := lines[len(lines)-1]
	for i := len(lines) - 1; i > 0; i-- {
		if strings.Contains(lines[i], "Error") {
			said = lines[i]
			break
		}
	}
	if len(lines) == 1 {
		return lines[0]
	}
	return lines[0] + " … " + strings.TrimSpace(said)
}

// status is one line on how the pools are.
func (o *operator) status() string {
	var all []string
	for _, p := range o.fleet.all() {
		state, reason := p.Condition()
		text := fmt.Sprintf("pool %s is %s", p.Name(), state)
		if reason != "" {
			text += ": " + inOneLine(reason)
		}
		all = append(all, text)
	}
	return oneLine(strings.Join(all, "; "))
}

// announceToService tells the manager that the pools have started, and that they drain.
func (o *operator) announceToService(ctx context.Context, drained <-chan struct{}) {
	if ctx.Err() == nil {
		o.notifyStatus("READY=1\n")
	}
	o.followStatus(ctx)
	o.notify("STOPPING=1\nSTATUS=draining")
	<-drained
}

// followStatus tells the manager when pools become degraded or recover, until ctx ends.
func (o *operator) followStatus(ctx context.Context) {
	if !o.service.present() {
		<-ctx.Done()
		return
	}
	changes, err := o.events.Subscribe(supervisor.EventFilter{ // what may change a pool's condition
		Types: []string{jsonrpc.EventPoolAvailable, jsonrpc.EventPoolUnavailable, jsonrpc.EventProcessExited},
	})
	if err != nil { // never: the types are there
		o.log.Error("the service manager is not told of changes", "error", err)
		<-ctx.Done()
		return
	}
	defer changes.Close()
	for {
		select {
		case <-ctx.Done():
			return
		case <-changes.Ready():
			changes.Take(1 << 10)
			o.notifyStatus("")
		}
	}
}

// feedWatchdog tells the manager twice in each interval that we are alive: that each pool can take a decision and that the ledger's
// writer moves. That workers fail, or that the disk is full, is no reason to be killed.
func (o *operator) feedWatchdog(drained <-chan struct{}) {
	if o.service.watchdog == 0 {
		return
	}
	every := o.service.watchdog / 2
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		ctx, cancel := context.WithTimeout(context.Background(), every)
		hanging := o.health.alive(ctx)
		cancel()
		if len(hanging) > 0 {
			o.log.Error("the service manager is not told that all is well", "error", hanging[0].Text)
		} else {
			o.notify("WATCHDOG=1")
		}
		select {
		case <-drained:
			return
		case <-ticker.C:
		}
	}
}

// notifyStatus tells the manager how the pools are, after state; without a state only if that is news.
func (o *operator) notifyStatus(state string) {
	o.telling.Lock()
	defer o.telling.Unlock()
	now := o.status()
	if state == "" && now == o.told {
		return
	}
	o.told = now
	o.notify(state + "STATUS=" + now)
}

func (o *operator) notify(state string) {
	if err := o.service.tell(state); err != nil {
		o.log.Warn("the service manager was not told", "error", err)
	}
}
