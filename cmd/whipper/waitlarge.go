package main

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	whipper "github.com/whipper-sidecar/whipper/sdk-go"
)

// oversizedError says that a job has ended with more than a message may hold.
type oversizedError struct {
	ID  int64
	Err error
}

func (e *oversizedError) Error() string {
	reason := e.Err.Error()
	if refused := (*jsonrpc.Error)(nil); errors.As(e.Err, &refused) {
		reason = refused.Message
	}
	return fmt.Sprintf("job %d has ended, but its outcome does not fit into a message: %s; whipper ledger show %d prints it", e.ID, reason, e.ID)
}

func (e *oversizedError) Unwrap() error { return e.Err }

// endedJobs waits for jobs and gives them in the order of the ids. Where their answer is too large it asks for either half by
// itself. A job that is too large alone is an *oversizedError, after which it goes on; any other error is
// the last.
func endedJobs(ctx context.Context, client *whipper.Client, p jsonrpc.WaitParams) iter.Seq2[*jsonrpc.Job, error] {
	return func(yield func(*jsonrpc.Job, error) bool) { eachEnded(ctx, client, p, yield) }
}

// eachEnded says whether there may be more.
func eachEnded(ctx context.Context, client *whipper.Client, p jsonrpc.WaitParams, yield func(*jsonrpc.Job, error) bool) bool {
	done, err := client.Wait(ctx, p)
	var refused *jsonrpc.Error
	switch tooLarge := errors.As(err, &refused) && refused.Code == jsonrpc.CodeMessageTooLarge; {
	case tooLarge && len(p.IDs) == 1:
		return yield(nil, &oversizedError{p.IDs[0], err})
	case tooLarge:
		first, second := p, p
		first.IDs, second.IDs = p.IDs[:len(p.IDs)/2], p.IDs[len(p.IDs)/2:]
		return eachEnded(ctx, client, first, yield) && eachEnded(ctx, client, second, yield)
	case err != nil:
		yield(nil, err)
		return false
	}
	for i := range done.Jobs {
		if !yield(&done.Jobs[i], nil) {
			return false
		}
	}
	return true
}
