package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"

	"github.com/whipper-sidecar/whipper/internal/config"
	"github.com/whipper-sidecar/whipper/internal/monitor"
)

// envHTTPToken has the token of --http. There is no such flag: whoever lists processes would see it.
const envHTTPToken = "WHIPPER_HTTP_TOKEN"

// monitorOptions are what the settings say of --http, which is made sure of; nil: it is off. The token is taken out of the environment, so that no worker gets it.
func monitorOptions(ctx context.Context, whole *config.Supervisor) (*monitor.Options, error) {
	text, inEnvironment := os.LookupEnv(envHTTPToken)
	if err := os.Unsetenv(envHTTPToken); err != nil {
		return nil, fmt.Errorf("unset %s: %w", envHTTPToken, err)
	}
	if whole.HTTP == "" {
		return nil, nil
	}
	o := &monitor.Options{Address: whole.HTTP, Hosts: whole.HTTPHosts, Profiles: whole.HTTPProfiles}
	var err error
	switch {
	case inEnvironment && whole.HTTPTokenFile != "":
		return nil, misuse("keep one of the two", "the token of --http is given twice: by --http-token-file and by %s", envHTTPToken)
	case inEnvironment:
		if o.Token, err = monitor.ParseToken(text); err != nil {
			return nil, misuse(newToken, "%s: %w", envHTTPToken, err)
		}
	case whole.HTTPTokenFile != "":
		if o.Token, err = monitor.ReadToken(whole.HTTPTokenFile); err != nil {
			return nil, misuse(newToken+" >FILE", "--http-token-file: %w", err)
		}
	}
	if err := o.Check(ctx); err != nil {
		return nil, monitorFailure(err)
	}
	return o, nil
}

// newToken is the hint of a token that cannot be used.
const newToken = "openssl rand -hex 32 makes one"

// startMonitor has those who ask by HTTP be answered until stop is called. Health is told from now on, when it is starting.
func (s *supervision) startMonitor(ctx context.Context, h *health) (stop func(), err error) {
	if s.monitor == nil {
		return func() {}, nil
	}
	o := *s.monitor
	o.Alive, o.Ready, o.Logger = h.alive, h.ready, s.log
	m, err := monitor.Listen(ctx, o)
	if err != nil {
		return nil, monitorFailure(err)
	}
	s.http = m.Address()
	s.log.Info("metrics and health are served by HTTP", "address", s.http)
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // the drain is told, too
	var running sync.WaitGroup
	running.Go(func() { m.Run(ctx) })
	return func() {
		cancel()
		running.Wait()
	}, nil
}

// monitorFailure gives the error of an address that cannot be listened on its exit code and a hint.
func monitorFailure(err error) error {
	f := &failure{Err: fmt.Errorf("--http: %w", err), Code: exitFailed}
	var exposed *monitor.ExposedError
	switch {
	case errors.As(err, &exposed):
		f.Code = exitUsage
		f.Hint = "listen on 127.0.0.1, or have a token wanted: --http-token-file FILE, or " + envHTTPToken + " in the environment"
	case errors.Is(err, syscall.EADDRINUSE):
		f.Hint = "stop who listens there (ss -ltnp shows that), or choose another --http; port 0 is one that is free"
	case errors.Is(err, syscall.EACCES):
		f.Hint = "ports below 1024 need root or CAP_NET_BIND_SERVICE"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		f.Hint = "this machine does not have that address; :PORT, with a token, is all that it has"
	}
	return f
}
