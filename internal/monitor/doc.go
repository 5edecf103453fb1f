// Package monitor serves those who watch over a supervisor, by HTTP: metrics, health and, where asked for, profiles of the process.
//
// It only tells: no request changes anything, and none has a body. What it tells it is given by functions and a handler; it knows neither
// pools nor the ledger, and has no metrics of its own. It speaks no TLS: it is meant for this machine, or for a network behind a proxy.
//
// Its goroutines are those of net/http, one for a connection, of which there are no more than mostConnections. [Server.Run] waits for them.
package monitor
