package works

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/whipper-sidecar/whipper/bench/floor"
	"github.com/whipper-sidecar/whipper/bench/result"
	"github.com/whipper-sidecar/whipper/bench/sidecar"
)

const (
	payloadSize  = 1 << 20
	payloadDepth = 4 // calls under way
)

// payload measures calls whose params and result are large.
func (b *Bench) payload(ctx context.Context) error {
	n := b.sizes.payloads
	w := b.report.Work("1 MiB payload echo", fmt.Sprintf("%d calls, %d under way, one Node worker; bytes are counted once, though they go there and back", n, payloadDepth))
	params := append(append([]byte(`["`), bytes.Repeat([]byte("x"), payloadSize)...), `"]`...)
	through := func(took time.Duration) float64 { return float64(n*payloadSize) / took.Seconds() }
	whippers := b.ours("whipper", b.node, 1, payloadDepth, func(ctx context.Context, s *sidecar.Supervisor) (result.Figures, error) {
		before, err := sidecar.UsageOf(s.PID())
		if err != nil {
			return nil, err
		}
		began := time.Now()
		if _, err := flood(n, payloadDepth, func() error { return call(ctx, s.Client, "echo", params) }); err != nil {
			return nil, err
		}
		took := time.Since(began)
		after, err := sidecar.UsageOf(s.PID())
		return result.Figures{result.Throughput: through(took), result.Memory: float64(after.Peak - before.Memory)}, err
	})
	pipes := beneath("bare pipes", func(ctx context.Context) (result.Figures, error) {
		p, err := floor.StartPipe(ctx, b.node.bare, 2*payloadSize)
		if err != nil {
			return nil, err
		}
		defer p.End()
		began := time.Now()
		err = p.Pipelined(n, payloadDepth, "echo", params)
		return result.Figures{result.Throughput: through(time.Since(began))}, err
	})
	if err := w.Take(ctx, b.sizes.turns, whippers, pipes); err != nil {
		return err
	}
	flight := &result.Contender{Name: "params and results under way", Kind: result.Floor}
	for range whippers.Turns {
		flight.Turns = append(flight.Turns, result.Figures{result.Memory: 2 * payloadDepth * payloadSize})
	}
	w.Contenders = append(w.Contenders, flight)
	w.Compare(whippers.Name, result.Throughput, pipes.Name, 0.5)
	w.Compare(whippers.Name, result.Memory, flight.Name, 0)
	return nil
}
