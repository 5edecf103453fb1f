// Package server is the local socket: it turns JSON-RPC requests into calls on the supervisor's pools and on the ledger.
//
// It decodes the envelope of a request and nothing else: a job's params and result pass through as the bytes they came in. It
// keeps no state beside the requests in flight, decides nothing about jobs, and talks to nobody but the user it runs as
// and root.
//
// Serve owns every goroutine: two per connection beside those of its jsonrpc.Conn, and one per request in flight that is no invoke. It returns
// when all of them have ended.
package server
