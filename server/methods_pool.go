package server

import (
	"context"

	"github.com/whipper-sidecar/whipper/jsonrpc"
)

func (s *Server) poolList(context.Context, noParams) (jsonrpc.PoolListResult, error) {
	pools := s.pools()
	list := jsonrpc.PoolListResult{Pools: make([]jsonrpc.Pool, len(pools))}
	for i, pool := range pools {
		list.Pools[i] = pool.Status()
	}
	return list, nil
}

func (s *Server) poolStats(_ context.Context, r *request, p jsonrpc.PoolStatsParams) (jsonrpc.PoolStats, error) {
	pool, err := s.pools().named(p.Pool)
	if err != nil {
		return jsonrpc.PoolStats{}, err
	}
	if !p.Follow {
		return pool.Stats(), nil
	}
	f := newFollowing(pool)
	stats := f.told
	r.around = func(answer func()) { r.session.follow(r.conn, f, answer) }
	return stats, nil
}

func (s *Server) workerList(_ context.Context, p jsonrpc.PoolParams) (jsonrpc.WorkerListResult, error) {
	pool, err := s.pools().named(p.Pool)
	if err != nil {
		return jsonrpc.WorkerListResult{}, err
	}
	workers := pool.Workers()
	if workers == nil {
		workers = []jsonrpc.Worker{} // an empty array on the wire
	}
	return jsonrpc.WorkerListResult{Workers: workers}, nil
}
