package works

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/whipper-sidecar/whipper/bench/peers"
	"github.com/whipper-sidecar/whipper/bench/result"
	"github.com/whipper-sidecar/whipper/bench/sidecar"
)

// nodeClient and pythonClient are whipper's clients in other languages, run as peers are.
func (b *Bench) nodeClient(args ...string) peers.Program {
	return peers.Program{Command: []string{"node", "bench/clients/node.mjs"}, Args: args, Env: []string{"WHIPPER_BIN=" + b.binary}}
}

func (b *Bench) pythonClient(args ...string) peers.Program {
	return peers.Program{Command: []string{"python3", "bench/clients/python.py"}, Args: args, Env: []string{"WHIPPER_BIN=" + b.binary}}
}

// invoke measures calls with many under way on one connection.
func (b *Bench) invoke(ctx context.Context) error {
	n := b.sizes.calls
	w := b.report.Work("invoke", fmt.Sprintf("%d calls, %d under way on one connection, 2 workers × %d calls where nothing else is said; whipper keeps each call and its outcome in its ledger, of which the peers have none",
		n, depth, pipeline))
	settings := peers.Settings{Calls: n, Depth: depth, Workers: 2, Concurrency: pipeline}
	wide := settings
	wide.Concurrency = depth / 2
	node := b.nodeClient().Contender("Node client and worker", "invoke", settings)
	nodeWide := b.nodeClient().Contender(fmt.Sprintf("Node client and worker, %d calls a worker", wide.Concurrency), "invoke", wide)
	python := b.pythonClient().Contender("Python client and worker", "invoke", settings)
	tasks := b.pythonClient("--asyncio").Contender("Python client with asyncio and worker", "invoke", settings)
	flooded := func(ctx context.Context, s *sidecar.Supervisor) (result.Figures, error) {
		one := func() error { return call(ctx, s.Client, "echo", json.RawMessage(`[1]`)) }
		if _, err := flood(n/10, depth, one); err != nil { // until all is warm
			return nil, err
		}
		rate, err := flood(n, depth, one)
		return result.Figures{result.Rate: rate}, err
	}
	goToNode := b.ours("Go client, Node worker", b.node, 2, pipeline, flooded)
	goToGo := b.ours("Go client and worker", b.golang, 2, pipeline, flooded)
	others := b.others(ctx, "invoke", settings)
	contenders := append([]*result.Contender{node, nodeWide, python, tasks, goToNode, goToGo}, others...)
	if err := w.Take(ctx, b.sizes.turns, contenders...); err != nil {
		return err
	}
	targets := map[string]float64{"jest-worker": 1.2, "workerpool": 1.2}
	for _, other := range others {
		if other.Name == "ProcessPoolExecutor" {
			w.Compare(python.Name, result.Rate, other.Name, 0)
			w.Compare(tasks.Name, result.Rate, other.Name, 0)
			continue
		}
		w.Compare(node.Name, result.Rate, other.Name, targets[other.Name])
		w.Compare(nodeWide.Name, result.Rate, other.Name, 0)
	}
	for _, c := range []*result.Contender{node, nodeWide, python, tasks, goToNode, goToGo} {
		w.Hold(c.Name, result.Rate, 0)
	}
	return nil
}
