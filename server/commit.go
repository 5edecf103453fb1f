package server

import (
	"context"
	"errors"
	"time"

	"github.com/whipper-sidecar/whipper/jsonrpc"
)

// commitAtMost bounds each wait for the disk that its caller cannot end: a session, and so the server, ends no sooner than its
// requests, and a disk that fails may do so for ever.
const commitAtMost = 10 * time.Second

// commit makes a change of the ledger that is not cut short when its caller goes away.
func commit(ctx context.Context, change func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitAtMost)
	defer cancel()
	err := change(ctx)
	var e *jsonrpc.Error
	if err == nil || ctx.Err() == nil || errors.As(err, &e) {
		return err
	}
	return unknownOutcome(err)
}

// uncommitted is the error of a change that was given commitAtMost.
func uncommitted(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return unknownOutcome(err)
	}
	return err
}

func unknownOutcome(err error) error {
	return jsonrpc.Errorf(jsonrpc.CodeLedger, "the ledger was not written within %v, and whether it will be is unknown: %v", commitAtMost, err)
}
