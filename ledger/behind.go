package ledger

import "context"

// maxPassed is how many transactions may go before an operation that gives way. It then joins the next one, so that work in the
// background gets on while the disk is never idle.
const maxPassed = 3

// doBehind is do for work in the background. It is written when nobody else waits, or after maxPassed transactions of others, in
// which case it is the last of the next; so it must be small: whoever comes meanwhile waits for it.
func (w *writer) doBehind(ctx context.Context, rows int, call func(*batch) error) error {
	return w.await(ctx, &op{kind: opCall, behind: true, call: call, rows: rows}, nil)
}

// afterCommit runs f on the writer's goroutine, with its connection and outside of a transaction, when nobody else waits.
func (w *writer) afterCommit(ctx context.Context, f func(*conn)) error {
	return w.await(ctx, &op{kind: opNothing, behind: true}, func() {
		if w.conn != nil {
			f(w.conn)
		}
	})
}

// takeBehind adds one operation that gives way to those of the next transaction, if it is its turn; mu is held. Once the ledger
// closes there is none: what gives way is answered that it came too late.
func (w *writer) takeBehind(ops []*op) []*op {
	for len(w.behind) > 0 {
		if len(ops) > 0 && w.passed < maxPassed && !w.closed {
			w.passed++
			return ops
		}
		o := w.behind[0]
		w.behind[0] = nil
		w.behind = w.behind[1:]
		w.passed = 0
		if !o.taken.CompareAndSwap(false, true) {
			continue // its caller has given up
		}
		if w.closed {
			o.answer(ErrClosed) // to a channel that has room
			continue
		}
		return append(ops, o)
	}
	w.behind = nil
	return ops
}
