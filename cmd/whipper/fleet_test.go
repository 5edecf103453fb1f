package main

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
	"github.com/whipper-sidecar/whipper/server"
	"github.com/whipper-sidecar/whipper/supervisor"
)

// idleMember is a pool that is not started, of a fleet.
func idleMember(t *testing.T, l *ledger.Ledger, name string) *member {
	t.Helper()
	p, err := supervisor.NewPool(l, supervisor.Options{Pool: name, Command: []string{"true"}})
	if err != nil {
		t.Fatal(err)
	}
	return &member{Pool: p, plan: &plan{}, ended: make(chan struct{})}
}

// A SIGHUP may bring a pool when the drain has begun, and a client may be quicker than the server's refusal.
func TestWhoCallsAPoolThatComesWhenTheFleetDrainsIsAnswered(t *testing.T) {
	l, err := ledger.Open(t.Context(), ledger.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var running sync.WaitGroup
	f := &fleet{ledger: l, log: slog.New(slog.DiscardHandler), added: func() { t.Error("the scheduler is told of it") }, run: func(run func() error) {
		running.Go(func() {
			if err := run(); err != nil {
				t.Error(err)
			}
		})
	}}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	f.drained(ctx)
	late := idleMember(t, l, "late")
	f.add([]*member{late})
	answered := make(chan error, 1)
	late.Invoke(nil, supervisor.Call{Method: "m"}, func(r supervisor.Reply, err error, _ *jsonrpc.Cork) {
		if err == nil && r.Error != nil {
			err = r.Error
		}
		answered <- err
	})
	f.start(ctx, late)
	running.Wait()
	select { // the call may have waited for its id, and come after the drain
	case err := <-answered:
		if e := jsonrpc.AsError(err); err == nil || e.Code != jsonrpc.CodeShuttingDown {
			t.Errorf("answered with %v", err)
		}
	case <-time.After(patience):
		t.Error("nobody answers")
	}
	<-late.ended
	if forks := late.Stats().Workers.ForkCount; forks != 0 {
		t.Errorf("%d processes were started for nothing", forks)
	}
}

func TestPoolsThatEndAtTheSameTimeAreAllForgotten(t *testing.T) {
	l, err := ledger.Open(t.Context(), ledger.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var members []*member
	for i := range 4 {
		members = append(members, idleMember(t, l, fmt.Sprintf("p%d", i)))
	}
	for range 200 {
		f := &fleet{}
		f.add(members)
		var mu sync.Mutex
		served := len(members)
		r := &reloader{fleet: f, serve: func(pools []server.Pool, _ int) {
			runtime.Gosched()
			mu.Lock()
			defer mu.Unlock()
			served = len(pools)
		}}
		var ending sync.WaitGroup
		for _, m := range members {
			ending.Go(func() { r.forget(m) })
		}
		ending.Wait()
		if served != 0 {
			t.Fatalf("clients still find %d pools that have ended", served)
		}
	}
}

func TestAPoolThatTheFileDoesNotHaveAnyMoreIsNotSaidToServe(t *testing.T) {
	l, err := ledger.Open(t.Context(), ledger.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	stays, goes := idleMember(t, l, "stays"), idleMember(t, l, "goes")
	goes.stop = func(error) {}
	f := &fleet{}
	f.add([]*member{goes, stays})
	goes.remove()
	s := &supervision{file: &configuration{}}
	if pools := s.readiness(f, "").Pools; len(pools) != 1 || pools[0].Pool != "stays" {
		t.Errorf("%+v are said to serve", pools)
	}
}
