package server

import (
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
		refusedMeta: refusedInvokeMeta,
		begin:       (*Server).invoke,
	}
}

// invoke answers with the worker's own result bytes. The call belongs to its caller: it is cancelled with the request.
func (s *Server) invoke(r *request, k *jsonrpc.Cork) {
	var p jsonrpc.InvokeParams
	if e := jsonrpc.DecodeInvoke(r.Params, &p); e != nil {
		r.end(k, nil, nil, e)
		return
	}
	err := firstError(
		checkMethod("method", p.Method),
		checkCallParams("params", p.Params),
		checkMs("timeoutMs", p.TimeoutMs),
		checkPriority("priority", p.Priority))
	if err != nil {
		r.end(k, nil, nil, err)
		return
	}
	pool, err := s.pools().named(p.Pool)
	if err != nil {
		r.end(k, nil, nil, err)
		return
	}
	if s.isDraining() {
		r.end(k, nil, nil, refuse(pool, []ledger.Job{{Method: p.Method, Trace: ledger.Trace(p.Trace)}}))
		return
	}
	r.stopWith(pool.Invoke(k, supervisor.Call{
		Method:   p.Method,
		Params:   callParams(p.Params),
		Timeout:  time.Duration(p.TimeoutMs) * time.Millisecond,
		Priority: p.Priority,
		Trace:    traceOf(p.Trace),
		Progress: r.progress,
	}, r.invoked))
}

// invoked answers with what became of a call.
func (r *request) invoked(reply supervisor.Reply, err error, k *jsonrpc.Cork) {
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
	r.end(k, reply.Result, m.AppendTo(make([]byte, 0, 96)), err)
}
