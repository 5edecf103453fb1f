package main

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/whipper-sidecar/whipper/internal/monitor"
	"github.com/whipper-sidecar/whipper/ledger"
)

// Codes of reasons, for programs. They are part of what is served.
const (
	codeStarting           = "starting"
	codeDraining           = "draining"
	codeLedgerFailing      = "ledgerFailing"
	codeLedgerUnresponsive = "ledgerUnresponsive"
	codePoolDegraded       = "poolDegraded"
	codePoolNotServing     = "poolNotServing"
	codePoolUnresponsive   = "poolUnresponsive"
)

// health finds out how a supervisor is, for the service manager's watchdog and for those who ask by HTTP.
type health struct {
	ledger *ledger.Ledger

	mu     sync.Mutex
	fleet  *fleet          // nil: there are no pools yet
	ending <-chan struct{} // closed when the drain begins
	asked  map[any]*inquiry
}

// inquiry is a question to a part, the ledger or a pool, which may hang.
type inquiry struct {
	answered chan struct{}
	reasons  []monitor.Reason // the answer: why the part is not ready
	hanging  monitor.Reason   // what is told as long as there is none
}

func newHealth(l *ledger.Ledger) *health { return &health{ledger: l, asked: map[any]*inquiry{}} }

// watch has the pools be looked at from now on, until ending is closed.
func (h *health) watch(f *fleet, ending <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fleet, h.ending = f, ending
}

// alive says which of the parts that everything waits for do not move: each pool must be able to take a decision, and the ledger's writer
// must come round, before ctx ends. That workers fail, or that the disk is full, is no reason.
func (h *health) alive(ctx context.Context) []monitor.Reason {
	hanging, _ := h.inquire(ctx)
	return hanging
}

// ready says why nobody should count on the supervisor.
func (h *health) ready(ctx context.Context) []monitor.Reason {
	h.mu.Lock()
	starting, ending := h.fleet == nil, h.ending
	h.mu.Unlock()
	if starting {
		return []monitor.Reason{{Code: codeStarting, Text: "the supervisor is starting"}}
	}
	select {
	case <-ending:
		return []monitor.Reason{{Code: codeDraining, Text: "the supervisor drains"}}
	default:
	}
	hanging, unready := h.inquire(ctx)
	if err := h.ledger.Err(); err != nil {
		unready = append(unready, monitor.Reason{Code: codeLedgerFailing, Text: firstLine(err.Error())})
	}
	return append(hanging, unready...)
}

// inquire asks all parts at once, and says which have not answered when ctx ends, and why others are not ready.
func (h *health) inquire(ctx context.Context) (hanging, unready []monitor.Reason) {
	for _, i := range h.inquiries() {
		select {
		case <-i.answered:
		case <-ctx.Done():
		}
		select {
		case <-i.answered:
			unready = append(unready, i.reasons...)
		default:
			hanging = append(hanging, i.hanging)
		}
	}
	return hanging, unready
}

// inquiries are one to each part. One that has no answer yet is asked no second time, however often somebody wants to know.
func (h *health) inquiries() []*inquiry {
	h.mu.Lock()
	defer h.mu.Unlock()
	hanging := monitor.Reason{Code: codeLedgerUnresponsive, Text: "the ledger's writer does not respond"}
	all := []*inquiry{h.ask(h.ledger, hanging, func() []monitor.Reason {
		_ = h.ledger.Responds(context.Background()) // that it is closed is no reason
		return nil
	})}
	if h.fleet == nil {
		return all
	}
	for _, m := range h.fleet.all() {
		hanging := monitor.Reason{Code: codePoolUnresponsive, Pool: m.Name(), Text: fmt.Sprintf("the lock of pool %q is held", m.Name())}
		all = append(all, h.ask(m, hanging, func() []monitor.Reason {
			_ = m.Responds(context.Background()) // only its context could end it
			return m.unready()
		}))
	}
	return all
}

// ask asks a part unless it has been asked and has not answered; mu is held.
func (h *health) ask(part any, hanging monitor.Reason, look func() []monitor.Reason) *inquiry {
	if i := h.asked[part]; i != nil {
		return i
	}
	i := &inquiry{answered: make(chan struct{}), hanging: hanging}
	h.asked[part] = i
	go func() { // ends when the part moves again
		i.reasons = look()
		h.mu.Lock()
		delete(h.asked, part)
		h.mu.Unlock()
		close(i.answered)
	}()
	return i
}

// unready says why nobody should count on the pool. One that the file does not have any more is nobody's concern.
func (m *member) unready() []monitor.Reason {
	state, reason := m.Condition()
	switch {
	case state == "draining":
		return nil
	case state == "degraded": // what its workers print may be a secret, and stays out
		return []monitor.Reason{{Code: codePoolDegraded, Pool: m.Name(), Text: strings.TrimSuffix(firstLine(reason), "; it printed:")}}
	case state == "starting":
		return []monitor.Reason{{Code: codeStarting, Pool: m.Name(), Text: "no worker is ready yet"}}
	case !m.Serving():
		return []monitor.Reason{{Code: codePoolNotServing, Pool: m.Name(), Text: "no worker takes calls"}}
	}
	return nil
}
