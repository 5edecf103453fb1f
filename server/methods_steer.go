package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/supervisor"
)

func (s *Server) poolPause(ctx context.Context, p jsonrpc.PauseParams) (jsonrpc.Pool, error) {
	return s.setPause(ctx, p, Pool.Pause, Pool.PauseMethod)
}

func (s *Server) poolResume(ctx context.Context, p jsonrpc.PauseParams) (jsonrpc.Pool, error) {
	return s.setPause(ctx, p, Pool.Resume, Pool.ResumeMethod)
}

// setPause pauses or resumes a pool, or one of its methods, which is on record before it answers.
func (s *Server) setPause(ctx context.Context, p jsonrpc.PauseParams, all func(Pool), method func(Pool, context.Context, string) error) (jsonrpc.Pool, error) {
	pool, err := s.pools().named(p.Pool)
	if err != nil {
		return jsonrpc.Pool{}, err
	}
	if p.Method == "" {
		all(pool)
		return pool.Status(), nil
	}
	if err := checkMethod("method", p.Method); err != nil {
		return jsonrpc.Pool{}, err
	}
	if err := commit(ctx, func(ctx context.Context) error { return method(pool, ctx, p.Method) }); err != nil {
		return jsonrpc.Pool{}, err
	}
	return pool.Status(), nil
}

// poolResize leaves the bound as it is that is not given.
func (s *Server) poolResize(_ context.Context, p jsonrpc.ResizeParams) (jsonrpc.Pool, error) {
	if p.MinWorkers == 0 && p.MaxWorkers == 0 {
		return jsonrpc.Pool{}, invalid("minWorkers", "missing, and maxWorkers too; at least one of the two is wanted")
	}
	if err := firstError(checkWorkers("minWorkers", p.MinWorkers), checkWorkers("maxWorkers", p.MaxWorkers)); err != nil {
		return jsonrpc.Pool{}, err
	}
	pool, err := s.pools().named(p.Pool)
	if err != nil {
		return jsonrpc.Pool{}, err
	}
	least, most := p.MinWorkers, p.MaxWorkers
	now := pool.Status()
	if least == 0 {
		least = now.MinWorkers
	}
	if most == 0 {
		most = now.MaxWorkers
	}
	if err := pool.Resize(least, most); err != nil {
		return jsonrpc.Pool{}, err
	}
	return pool.Status(), nil
}

// mostWorkers is the most workers that a pool may be told to have: beyond it a slip of the finger is likelier than a machine.
const mostWorkers = 10_000

func checkWorkers(member string, n int) error {
	if n < 0 || n > mostWorkers {
		return invalid(member, "%d is outside 1 to %d (0 or absent: as it is)", n, mostWorkers)
	}
	return nil
}

// poolRestart answers when all workers are replaced, or when one could not be. The restart goes on if its caller goes away.
func (s *Server) poolRestart(ctx context.Context, p jsonrpc.PoolParams) (jsonrpc.RestartResult, error) {
	pool, err := s.pools().named(p.Pool)
	if err != nil {
		return jsonrpc.RestartResult{}, err
	}
	replaced, err := pool.Restart(ctx)
	var gaveUp *supervisor.RestartError
	if errors.As(err, &gaveUp) {
		return jsonrpc.RestartResult{}, restartError(gaveUp)
	}
	return jsonrpc.RestartResult{Pool: pool.Name(), Replaced: replaced}, err
}

// restartError carries how far the restart had come in data.fields.
func restartError(e *supervisor.RestartError) *jsonrpc.Error {
	wire := jsonrpc.Errorf(jsonrpc.CodeWorkerCrashed, "%v", e)
	data := wire.Details()
	data.Fields = json.RawMessage(fmt.Sprintf(`{"replaced":%d}`, e.Replaced))
	if raw, err := jsonrpc.Encode(data); err == nil { // it always has an encoding
		wire.Data = raw
	}
	return wire
}
