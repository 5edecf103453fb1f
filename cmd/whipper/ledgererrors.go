package main

import (
	"errors"

	"github.com/whipper-sidecar/whipper/ledger"
	"github.com/whipper-sidecar/whipper/server"
)

// explainLedger is for errors of the state folder: its ledger and the place of its socket.
func explainLedger(err error) *failure {
	var (
		locked  *ledger.LockedError
		damaged *ledger.DamagedError
		schema  *ledger.SchemaError
		tooLong *server.AddressTooLongError
		inUse   *server.AddressInUseError
	)
	switch {
	case errors.As(err, &locked), errors.As(err, &damaged), errors.As(err, &schema), errors.As(err, &inUse):
		return &failure{Err: err, Code: exitLedger} // their texts say what to do
	case errors.Is(err, ledger.ErrNoLedger):
		return &failure{Err: err, Code: exitLedger} // its text says what to do
	case errors.As(err, &tooLong):
		return &failure{Err: err, Code: exitUsage, Hint: "leave --socket out: a short path is found for you where .whipper's own is too long"}
	}
	return nil
}
