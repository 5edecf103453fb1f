// Package supervisor keeps a pool of worker processes alive and hands them calls.
//
// A Pool owns its workers. Each worker is one goroutine that owns its process, its state and its calls in flight; the
// process's reader, stderr copier and waiter only send it events, marked with the process's incarnation so that a late one
// cannot touch the successor. What a worker may do next is decided by the pure machine in state.go. The pool's one claimer
// goroutine fetches ready jobs from the ledger; who gets which call is decided under the pool's lock, in dispatch.go.
//
// The package never looks into payloads, never runs a shell, and never blocks one worker on another.
package supervisor
