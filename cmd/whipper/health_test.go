package main

import (
	"context"
	"testing"
	"time"

	"github.com/whipper-sidecar/whipper/internal/monitor"
	"github.com/whipper-sidecar/whipper/ledger"
)

func TestAPartThatHangsIsAskedOnceHoweverOftenSomebodyWantsToKnow(t *testing.T) {
	l, err := ledger.Open(t.Context(), ledger.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	h := newHealth(l)
	release, asked := make(chan struct{}), 0
	hanging := monitor.Reason{Code: codeLedgerUnresponsive, Text: "the ledger's writer does not respond"}
	look := func() []monitor.Reason {
		asked++
		<-release
		return nil
	}
	h.mu.Lock()
	stuck := h.ask(l, hanging, look)
	for range 100 {
		if h.ask(l, hanging, look) != stuck {
			t.Fatal("it is asked again")
		}
	}
	h.mu.Unlock()
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if got := h.alive(over); len(got) != 1 || got[0] != hanging {
		t.Errorf("got %v", got)
	}
	close(release)
	<-stuck.answered
	if asked != 1 {
		t.Errorf("it was asked %d times", asked)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if got := h.alive(ctx); len(got) != 0 {
		t.Errorf("it hangs no more, but: %v", got)
	}
	if len(h.asked) != 0 {
		t.Errorf("%d questions are remembered", len(h.asked))
	}
}

func TestASupervisorWithoutPoolsIsAliveAndStarting(t *testing.T) {
	l, err := ledger.Open(t.Context(), ledger.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	h := newHealth(l)
	if got := h.ready(t.Context()); len(got) != 1 || got[0].Code != codeStarting {
		t.Errorf("ready: %v", got)
	}
	for _, when := range []string{"at the start", "at the end"} {
		if got := h.alive(t.Context()); len(got) != 0 {
			t.Errorf("%s: %v", when, got)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
