package works

import (
	"context"

	"github.com/whipper-sidecar/whipper/bench/ledgers"
)

// history measures what depends on how many jobs have ended.
func (b *Bench) history(ctx context.Context) error {
	return b.ledgers().History(ctx, b.sizes.history)
}

// ledger measures the ledger's start, size and writer.
func (b *Bench) ledger(ctx context.Context) error {
	return b.ledgers().Rest(ctx, b.sizes.left)
}

func (b *Bench) ledgers() ledgers.Bench {
	return ledgers.Bench{
		Report: b.report, Binary: b.binary, Dir: b.dir, Worker: b.node.whipper[0], Turns: b.sizes.turns, Jobs: b.sizes.jobs / 5,
	}
}
