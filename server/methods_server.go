package server

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"os"
	"reflect"
	"sync"
	"time"

	"github.com/whipper-sidecar/whipper/jsonrpc"
)

func (s *Server) ping(context.Context, noParams) (jsonrpc.PingResult, error) {
	return jsonrpc.PingResult{
		Version:  s.opts.Version,
		PID:      os.Getpid(),
		UptimeMs: time.Since(s.started).Milliseconds(),
		Pools:    s.pools().names(),
	}, nil
}

// openRPC describes this interface in the OpenRPC format.
//
//go:embed openrpc.json
var openRPC []byte

// openRPCLine is the document in one line, as a frame carries it.
var openRPCLine = sync.OnceValue(func() json.RawMessage {
	var b bytes.Buffer
	if err := json.Compact(&b, openRPC); err != nil {
		panic("openrpc.json is not JSON: " + err.Error()) // found by any test that calls rpc.discover
	}
	return b.Bytes()
})

func discoverMethod() *method {
	return &method{
		params: reflect.TypeFor[noParams](),
		serve: func(_ context.Context, _ *Server, r *request) (json.RawMessage, error) {
			if e := jsonrpc.DecodeParams(r.Params, &noParams{}); e != nil {
				return nil, e
			}
			return openRPCLine(), nil
		},
	}
}
