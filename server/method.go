package server

import (
	"context"
	"encoding/json"
	"reflect"

	"github.com/whipper-sidecar/whipper/jsonrpc"
)

// method is one entry of the socket's interface.
type method struct {
	serve  func(ctx context.Context, s *Server, r *request) (result json.RawMessage, err error) // in a goroutine of the request's
	begin  func(s *Server, r *request, k *jsonrpc.Cork)                                         // instead: on the reader's, which it must not block; r.end follows
	intake bool                                                                                 // brings old work back, or steers a pool: refused during a drain, as new work is by refuse
	waits  bool                                                                                 // may take for ever, as what ends with its job: not waited for at the end of a drain

	refusedMeta json.RawMessage // meta of an error answer that has none of its own

	params, result reflect.Type // what rpc.discover is held against; a result of any shape has none
}

// noParams is the params of methods that have none.
type noParams struct{}

// methods is all that the socket answers; openrpc.json describes it.
var methods map[string]*method

func init() { // a table that rpc.discover reads and is in
	methods = map[string]*method{
		jsonrpc.MethodServerPing:     typed((*Server).ping),
		jsonrpc.MethodDiscover:       discoverMethod(),
		jsonrpc.MethodJobInvoke:      invokeMethod(),
		jsonrpc.MethodJobSubmit:      submitMethod(),
		jsonrpc.MethodJobSubmitBatch: typed((*Server).submitBatch),
		jsonrpc.MethodJobGet:         withRequest((*Server).get),
		jsonrpc.MethodJobList:        withRequest((*Server).list),
		jsonrpc.MethodJobWait:        waitsForJobs(withRequest((*Server).waitTelling)),
		jsonrpc.MethodJobCancel:      typed((*Server).cancelJobs),
		jsonrpc.MethodJobRetry:       refusedInDrain(typed((*Server).retryJobs)),
		jsonrpc.MethodJobPrune:       waitsForJobs(typed((*Server).pruneJobs)),
		jsonrpc.MethodPoolList:       typed((*Server).poolList),
		jsonrpc.MethodPoolStats:      withRequest((*Server).poolStats),
		jsonrpc.MethodPoolPause:      refusedInDrain(typed((*Server).poolPause)),
		jsonrpc.MethodPoolResume:     refusedInDrain(typed((*Server).poolResume)),
		jsonrpc.MethodPoolRestart:    refusedInDrain(typed((*Server).poolRestart)),
		jsonrpc.MethodPoolResize:     refusedInDrain(typed((*Server).poolResize)),
		jsonrpc.MethodWorkerList:     typed((*Server).workerList),
		jsonrpc.MethodSchedulePut:    typed((*Server).schedulePut),
		jsonrpc.MethodScheduleList:   withRequest((*Server).scheduleList),
		jsonrpc.MethodScheduleDelete: typed((*Server).scheduleDelete),
		jsonrpc.MethodSubscribe:      withRequest((*Server).subscribe),
		jsonrpc.MethodUnsubscribe:    withRequest((*Server).unsubscribe),
	}
}

// typed makes a method of a function from decoded params to a result.
func typed[P, R any](f func(*Server, context.Context, P) (R, error)) *method {
	return withRequest(func(s *Server, ctx context.Context, _ *request, p P) (R, error) { return f(s, ctx, p) })
}

// withRequest is typed for what must know the connection.
func withRequest[P, R any](f func(*Server, context.Context, *request, P) (R, error)) *method {
	return &method{
		params: reflect.TypeFor[P](),
		result: reflect.TypeFor[R](),
		serve: func(ctx context.Context, s *Server, req *request) (json.RawMessage, error) {
			var p P
			if e := jsonrpc.DecodeParams(req.Params, &p); e != nil {
				return nil, e
			}
			r, err := f(s, ctx, req, p)
			if err != nil {
				return nil, err
			}
			return jsonrpc.Encode(r)
		},
	}
}

// refusedInDrain is for what brings old work back, or would get in the way of a pool's end.
func refusedInDrain(m *method) *method {
	m.intake = true
	return m
}

func waitsForJobs(m *method) *method {
	m.waits = true
	return m
}

func unknownMethod(name string) *jsonrpc.Error {
	return jsonrpc.Errorf(jsonrpc.CodeMethodNotFound, "method %q not found; %s lists the methods", name, jsonrpc.MethodDiscover)
}
