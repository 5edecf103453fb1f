package server

import (
	"context"
	"encoding/json"
	"reflect"
	"time"

	"github.com/whipper-sidecar/whipper/jsonrpc"
	"github.com/whipper-sidecar/whipper/ledger"
	"github.com/whipper-sidecar/whipper/supervisor"
)

// refusedInvokeMeta goes with errors that come before there is a job.
var refusedInvokeMeta = json.RawMessage(`{"attempts":0,"waitMs":0,"runMs":0,"errorSource":"whipper"}`)

func invokeMethod() *method {
	return &method{
		params:      reflect.TypeFor[jsonrpc.InvokeParams](),
		intake:      true,
		refusedMeta: refusedInvokeMeta,
		serve: func(ctx context.Context, s *Server, r *request) (json.RawMessage, json.RawMessage, error) {
			var p jsonrpc.InvokeParams
			if e := jsonrpc.DecodeParams(r.Params, &p); e != nil {
				return nil, nil, e
			}
			return s.invoke(ctx, p, r.progress)
		},
	}
}

// invoke gives the worker's own result bytes. The call belongs to its caller: it is cancelled with ctx.
func (s *Server) invoke(ctx context.Context, p jsonrpc.InvokeParams, progress func(int64, json.RawMessage)) (result, meta json.RawMessage, err error) {
	err = firstError(
		checkMethod("method", p.Method),
		checkCallParams("params", p.Params),
		checkMs("timeoutMs", p.TimeoutMs),
		checkPriority("priority", p.Priority))
	if err != nil {
		return nil, nil, err
	}
	pool, err := s.pools().named(p.Pool)
	if err != nil {
		return nil, nil, err
	}
	reply, err := pool.Invoke(ctx, supervisor.Call{
		Method:   p.Method,
		Params:   callParams(p.Params),
		Timeout:  time.Duration(p.TimeoutMs) * time.Millisecond,
		Priority: p.Priority,
		Trace:    ledger.Trace(p.Trace),
		Progress: progress,
	})
	m := jsonrpc.ResponseMeta{
		Job:      reply.Job,
		Attempts: reply.Attempts,
		Worker:   reply.Worker,
		WaitMs:   reply.Wait.Milliseconds(),
		RunMs:    reply.Run.Milliseconds(),
		Dropped:  reply.Dropped,
	}
	switch {
	case err != nil:
		m.ErrorSource = string(ledger.FromWhipper)
	case reply.Error != nil:
		m.ErrorSource = string(reply.ErrorSource)
		err = reply.Error
	}
	meta, encodeErr := jsonrpc.Encode(m)
	if err == nil {
		err = encodeErr
	}
	return reply.Result, meta, err
}
