// Package whipper is the Go side of a whipper supervisor, both ends: a client that invokes methods of workers, submits durable jobs and reads
// what became of them, and a worker that serves methods.
//
// A Client speaks over the local socket of a supervisor: Dial connects to one that is running already, Start starts one that ends with
// this process. It talks only to one that runs as the same user or as root. When the supervisor has ended the client connects to the next.
//
// A worker is a program whose main calls Serve and that "whipper exec -- PROGRAM" starts. Listeners gives it the sockets that all workers of its
// pool share.
package whipper
