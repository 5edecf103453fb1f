package server

import (
	"context"
	"strings"
	"time"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
	"github.com/whipper-sidecar/whipper/supervisor"
)

// Pool is what the socket needs of a *supervisor.Pool. Its methods are called from many goroutines at once.
type Pool interface {
	Name() string
	Invoke(k *jsonrpc.Cork, c supervisor.Call, done func(supervisor.Reply, error, *jsonrpc.Cork)) (cancel func())
	SubmitThen(jobs []ledger.Job, atMost time.Duration, done func([]ledger.Submitted, error))
	Submit(ctx context.Context, jobs []ledger.Job) ([]ledger.Submitted, error)
	Refuse(jobs []ledger.Job, why error)
	Cancel(ctx context.Context, ids []int64) (int, error)
	Retry(ctx context.Context, ids []int64) (int, error)
	Status() jsonrpc.Pool
	Stats() jsonrpc.PoolStats
	StatsVersion() uint64
	StatsAfter(version uint64) <-chan struct{}
	Workers() []jsonrpc.Worker
	Pause()
	Resume()
	PauseMethod(ctx context.Context, method string) error
	ResumeMethod(ctx context.Context, method string) error
	Resize(minWorkers, maxWorkers int) error
	Restart(ctx context.Context) (replaced int, err error)
}

var _ Pool = (*supervisor.Pool)(nil)

// pools are the pools of one supervisor, in the order of its configuration.
type pools []Pool

// named gives the pool that a request means: the one it names, or the only one.
func (p pools) named(name string) (Pool, error) {
	if name == "" {
		if len(p) == 1 {
			return p[0], nil
		}
		return nil, jsonrpc.Errorf(jsonrpc.CodeInvalidArgument, "pool: not given, and there are several: %s", strings.Join(p.names(), ", "))
	}
	if pool := p.find(name); pool != nil {
		return pool, nil
	}
	return nil, jsonrpc.Errorf(jsonrpc.CodeNotFound, "pool: no pool is named %q; there is %s", name, strings.Join(p.names(), ", "))
}

// find gives the pool of that name, or nil.
func (p pools) find(name string) Pool {
	for _, pool := range p {
		if pool.Name() == name {
			return pool
		}
	}
	return nil
}

func (p pools) names() []string {
	names := make([]string, len(p))
	for i, pool := range p {
		names[i] = pool.Name()
	}
	return names
}
