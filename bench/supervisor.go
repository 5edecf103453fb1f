package main

import (
	"bufio"
	"context"
	"fmt"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"

	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

// supervisor is a whipper exec with Node workers that is ready, and a client of it.
type supervisor struct {
	cmd    *exec.Cmd
	client *whipper.Client
}

func startSupervisor(ctx context.Context, binary, dir string, workers, calls int) (*supervisor, error) {
	ready, told, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer ready.Close()
	n := strconv.Itoa(workers)
	cmd := exec.CommandContext(ctx, binary, "exec", "--dir", dir, "--ready-fd", "3", "--min-workers", n, "--max-workers", n,
		"--max-concurrent-calls", strconv.Itoa(calls), "--log-level", "error", filepath.Join("bench", "worker.mjs"))
	cmd.ExtraFiles = []*os.File{told}
	err = cmd.Start()
	_ = told.Close() // the supervisor has it
	if err != nil {
		return nil, err
	}
	s := &supervisor{cmd: cmd}
	if _, err := bufio.NewReader(ready).ReadString('\n'); err != nil {
		_ = s.end() // it has ended already
		return nil, fmt.Errorf("whipper exec did not get ready: %w", err)
	}
	if s.client, err = whipper.Dial(ctx, whipper.Options{Dir: dir, Once: true}); err != nil {
		_ = s.end() // the first error says more
		return nil, err
	}
	return s, nil
}

// end has it drain.
func (s *supervisor) end() error {
	if s.client != nil {
		_ = s.client.Close()
	}
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	return s.cmd.Wait()
}

// serving are the ids of the processes that serve.
func (s *supervisor) serving(ctx context.Context) ([]int, error) {
	list, err := s.client.Workers(ctx, whipper.PoolParams{})
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, w := range list.Workers {
		if w.State == "processing" {
			pids = append(pids, w.PID)
		}
	}
	return pids, nil
}

// allServe waits until n workers do.
func (s *supervisor) allServe(ctx context.Context, n int) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	events, err := s.client.Events(ctx, whipper.EventFilter{Types: []string{whipper.EventStateChanged}})
	if err != nil {
		return err
	}
	next, stop := iter.Pull2(events)
	defer stop()
	for {
		pids, err := s.serving(ctx)
		if err != nil || len(pids) >= n {
			return err
		}
		if _, err, ok := next(); err != nil || !ok {
			return err
		}
	}
}
