// Package sidecar starts a whipper that is measured, and looks at its process.
package sidecar

import (
	"bufio"
	"context"
	"fmt"
	"iter"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"syscall"

	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

// Options say what whipper exec is started.
type Options struct {
	Binary  string
	Dir     string
	Workers int
	Calls   int      // that a worker gets at once
	Worker  []string // the script, or "--" and a command
	Env     []string // added to this process's
}

// Supervisor is a whipper exec that is ready, and a client of it.
type Supervisor struct {
	Client *whipper.Client
	Dir    string
	cmd    *exec.Cmd
}

// Start starts one with a fixed number of workers, and returns when the first of them is ready.
func Start(ctx context.Context, o Options) (*Supervisor, error) {
	ready, told, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer ready.Close()
	n := strconv.Itoa(o.Workers)
	args := []string{
		"exec", "--dir", o.Dir, "--exit-with-parent", "--ready-fd", "3", "--min-workers", n, "--max-workers", n,
		"--max-concurrent-calls", strconv.Itoa(o.Calls), "--log-level", "error",
	}
	cmd := exec.CommandContext(ctx, o.Binary, slices.Concat(args, o.Worker)...)
	cmd.Env = append(os.Environ(), o.Env...)
	cmd.ExtraFiles = []*os.File{told}
	if _, err = cmd.StdinPipe(); err == nil { // ends with this process, and so does the supervisor
		err = cmd.Start()
	}
	_ = told.Close() // the supervisor has it
	if err != nil {
		return nil, err
	}
	s := &Supervisor{Dir: o.Dir, cmd: cmd}
	if _, err := bufio.NewReader(ready).ReadString('\n'); err != nil {
		_ = s.End() // it has ended already
		return nil, fmt.Errorf("whipper exec did not get ready: %w", err)
	}
	if s.Client, err = whipper.Dial(ctx, whipper.Options{Dir: o.Dir, Once: true}); err != nil {
		_ = s.End() // the first error says more
		return nil, err
	}
	return s, nil
}

// PID is the supervisor's process id.
func (s *Supervisor) PID() int { return s.cmd.Process.Pid }

// End has it drain.
func (s *Supervisor) End() error {
	if s.Client != nil {
		_ = s.Client.Close()
	}
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	return s.cmd.Wait()
}

// Serving are the ids of the worker processes that serve.
func (s *Supervisor) Serving(ctx context.Context) ([]int, error) {
	list, err := s.Client.Workers(ctx, whipper.PoolParams{})
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

// AllServe waits until n workers do.
func (s *Supervisor) AllServe(ctx context.Context, n int) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	events, err := s.Client.Events(ctx, whipper.EventFilter{Types: []string{whipper.EventStateChanged}})
	if err != nil {
		return err
	}
	next, stop := iter.Pull2(events)
	defer stop()
	for {
		pids, err := s.Serving(ctx)
		if err != nil || len(pids) >= n {
			return err
		}
		if _, err, ok := next(); err != nil || !ok {
			return err
		}
	}
}
