// Package whipper is the Go client of a whipper supervisor: it invokes methods of workers, submits durable jobs, and reads what
// became of them.
//
// A Client speaks over the local socket of a supervisor that is running already. It talks only to one that runs as the same
// user or as root. It does not connect again by itself: when the supervisor ends, calls give ErrClosed.
//
// In a worker, Listeners gives the sockets that all workers of its pool share.
package whipper
