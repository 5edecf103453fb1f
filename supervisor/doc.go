// Package supervisor keeps a pool of worker processes alive and hands them calls.
//
// A Pool owns its workers. Each worker has one goroutine, which starts its processes. Its state and its calls in flight belong to one owner at a
// time: that goroutine, or who brings a call or an answer (mailbox.go). A process's reader, stderr copier and waiter only bring events, marked
// with the process's incarnation so that a late one cannot touch the successor. What a worker may do next is decided by the pure machine in state.go. The pool's one claimer
// goroutine fetches ready jobs from the ledger; who gets which call is decided under the pool's lock, in dispatch.go.
//
// A call that a process had not read from its stdin when it ended is put back as if it had never been given to it: stdio.go
// counts what was read. Everything else that a process takes with it is settled in crash.go.
//
// Locks: the pool's lock may be held when a mailbox's or the ledger's queue is locked, never the other way round, and nobody
// waits for a commit under it.
//
// The package never looks into payloads, never runs a shell, and never blocks one worker on another.
package supervisor
