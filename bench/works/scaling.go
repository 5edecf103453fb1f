package works

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/whipper-sidecar/whipper/bench/peers"
	"github.com/whipper-sidecar/whipper/bench/result"
	"github.com/whipper-sidecar/whipper/bench/sidecar"
)

// scaling measures what a second worker brings where the work keeps a processor busy.
func (b *Bench) scaling(ctx context.Context) error {
	const underWay = 8
	n := b.sizes.burns
	w := b.report.Work("CPU-bound calls", fmt.Sprintf("%d calls of about 2 ms, %d under way by the Go client, Node workers with one call each", n, underWay))
	with := func(name string, workers int) *result.Contender {
		return b.ours(name, b.node, workers, 1, func(ctx context.Context, s *sidecar.Supervisor) (result.Figures, error) {
			one := func() error { return call(ctx, s.Client, "spin", json.RawMessage(`[7]`)) }
			if _, err := flood(50, underWay, one); err != nil { // until all is warm
				return nil, err
			}
			rate, err := flood(n, underWay, one)
			return result.Figures{result.Rate: rate}, err
		})
	}
	two, one := with("2 workers", 2), with("whipper with 1 worker", 1)
	others := b.others(ctx, "cpu", peers.Settings{Calls: n, Depth: underWay, Workers: 2, Concurrency: 1})
	if err := w.Take(ctx, b.sizes.slowTurns, append([]*result.Contender{two, one}, others...)...); err != nil {
		return err
	}
	w.Compare(two.Name, result.Rate, one.Name, 1.9)
	for _, other := range others {
		w.Compare(two.Name, result.Rate, other.Name, 0)
	}
	return nil
}
