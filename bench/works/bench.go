// Package works does what the bench measures: each part is a file, and tells a result.Report.
package works

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"github.com/whipper-sidecar/whipper/bench/peers"
	"github.com/whipper-sidecar/whipper/bench/result"
	"github.com/whipper-sidecar/whipper/bench/sidecar"
)

// Bench is a run of the bench. Its methods are the parts.
type Bench struct {
	sizes  Sizes
	report *result.Report
	binary string // the whipper that is measured
	sink   string // the program bench/collector
	dir    string // for everything that is written
	peers  []*gathered

	node, python, golang worker
}

// worker is a program that echoes, in one of the languages.
type worker struct {
	whipper []string // how whipper exec is told of it
	bare    []string // how it is started without whipper
}

// New builds the whipper that is measured, the worker that is a program and the collector.
func New(ctx context.Context, dir string, s Sizes, r *result.Report) (*Bench, error) {
	b := &Bench{sizes: s, report: r, binary: filepath.Join(dir, "whipper"), sink: filepath.Join(dir, "collector"), dir: dir}
	program := filepath.Join(dir, "echo")
	for output, source := range map[string]string{b.binary: "./cmd/whipper", b.sink: "./bench/collector", program: "./bench/workers/echo"} {
		if out, err := exec.CommandContext(ctx, "go", "build", "-o", output, source).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("build %s: %w\n%s", source, err, out)
		}
	}
	script := func(name string) string { return filepath.Join("bench", "workers", name) }
	b.node = worker{[]string{script("echo.mjs")}, []string{"node", "sdk-node/src/worker/main.mjs", script("echo.mjs")}}
	b.python = worker{[]string{script("echo.py")}, []string{"python3", "sdk-python/src/whipper/__main__.py", script("echo.py")}}
	b.golang = worker{[]string{"--", program}, []string{program}}
	return b, nil
}

// Gather finds the peers. Each is installed when a part first needs it, but for a quick run, which leaves those out that are not.
func (b *Bench) Gather(quick bool) error {
	found, err := peers.Find(filepath.Join("bench", "peers"))
	for _, p := range found {
		if !quick || p.Installed() {
			b.peers = append(b.peers, &gathered{Peer: p, ready: quick})
		}
	}
	return err
}

// gathered is a peer, and whether it has been installed in this run.
type gathered struct {
	peers.Peer
	ready bool
}

// others are the peers that can do a work.
func (b *Bench) others(ctx context.Context, work string, s peers.Settings) []*result.Contender {
	var all []*result.Contender
	for _, p := range b.peers {
		if !slices.Contains(p.Works, work) {
			continue
		}
		if !p.ready {
			b.report.Progress("installing " + p.Name)
			if err := p.Setup(ctx); err != nil {
				p.Missing = err.Error()
			}
			p.ready = true
		}
		all = append(all, p.Contenders(work, s)...)
	}
	return all
}

// with has a supervisor for as long as do takes, on a new ledger. env is added to its environment.
func (b *Bench) with(
	ctx context.Context, w worker, workers, calls int, env []string, do func(*sidecar.Supervisor) (result.Figures, error),
) (f result.Figures, err error) {
	dir, err := os.MkdirTemp(b.dir, "")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	s, err := sidecar.Start(ctx, sidecar.Options{Binary: b.binary, Dir: dir, Workers: workers, Calls: calls, Worker: w.whipper, Env: env})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.End()) }()
	if err := s.AllServe(ctx, workers); err != nil {
		return nil, err
	}
	return do(s)
}

// ours is whipper's way to do a work with a supervisor of its own.
func (b *Bench) ours(name string, w worker, workers, calls int, do func(context.Context, *sidecar.Supervisor) (result.Figures, error)) *result.Contender {
	return &result.Contender{Name: name, Kind: result.Ours, Run: func(ctx context.Context) (result.Figures, error) {
		return b.with(ctx, w, workers, calls, nil, func(s *sidecar.Supervisor) (result.Figures, error) { return do(ctx, s) })
	}}
}

// beneath is a floor.
func beneath(name string, run func(context.Context) (result.Figures, error)) *result.Contender {
	return &result.Contender{Name: name, Kind: result.Floor, Run: run}
}
