package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"reflect"

	"github.com/whipper-sidecar/whipper/internal/config"
	"github.com/whipper-sidecar/whipper/internal/filewatch"
	"github.com/whipper-sidecar/whipper/internal/telemetry"
	"github.com/whipper-sidecar/whipper/supervisor"
)

// plan is a pool that is to run: its settings, and what they come to.
type plan struct {
	settings *config.Pool
	program  program
	account  *supervisor.Account // of the workers; nil: our own
	env      []string            // of the workers, but for what the supervisor adds
	options  supervisor.Options  // but for Command and Env, which are set when it is known where the supervisor is

	interpreter string // of a script
	fault       error  // why it is not known yet what is to be run
}

// newPlan works out everything but what is to be run. What is wrong is a *poolFault.
func newPlan(settings *config.Pool) (*plan, error) {
	account, err := settings.Process.Account()
	if err != nil {
		return nil, &poolFault{settings, "user", misuse(seeExec, "--user: %w", err)}
	}
	if account != nil { // before anything of that user's runs
		if err := supervisor.CloseOnExec(3); err != nil {
			return nil, err
		}
	}
	env, err := settings.Environ(telemetry.WorkerEnviron(os.Environ()))
	if err != nil {
		return nil, &poolFault{settings, "env-file", &failure{Code: exitUsage, Err: err}}
	}
	if err := settings.ReadHandshake(); err != nil {
		return nil, &poolFault{settings, "handshake-file", misuse("docs/workers.md shows what a handshake file looks like", "%w", err)}
	}
	p := &plan{settings: settings, account: account, env: env, options: settings.Options}
	p.options.Version = version
	return p, nil
}

// inspect looks for what the settings name besides what is run. What is wrong is a *poolFault.
func (p *plan) inspect() error {
	s := p.settings
	if err := filewatch.Check(s.Watch); err != nil {
		return &poolFault{s, "watch", badGlob(err)}
	}
	if info, err := os.Stat(s.Dir); s.Dir != "" && (err != nil || !info.IsDir()) {
		return &poolFault{s, "cwd", &failure{Code: exitCannotRun, Err: fmt.Errorf("--cwd: there is no folder %s", s.Dir)}}
	}
	if folder := filepath.Dir(s.WorkerLog); toFile(s) && !isDir(folder) {
		return &poolFault{s, "worker-log", &failure{Code: exitUsage, Err: fmt.Errorf("--worker-log: there is no folder %s", folder)}}
	}
	return nil
}

// check makes sure of a script's interpreter, if that is not known to be in vain.
func (p *plan) check(ctx context.Context) {
	if p.fault == nil {
		p.interpreter, p.fault = p.program.check(ctx, p.account)
	}
}

// settle completes the options. What is not known yet is looked for anew with each process that is to be started, until ctx ends.
func (p *plan) settle(ctx context.Context, at *place) error {
	p.options.Env = p.env
	if p.account == nil { // another user cannot get there
		p.options.Env = supervisor.Environ(p.env, "WHIPPER_SOCKET="+at.socket, "WHIPPER_DIR="+at.dir)
	}
	if p.fault == nil {
		var err error
		p.options.Command, err = p.command(at)
		return err
	}
	p.options.Resolve = func() ([]string, error) {
		again := plan{settings: p.settings, account: p.account}
		again.program, again.fault = findProgram(p.settings)
		if again.check(ctx); again.fault != nil {
			return nil, again.fault
		}
		return again.command(at)
	}
	return nil
}

func (p *plan) command(at *place) ([]string, error) {
	at.unpacking.Lock()
	defer at.unpacking.Unlock()
	return p.program.command(at.dir, p.interpreter, p.account)
}

// changes names the settings that are different in another plan for the same pool.
func (p *plan) changes(other *plan) []string {
	names := p.settings.Changes(other.settings)
	if len(names) > 0 {
		return names
	}
	if !reflect.DeepEqual(p.env, other.env) {
		names = append(names, "the content of env-file")
	}
	if !reflect.DeepEqual(p.options.Custom, other.options.Custom) {
		names = append(names, "the content of handshake-file")
	}
	if !reflect.DeepEqual(p.account, other.account) {
		names = append(names, fmt.Sprintf("what user %s means", p.settings.Process.User))
	}
	if !reflect.DeepEqual(p.program, other.program) || p.interpreter != other.interpreter {
		names = append(names, "what is found to run")
	}
	return names
}
