// Package jsonrpc speaks JSON-RPC 2.0, in frames of a line or behind a Content-Length, on sourcegraph/jsonrpc2, and holds the message types
// and error codes of whipper's two wires: the worker's stdio and the local socket.
//
// It finds the members of a message and hands the payloads on as the peer's own bytes: params, results, error data and meta
// are checked to be JSON and are never decoded or encoded again. It knows no pools, jobs or processes.
//
// A Conn owns three goroutines, a reader, a writer for what the peer does not take at once, and the library's watcher, and all end when it is closed.
package jsonrpc
