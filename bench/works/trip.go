package works

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/whipper-sidecar/whipper/bench/floor"
	"github.com/whipper-sidecar/whipper/bench/peers"
	"github.com/whipper-sidecar/whipper/bench/result"
	"github.com/whipper-sidecar/whipper/bench/sidecar"
)

// trip measures calls one after the other.
func (b *Bench) trip(ctx context.Context) error {
	n := b.sizes.trips
	w := b.report.Work("invoke at depth 1", fmt.Sprintf("%d calls, one after the other, one worker; beside the same calls to the same worker on bare pipes", n))
	var all []*result.Contender
	pair := func(language string, worker worker) (ours, bare *result.Contender) {
		ours = b.ours("Go client, "+language+" worker", worker, 1, 1, func(ctx context.Context, s *sidecar.Supervisor) (result.Figures, error) {
			one := func() error { return call(ctx, s.Client, "echo", json.RawMessage(`[1]`)) }
			if _, err := trips(n/5, one); err != nil { // until all is warm
				return nil, err
			}
			times, err := trips(n, one)
			if err != nil {
				return nil, err
			}
			return result.Trips(times), nil
		})
		bare = beneath("bare pipes, "+language, func(ctx context.Context) (result.Figures, error) {
			p, err := floor.StartPipe(ctx, worker.bare, 0)
			if err != nil {
				return nil, err
			}
			defer p.End()
			if _, err := p.PingPong(n / 5); err != nil {
				return nil, err
			}
			times, err := p.PingPong(n)
			if err != nil {
				return nil, err
			}
			return result.Trips(times), nil
		})
		all = append(all, ours, bare)
		return ours, bare
	}
	node, nodePipe := pair("Node", b.node)
	python, pythonPipe := pair("Python", b.python)
	golang, goPipe := pair("Go", b.golang)
	settings := peers.Settings{Calls: n, Depth: 1, Workers: 1, Concurrency: 1}
	client := b.nodeClient().Contender("Node client and worker", "invoke", settings)
	pythonClient := b.pythonClient().Contender("Python client and worker", "invoke", settings)
	others := b.others(ctx, "invoke", settings)
	if err := w.Take(ctx, b.sizes.turns, append(append(all, client, pythonClient), others...)...); err != nil {
		return err
	}
	for _, pair := range [][2]*result.Contender{{node, nodePipe}, {python, pythonPipe}, {golang, goPipe}, {client, nodePipe}, {pythonClient, pythonPipe}} {
		w.Compare(pair[0].Name, result.P50, pair[1].Name, 2.5)
		w.Compare(pair[0].Name, result.P99, pair[1].Name, 4)
	}
	for _, other := range others {
		beside := client
		if other.Name == "ProcessPoolExecutor" {
			beside = pythonClient
		}
		w.Compare(beside.Name, result.P50, other.Name, 0)
	}
	return nil
}
