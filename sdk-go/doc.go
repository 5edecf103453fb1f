// Package whipper is the Go side of a whipper supervisor, both ends: a client that invokes methods of workers, submits durable jobs and reads
// what became of them, and a worker that serves methods.
//
// A Client speaks over the local socket of a supervisor that is running already. It talks only to one that runs as the same
// user or as root. It does not connect again by itself: when the supervisor ends, calls give ErrClosed.
//
// A worker is a program whose main calls Serve and that "whipper exec -- PROGRAM" starts. Listeners gives it the sockets that all workers of its
// pool share.
package whipper
