package server

import (
	"errors"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
)

// toError is the error member for err. What ended a request early, which is cause, comes before what that made of it.
func toError(cause, err error) *jsonrpc.Error {
	var e *jsonrpc.Error
	isOurs := errors.As(err, &e)
	switch {
	case errors.Is(cause, errRequestCancelled) && (!isOurs || endedByCancel(e)):
		return jsonrpc.Errorf(jsonrpc.CodeRequestCancelled, "request cancelled")
	case isOurs:
		return e
	case errors.Is(cause, errShuttingDown):
		return jsonrpc.Errorf(jsonrpc.CodeShuttingDown, "%v", errShuttingDown)
	case cause != nil:
		return jsonrpc.Errorf(jsonrpc.CodeInternalError, "%v", cause)
	default:
		return ledgerError(err)
	}
}

// endedByCancel says whether a call's error is how it tells that it was cancelled.
func endedByCancel(e *jsonrpc.Error) bool {
	return e.Code == jsonrpc.CodeRequestCancelled || e.Code == jsonrpc.CodeCancelled
}

// ledgerError is the error member for an error of the ledger.
func ledgerError(err error) *jsonrpc.Error {
	var conflict *ledger.KeyConflictError
	var job *ledger.InvalidJobError
	var open *ledger.NotEndedError
	var schedule *ledger.InvalidScheduleError
	var tooMuch *ledger.TooMuchError
	switch {
	case errors.Is(err, ledger.ErrCursor):
		return jsonrpc.Errorf(jsonrpc.CodeInvalidParams, "invalid params: %v", err)
	case errors.Is(err, ledger.ErrNotFound), errors.Is(err, ledger.ErrNoSchedule):
		return jsonrpc.Errorf(jsonrpc.CodeNotFound, "%v", err)
	case errors.As(err, &conflict), errors.As(err, &job), errors.As(err, &open), errors.As(err, &schedule):
		return jsonrpc.Errorf(jsonrpc.CodeInvalidArgument, "%v", err)
	case errors.As(err, &tooMuch):
		return jsonrpc.Errorf(jsonrpc.CodeMessageTooLarge, "%v, and no answer holds so much", err)
	default:
		return jsonrpc.Errorf(jsonrpc.CodeLedger, "ledger: %v", err)
	}
}
