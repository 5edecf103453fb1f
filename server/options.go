package server

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
	"github.com/whipper-sidecar/whipper/supervisor"
)

// Options of a Server.
type Options struct {
	// Ledger answers job.get, job.list and job.wait. Required; the caller closes it after Serve has returned.
	Ledger *ledger.Ledger

	// Pools take the work. At least one, with different names; the caller runs and drains them.
	Pools []Pool

	// PoolsDrained is closed by the caller when the drain of all pools is over: requests that wait for a job then stop waiting. Nil:
	// they stop when Serve's context ends.
	PoolsDrained <-chan struct{}

	// Events is what event.subscribe gives, and the progress of jobs that are waited for: the pools' own; nil: nothing ever happens.
	Events *supervisor.Events

	// Version is what ping says; "": "dev".
	Version string

	// Logger gets refused peers and failing accepts; nil: nothing is logged.
	Logger *slog.Logger

	// MaxMessageSize is the most bytes of one frame in either direction, at least jsonrpc.MinMessageSize; 0: jsonrpc.DefaultMaxMessageSize.
	MaxMessageSize int

	// MaxHeld is how many bytes the large requests in flight of all connections may hold, but for one of each connection; 0: 256 MiB.
	MaxHeld int
}

func (o Options) withDefaults() Options {
	if o.Version == "" {
		o.Version = "dev"
	}
	if o.Events == nil {
		o.Events = supervisor.NewEvents()
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.MaxMessageSize == 0 {
		o.MaxMessageSize = jsonrpc.DefaultMaxMessageSize
	}
	if o.MaxHeld == 0 {
		o.MaxHeld = maxHeldByAll
	}
	return o
}

func (o Options) validate() error {
	var faults []error
	if o.Ledger == nil {
		faults = append(faults, errors.New("Ledger: missing"))
	}
	if len(o.Pools) == 0 {
		faults = append(faults, errors.New("Pools: empty, at least one is needed"))
	}
	seen := map[string]bool{}
	for i, p := range o.Pools {
		if seen[p.Name()] {
			faults = append(faults, fmt.Errorf("Pools[%d]: a second pool named %q", i, p.Name()))
		}
		seen[p.Name()] = true
	}
	if o.MaxMessageSize < jsonrpc.MinMessageSize {
		faults = append(faults, fmt.Errorf("MaxMessageSize: %d is less than %d", o.MaxMessageSize, jsonrpc.MinMessageSize))
	}
	return errors.Join(faults...)
}
