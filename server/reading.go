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
	case r.session.readers <- struct{}{}: // once the drain is over too: those before it wait for the peer no more then
	case <-ctx.Done():
		return ctx.Err()
	case <-r.conn.Done():
		return errPeerGone
	}
	r.reads = true
	for room := r.conn.Room(r.session.limit); room != nil; room = r.conn.Room(r.session.limit) {
		select {
		case <-room:
		case <-ctx.Done():
			return ctx.Err()
		case <-r.conn.Done():
			return errPeerGone
		case <-r.session.server.closing: // the peer may never read
			return jsonrpc.Errorf(jsonrpc.CodeShuttingDown, "%v", errShuttingDown)
		}
	}
	return nil
}

// endReading gives back what beginReading has taken, as soon as the answer is the connection's.
func (r *request) endReading() {
	if r.reads {
		r.reads = false
		<-r.session.readers
	}
}
