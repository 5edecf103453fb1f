package server

import (
	"context"

	"github.com/whipper-sidecar/whipper/jsonrpc"
)

// maxReaders is how many requests of one connection read the ledger, and encode what they have read, at the same time. One holds about as much as a
// few messages may have.
const maxReaders = 4

// beginReading waits until the request may read the ledger, whose payloads may be large: until few others of its connection do, and no more
// waits for the peer to read than one message may have. A peer that does not read holds up its own reading alone.
func (r *request) beginReading(ctx context.Context) error {
	if r.reads {
		return nil
	}
	select {
	case r.session.readers <- struct{}{}:
	default:
		if err := r.comes(ctx, r.session.readers, nil); err != nil {
			return err
		}
	}
	r.reads = true
	most := r.session.server.maxMessageSize()
	for room := r.conn.Room(most); room != nil; room = r.conn.Room(most) {
		if err := r.comes(ctx, nil, room); err != nil {
			return err
		}
	}
	return nil
}

// comes waits until it could send to put or receive from take, or the request is to end.
func (r *request) comes(ctx context.Context, put chan<- struct{}, take <-chan struct{}) error {
	select {
	case put <- struct{}{}:
		return nil
	case <-take:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-r.conn.Done():
		return errPeerGone
	case <-r.session.server.closing:
		return jsonrpc.Errorf(jsonrpc.CodeShuttingDown, "%v", errShuttingDown)
	}
}

// endReading gives back what beginReading has taken, as soon as the answer is the connection's.
func (r *request) endReading() {
	if r.reads {
		r.reads = false
		<-r.session.readers
	}
}
